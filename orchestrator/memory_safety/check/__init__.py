"""Checks test files against the pattern, outside any plan."""
