"""Tells how long the rest would take here, from what the batches that landed here took."""

from __future__ import annotations

from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.run_log import Took, logged_seconds
from orchestrator.records.pace import seconds_left
from orchestrator.records.status import Status
from orchestrator.vcs import find_top
from orchestrator.vcs.state_folder import state_folder


def seconds_here(workspace: Workspace) -> dict[str, Took]:
    """What every batch that landed on this machine took, by its name."""
    if find_top(workspace.top) is None:
        return {}
    return logged_seconds(state_folder(workspace.top), workspace.plan.name)


def pace_here(workspace: Workspace, status: Status) -> float | None:
    """How many seconds a run over what is left would take on this machine; None: nobody knows."""
    took = {n: (one.files, sum(one.seconds.values())) for n, one in seconds_here(workspace).items()}
    return seconds_left(status, took)
