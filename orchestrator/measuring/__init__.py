"""Measures what tests hold of the memory, before and after a change, and what that is worth."""
