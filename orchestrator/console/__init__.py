"""Prints for people: the one room that knows rich."""
