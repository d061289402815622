"""The fixers: what changes files."""

from orchestrator.fixers.base import BatchFixer, FileFixer
from orchestrator.fixers.outcome import Edit, NoChange, Refusal, Source

__all__ = ["BatchFixer", "Edit", "FileFixer", "NoChange", "Refusal", "Source"]
