"""Judges one task in a checkout, and leaves the checkout as it was."""

from __future__ import annotations

import contextlib
from dataclasses import replace

from orchestrator.batch.carry import Candidate, begun, judge
from orchestrator.batch.selection import Selection
from orchestrator.changes import FILE_MODE, PROGRAM_MODE, Unit
from orchestrator.errors import Interrupted, OrchestrateError
from orchestrator.events import Event, Picked, TestsRan
from orchestrator.gates.reads import Reads
from orchestrator.git import worktrees
from orchestrator.jobs.places import TOP, rewritten
from orchestrator.jobs.task import Answer, Failed, Judged, Task
from orchestrator.safety.session import Session


def judged(session: Session, task: Task) -> Answer:
    """What the batch comes to on the commit that the checkout of `session` holds.

    What is told on the way is told to the session as well. In the texts of the answer, `TOP` stands
    for the top of the checkout.
    """
    told: list[Event] = []
    tell = session.tell

    def remember(event: Event) -> None:
        if not isinstance(event, TestsRan):
            told.append(event)
        tell(event)

    session.tell = remember
    session.reads = Reads()
    if session.opens is not None:
        with contextlib.suppress(OSError):  # it says itself that it does not hear all
            session.opens.renew(["", *worktrees.folders(session.repo)])
    try:
        place = next(p for p in session.plan.places() if p.name == task.place)
        batch = session.workspace.status().batch(place)
        targets = [target for target in place.batch.targets if target.path in task.paths]
        remember(Picked(place, len(targets)))
        with begun(session, Selection.of(batch, targets)) as work:
            candidate = judge(work, also=task.also)
            if candidate.may_land(record_failures=True):
                work.tx.must_be_as_judged(candidate.contents)
    except Interrupted:
        raise  # the end of this process says nothing of the batch
    except OrchestrateError as error:
        return Failed(task, error, told)
    finally:
        session.tell = tell
    answer = Judged(task, _with_plain_modes(candidate), session.reads, told)
    return rewritten(answer, {str(session.workspace.top): TOP})


def _with_plain_modes(candidate: Candidate) -> Candidate:
    """The same with the two modes that git knows: others of this machine mean nothing elsewhere."""
    reached = candidate.reached
    kept = [_with_plain_mode(unit) for unit in reached.kept]
    taken_out = {
        path: replace(taken, unit=_with_plain_mode(taken.unit))
        for path, taken in reached.taken_out.items()
    }
    return replace(candidate, reached=replace(reached, kept=kept, taken_out=taken_out))


def _with_plain_mode(unit: Unit) -> Unit:
    changes = [
        replace(change, mode=PROGRAM_MODE if change.mode & 0o100 else FILE_MODE)
        for change in unit.changes
    ]
    return replace(unit, changes=tuple(changes))
