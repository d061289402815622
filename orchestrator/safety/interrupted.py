"""Tells whether an interrupted run left something, without what only its recovery needs."""

from __future__ import annotations

from orchestrator.errors import Locked
from orchestrator.git import find_folder
from orchestrator.safety.lock import only_run
from orchestrator.workspace import Workspace


def interrupted_run(workspace: Workspace) -> bool:
    """Whether a run began here that neither goes on nor came to its end; starts no git."""
    folder = find_folder(workspace.top) / "orchestrate"
    if not (folder / "journal.json").exists():
        return False
    try:
        with only_run(folder):
            return True
    except Locked:
        return False
