"""Judges one task in a checkout, and leaves the checkout as it was."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from orchestrator.base.changes import FILE_MODE, PROGRAM_MODE, Unit
from orchestrator.engine.batch import open_batch
from orchestrator.engine.context.events import Event, Picked, TestsRan
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.run_batch import Candidate, verify_batch
from orchestrator.engine.selection import Selection
from orchestrator.errors import Interrupted, OrchestrateError
from orchestrator.parallel.places import TOP, relocated
from orchestrator.parallel.task import Answer, BatchTask, Judged, TaskFailed
from orchestrator.vcs import worktrees


def judged(context: RunContext, task: BatchTask) -> Answer:
    """Return what the batch comes to on the commit that the checkout of `context` holds.

    Events are emitted as they happen and are part of the answer as well. In its texts, `TOP` stands
    for the top of the checkout.
    """
    told: list[Event] = []
    emit = context.emit

    def remember(event: Event) -> None:
        if not isinstance(event, TestsRan):
            told.append(event)
        emit(event)

    context = context.with_emit(remember)
    if context.opened_files is not None:
        with contextlib.suppress(OSError):  # it says itself that it does not hear all
            context.opened_files.renew(["", *worktrees.folders(context.repo)])
    try:
        place = next(p for p in context.plan.places() if p.name == task.place)
        batch = context.workspace.status().batch(place)
        targets = [target for target in place.batch.targets if target.path in task.paths]
        remember(Picked(place, len(targets)))
        with open_batch(context, Selection.of(batch, targets)) as run:
            candidate = verify_batch(run, also=task.also)
            if candidate.may_land(record_failures=True):
                run.tx.must_be_as_judged(candidate.contents)
    except Interrupted:
        raise  # the end of this process says nothing of the batch
    except OrchestrateError as error:
        return TaskFailed(task, error, told)
    answer = Judged(task, _with_plain_modes(candidate), run.dependencies.found, told)
    return relocated(answer, {str(context.top): TOP})


def _with_plain_modes(candidate: Candidate) -> Candidate:
    """The same with the two modes that git knows: others of this machine mean nothing elsewhere."""
    reached = candidate.reached
    kept = [_with_plain_mode(unit) for unit in reached.kept]
    rejected = {
        path: replace(taken, unit=_with_plain_mode(taken.unit))
        for path, taken in reached.rejected.items()
    }
    return replace(candidate, reached=replace(reached, kept=kept, rejected=rejected))


def _with_plain_mode(unit: Unit) -> Unit:
    changes = [
        replace(change, mode=PROGRAM_MODE if change.mode & 0o100 else FILE_MODE)
        for change in unit.changes
    ]
    return replace(unit, changes=tuple(changes))
