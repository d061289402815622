"""Finds what a person names on the command line: a batch, or one file of it."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.escape import as_argument
from orchestrator.base.outcomes import TargetState
from orchestrator.base.text import suggestion
from orchestrator.errors import BadInput
from orchestrator.records.status import BatchStatus, Status, TargetStatus


@dataclass(frozen=True, slots=True)
class FoundTargets:
    """Some targets of one batch."""

    batch: BatchStatus
    targets: Sequence[TargetStatus]

    def of_states(self, states: Collection[TargetState]) -> FoundTargets:
        """Only those in one of `states`."""
        return FoundTargets(self.batch, [t for t in self.targets if t.state in states])


def find_targets(status: Status, name: str, *, top: Path) -> FoundTargets:
    """What `name` stands for: PHASE/BATCH, BATCH, or a target's file from here or from the top.

    Raises:
        BadInput: nothing is called so, or several batches are.
    """
    batches = [batch for phase in status.phases for batch in phase.batches]
    if found := _file(batches, name, top):
        return found
    fitting = [b for b in batches if name in {b.place.name, b.place.batch.id}]
    exact = [b for b in fitting if b.place.name == name]
    if len(exact or fitting) == 1:
        batch = (exact or fitting)[0]
        return FoundTargets(batch, batch.targets)
    if fitting:
        names = ", ".join(batch.place.name for batch in fitting)
        raise BadInput(
            f"several batches are called {name!r}: {names}",
            next_step=f"orchestrate show {as_argument(fitting[0].place.name)}",
        )
    known = [*(b.place.name for b in batches), *(t.target.path for b in batches for t in b.targets)]
    raise BadInput(
        f"no batch and no file of the plan is called {name!r}{suggestion(name, known)}",
        next_step="orchestrate status",
    )


def quarantined(status: Status) -> Iterator[FoundTargets]:
    """Every batch with the targets of it that were quarantined, in plan order."""
    found: dict[str, tuple[BatchStatus, list[TargetStatus]]] = {}
    for batch, target in status.unresolved():
        if target.state is TargetState.QUARANTINED:
            found.setdefault(batch.place.name, (batch, []))[1].append(target)
    for batch, targets in found.values():
        yield FoundTargets(batch, targets)


def _file(batches: Sequence[BatchStatus], name: str, top: Path) -> FoundTargets | None:
    paths = {name, os.path.relpath(Path.cwd() / name, top).replace(os.sep, "/")}
    for batch in batches:
        if mine := [target for target in batch.targets if target.target.path in paths]:
            return FoundTargets(batch, mine)
    return None
