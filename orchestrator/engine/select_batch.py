"""Chooses the batch of a run: the first open one in plan order, or the one that is named."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.base.escape import as_argument
from orchestrator.base.outcomes import TargetState
from orchestrator.base.text import listed, suggestion
from orchestrator.errors import BadInput
from orchestrator.plan.model import PhaseState, Place
from orchestrator.plan.patterns import is_pattern
from orchestrator.records.status import Status, open_batches


@dataclass(frozen=True, slots=True)
class BatchSelector:
    """What the user narrowed the run to; a batch may be given as `batch` or `phase/batch`."""

    phase: str | None = None
    batch: str | None = None


def select_batch(status: Status, selector: BatchSelector) -> Place | None:
    """The batch to do, or None where nothing (of what was named) is left to do.

    A named phase or batch may be deferred: naming it is the decision. What it depends on must be
    done all the same.

    Raises:
        BadInput: no phase or batch is called so, or the name fits several batches.
    """
    phase_id, batch_id = _split(selector)
    if phase_id is None and batch_id is None:
        return status.next
    phases = [p for p in status.phases if phase_id in {None, p.phase.id}]
    if not phases:
        hint = suggestion(str(phase_id), [p.phase.id for p in status.phases])
        raise BadInput(f"no phase is called {phase_id!r}{hint}", next_step="orchestrate status")
    if batch_id is None:
        mine = (p for p in open_batches(status.phases, deferred=True) if p.phase.id == phase_id)
        if (place := next(mine, None)) is None:
            _refuse_waiting(status, [b.place for b in phases[0].batches])
        return place
    found = [b.place for p in phases for b in p.batches if b.place.batch.id == batch_id]
    if len(found) != 1:
        raise _not_one(batch_id, found, status)
    possible = {place.name for place in open_batches(status.phases, deferred=True)}
    if found[0].name in possible:
        return found[0]
    _refuse_waiting(status, found)
    _refuse_held(status, found[0])
    return None


def refuse_absent(status: Status) -> None:
    """Where a run has nothing left to do, say which targets it could not work on.

    Raises:
        BadInput: there are no such files.
    """
    absent = [
        target.target.path
        for _, target in status.unresolved()
        if target.state is TargetState.MISSING
    ]
    if not absent:
        return
    if patterns := [path for path in absent if is_pattern(path)]:
        raise BadInput(
            f"{listed(patterns)} is a pattern, and a batch needs the files it means",
            next_step="orchestrate plan --update",
        )
    raise BadInput(
        f"the plan names files that do not exist: {listed(absent)}",
        next_step="orchestrate plan --update, or correct their paths in the plan, or: "
        f"orchestrate skip {as_argument(absent[0])} --reason WHY",
    )


def _refuse_held(status: Status, place: Place) -> None:
    """Say so where a named batch was reverted, or its files are not there.

    Raises:
        BadInput: it waits for a person.
    """
    batch = status.batch(place)
    for target in batch.targets:
        if target.state is TargetState.REVERTED:
            raise BadInput(
                f"{place.name} was reverted {target.why}, and waits",
                next_step=f"orchestrate retry {place.name}",
            )
        if target.state is TargetState.MISSING:
            raise BadInput(
                f"{place.name} names a file that does not exist: {target.target.path!r}; "
                f"{target.why}",
                next_step="orchestrate plan --update, or: "
                f"orchestrate skip {as_argument(target.target.path)} --reason WHY",
            )


def queue(status: Status, selector: BatchSelector) -> list[Place]:
    """The batches that may be done now, first the one that `select_batch` chooses.

    Raises:
        BadInput: as `select_batch`.
    """
    first = select_batch(status, selector)
    if first is None:
        return []
    phase_id, batch_id = _split(selector)
    if batch_id is not None:
        return [first]
    places = open_batches(status.phases, deferred=phase_id is not None)
    return [place for place in places if phase_id in {None, place.phase.id}]


def _split(selector: BatchSelector) -> tuple[str | None, str | None]:
    if selector.batch and "/" in selector.batch:
        phase_id, _, batch_id = selector.batch.partition("/")
        if selector.phase not in {None, phase_id}:
            raise BadInput(
                f"--phase {selector.phase} and --batch {selector.batch} contradict each other"
            )
        return phase_id, batch_id
    return selector.phase, selector.batch


def _refuse_waiting(status: Status, places: list[Place]) -> None:
    """Say so where a named batch is open and waits for others; nothing where it is done.

    Raises:
        BadInput: something it depends on is still open.
    """
    for place in places:
        if place.phase.state is not PhaseState.DONE and status.batch(place).is_open:
            needs = [*place.phase.depends_on, *place.batch.depends_on]
            raise BadInput(
                f"{place.name} has to wait: it depends on {', '.join(needs)}",
                next_step="orchestrate next-batch",
            )


def _not_one(batch_id: str, found: list[Place], status: Status) -> BadInput:
    if found:
        names = ", ".join(place.name for place in found)
        return BadInput(
            f"several batches are called {batch_id!r}: {names}",
            next_step=f"orchestrate next-batch --batch {as_argument(found[0].name)}",
        )
    known = [b.place.batch.id for p in status.phases for b in p.batches]
    return BadInput(
        f"no batch is called {batch_id!r}{suggestion(batch_id, known)}",
        next_step="orchestrate status",
    )
