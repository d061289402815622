"""Drafts a plan from what a repository holds."""
