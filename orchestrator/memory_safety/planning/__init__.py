"""Drafts the plan of the migration from what a scan found."""
