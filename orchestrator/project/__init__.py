"""Reads how a Python project runs its tests: its folder, and its configuration of pytest."""
