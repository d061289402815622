"""What changes files: the protocol, the registry, and a module or folder for each fixer."""

from orchestrator.fixers.base import BatchFixer, Edit, FileFixer, NoChange, Refusal, Source

__all__ = ["BatchFixer", "Edit", "FileFixer", "NoChange", "Refusal", "Source"]
