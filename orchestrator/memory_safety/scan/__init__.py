"""Counts what there is to fix in every test file of a project."""
