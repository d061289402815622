"""The fixers: what changes files."""

from orchestrator.fixers.base import BatchFixer, Edit, FileFixer, NoChange, Refusal, Source

__all__ = ["BatchFixer", "Edit", "FileFixer", "NoChange", "Refusal", "Source"]
