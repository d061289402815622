"""Tells what an edit broke from what failed before it."""
