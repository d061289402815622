"""Tries again what was given up, after its cause is gone."""

from __future__ import annotations

import time

from orchestrator.batch.carry import carry
from orchestrator.batch.named import Named, given_up, named
from orchestrator.batch.selection import Selection
from orchestrator.batch.settle import Landed, Stopped
from orchestrator.batch.story import Ending, Series
from orchestrator.events import Picked, Tell
from orchestrator.foreign import as_argument
from orchestrator.progress.status import OPEN, State
from orchestrator.safety.session import How, session
from orchestrator.workspace import Workspace

_AGAIN = OPEN | {State.QUARANTINED, State.REVERTED}


def _to_retry(found: Named) -> Named:
    """What a run may work on: what is open or was given up, and what somebody skipped."""
    named_ = {target.target.path for target in found.targets}
    entries = [found.batch.entry(target) for target in found.targets]
    together = {path for entry in entries if entry for path in entry.unit}
    return Named(
        found.batch,
        [
            target
            for target in found.batch.targets
            if target.target.path in named_ | together
            and target.target.manual is None
            and (target.state in _AGAIN or found.batch.is_skipped(target))
        ],
    )


def retry(workspace: Workspace, name: str | None, how: How, tell: Tell) -> Series:
    """Carry what was given up to a commit: of `name`, or batch by batch all there is.

    What fails again stays as it was recorded, and makes no commit.

    Raises:
        BadInput: nothing is called `name`.
        OrchestrateError: as for a batch.
    """
    started = time.monotonic()
    results: list[Landed | Stopped] = []
    command = "retry" if name is None else f"retry {as_argument(name)}"
    with session(workspace, how, tell, command=command) as work:
        status = workspace.status()
        if name is None:
            wanted = list(given_up(status))
        else:
            wanted = [_to_retry(named(status, name, top=workspace.top))]
        for one in wanted:
            if one.targets:
                targets = [target.target for target in one.targets]
                work.tell(Picked(one.batch.place, len(targets)))
                results.append(carry(work, Selection.of(one.batch, targets), record_failures=False))
    waiting = next(workspace.status().unresolved(), None) is not None
    return Series(results, Ending.RETRIED, time.monotonic() - started, waiting)
