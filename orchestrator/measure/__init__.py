"""Measures how much memory tests hold, before a change and after it."""
