"""Tells how long the rest would take here, from what the batches that landed here took."""

from __future__ import annotations

from orchestrator.batch.runlog import Took, logged_seconds
from orchestrator.git import find_folder, find_top
from orchestrator.progress.pace import seconds_left
from orchestrator.progress.status import Status
from orchestrator.workspace import Workspace


def seconds_here(workspace: Workspace) -> dict[str, Took]:
    """What every batch that landed on this machine took, by its name."""
    if find_top(workspace.top) is None:
        return {}
    return logged_seconds(find_folder(workspace.top) / "orchestrate", workspace.plan.name)


def pace_here(workspace: Workspace, status: Status) -> float | None:
    """How many seconds a run over what is left would take on this machine; None: nobody knows."""
    took = {n: (one.files, sum(one.seconds.values())) for n, one in seconds_here(workspace).items()}
    return seconds_left(status, took)
