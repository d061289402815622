"""How a Python project runs its tests."""
