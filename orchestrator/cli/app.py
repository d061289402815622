"""All commands together. What a command needs is imported when it is called."""

from __future__ import annotations

from orchestrator.cli.declared import files, plans, runs, views
from orchestrator.cli.declared.application import app

__all__ = ["app", "files", "plans", "runs", "views"]
