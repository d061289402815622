"""Tells whether an interrupted run left something, without what only its recovery needs."""

from __future__ import annotations

from orchestrator.git import find_folder
from orchestrator.safety.lock import is_free
from orchestrator.workspace import Workspace


def interrupted_run(workspace: Workspace) -> bool:
    """Whether a run began here that neither goes on nor came to its end; starts no git."""
    folder = find_folder(workspace.top) / "orchestrate"
    left = (folder / "journal.json", folder / "advance.json")
    return any(file.exists() for file in left) and is_free(folder)
