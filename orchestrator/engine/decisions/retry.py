"""Tries again what was quarantined, after its cause is gone."""

from __future__ import annotations

import time

from orchestrator.base.escape import as_argument
from orchestrator.base.outcomes import TargetState
from orchestrator.engine.context.events import EventHandler, Picked
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import run_context
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.find_targets import FoundTargets, find_targets, quarantined
from orchestrator.engine.next_batch import Ending, Series
from orchestrator.engine.results import Landed, Stopped
from orchestrator.engine.run_batch import run_batch
from orchestrator.engine.selection import Selection
from orchestrator.records.status import OPEN

_AGAIN = OPEN | {TargetState.QUARANTINED, TargetState.REVERTED}


def _to_retry(found: FoundTargets) -> FoundTargets:
    """What a run may work on: what is open or was quarantined, and what somebody skipped."""
    named_ = {target.target.path for target in found.targets}
    entries = [found.batch.entry(target) for target in found.targets]
    together = {path for entry in entries if entry for path in entry.unit}
    return FoundTargets(
        found.batch,
        [
            target
            for target in found.batch.targets
            if target.target.path in named_ | together
            and target.target.manual is None
            and (target.state in _AGAIN or found.batch.is_skipped(target))
        ],
    )


def retry(
    workspace: Workspace, name: str | None, options: RunOptions, emit: EventHandler
) -> Series:
    """Carry what was quarantined to a commit: of `name`, or batch by batch all there is.

    What fails again stays as it was recorded, and makes no commit.

    Raises:
        BadInput: nothing is called `name`.
        OrchestrateError: as for a batch.
    """
    started = time.monotonic()
    results: list[Landed | Stopped] = []
    command = "retry" if name is None else f"retry {as_argument(name)}"
    with run_context(workspace, options, emit, command=command) as context:
        status = workspace.status()
        if name is None:
            wanted = list(quarantined(status))
        else:
            wanted = [_to_retry(find_targets(status, name, top=workspace.top))]
        for one in wanted:
            if one.targets:
                targets = [target.target for target in one.targets]
                context.emit(Picked(one.batch.place, len(targets)))
                results.append(
                    run_batch(context, Selection.of(one.batch, targets), record_failures=False)
                )
    waiting = next(workspace.status().unresolved(), None) is not None
    return Series(results, Ending.RETRIED, time.monotonic() - started, waiting)
