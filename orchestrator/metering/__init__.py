"""Reads the memory of a running pytest: from outside by its processes, from inside by its tests."""
