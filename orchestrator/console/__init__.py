"""Prints for people: the one package that imports rich."""
