"""The story of `next-batch`: pick a batch, carry it to its commit, go on as far as asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.base.outcomes import TargetState
from orchestrator.engine.context.events import EventHandler, Picked
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import RunContext, run_context
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.results import Landed, NothingToDo, Result, Stopped
from orchestrator.engine.run_batch import run_batch
from orchestrator.engine.select_batch import BatchSelector, refuse_absent, select_batch
from orchestrator.engine.selection import Selection
from orchestrator.errors import Exit
from orchestrator.worktrees.fast_forward import ParkedCommits

_TIMES = 3
"""A batch that lands so often in one series is opened again by another one each time."""


class Ending(StrEnum):
    """Why a series of batches came to its end."""

    ALL_DONE = "nothing is left for a run to do"
    LIMIT = "as many batches as were asked for"
    RETRIED = "what had been quarantined was tried again"
    STOPPED = "a batch could not be judged, or was rolled back"
    TOO_MANY = "too many files had to be quarantined"
    NOTHING_HAPPENED = "the fixer changed none of the first files of its phase"
    STILL_OPEN = "a batch is still open although it landed"


@dataclass(frozen=True, slots=True)
class Series:
    """Several batches in a row, and why there are no more."""

    results: Sequence[Landed | Stopped]
    ending: Ending
    duration_s: float
    waiting: bool
    """Whether anything of the plan waits for a person now."""

    kept: ParkedCommits | None = None
    """Where the commits are that could not be brought onto the user's branch."""

    @property
    def exit_code(self) -> Exit:
        """The worst of its batches: RED before CANNOT_JUDGE before DONE.

        CHANGED_MEANWHILE where all is well, and could not be brought in.
        """
        codes = {result.exit_code for result in self.results}
        done = Exit.CHANGED_MEANWHILE if self.kept else Exit.DONE
        return next((code for code in (Exit.RED, Exit.CANNOT_JUDGE) if code in codes), done)


def next_batch(
    workspace: Workspace, selector: BatchSelector, options: RunOptions, emit: EventHandler
) -> Result:
    """Carry one batch from the plan to a commit, or restore everything as it was.

    Raises:
        OrchestrateError: why nothing could be done, or why the run ended; what it wrote is undone.
    """
    with run_context(workspace, options, emit) as context:
        result = _one(context, selector)
        if result is None:
            refuse_absent(context.workspace.status())
        return result or NothingToDo()


def next_batches(
    workspace: Workspace,
    selector: BatchSelector,
    options: RunOptions,
    emit: EventHandler,
    *,
    limit: int | None,
    results: list[Landed | Stopped] | None = None,
) -> Series:
    """Run batch after batch, until none of `selector` is left or `limit` is reached.

    `results` is added to while it goes on, for whoever has to know should it end with an error.

    Raises:
        OrchestrateError: as for one batch; what landed before it stays.
    """
    started = time.monotonic()
    results = [] if results is None else results
    with run_context(workspace, options, emit) as context:
        while True:
            ending = ending_of(results, limit, workspace.plan.verify.stop_after)
            if ending is None:
                result = _one(context, selector)
                if result is not None:
                    results.append(result)
                    continue
                ending = Ending.ALL_DONE
                if not results:
                    refuse_absent(workspace.status())
            waiting = next(workspace.status().unresolved(), None) is not None
            return Series(results, ending, time.monotonic() - started, waiting)


def _one(context: RunContext, selector: BatchSelector) -> Landed | Stopped | None:
    status = context.workspace.status()
    place = select_batch(status, selector)
    if place is None:
        return None
    batch = status.batch(place)
    selection = Selection.of(batch, batch.open_targets)
    context.emit(Picked(place, len(selection.targets)))
    for target in batch.targets:
        if target.state is TargetState.MISSING:
            context.say(f"{target.target.path} is left out: {target.why}")
    return run_batch(context, selection, record_failures=True)


def ending_of(
    results: Sequence[Landed | Stopped], limit: int | None, stop_after: int
) -> Ending | None:
    """Why there should be no further batch, or None where there should."""
    if not results:
        return None
    last = results[-1]
    if isinstance(last, Stopped):
        return Ending.STOPPED
    landed = [result for result in results if isinstance(result, Landed)]
    same_again = last.next is not None and last.next.name == last.place.name
    times = sum(result.place.name == last.place.name for result in landed)
    reasons = {
        Ending.NOTHING_HAPPENED: last.did_nothing,
        Ending.TOO_MANY: sum(len(r.found.rejected) for r in landed) >= stop_after,
        Ending.STILL_OPEN: same_again or times >= _TIMES,
        Ending.LIMIT: limit is not None and len(results) >= limit,
    }
    return next((ending for ending, holds in reasons.items() if holds), None)
