"""Codemods of this project."""
