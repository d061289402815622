"""Where the migration stands: derived from plan, records and tree, and never written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.base.outcomes import TargetOutcome, TargetState
from orchestrator.plan.model import Phase, PhaseState, Place, Plan, Target
from orchestrator.records.record import Record, TargetRecord
from orchestrator.records.strays import Stray

SETTLED = frozenset({TargetState.DONE, TargetState.EDITED, TargetState.COMPLIANT})
"""States that count as progress."""

OPEN = frozenset({TargetState.PENDING, TargetState.REGRESSED, TargetState.DRIFTED})
"""States that a run of the batch would work on."""


WAITING = frozenset(
    {TargetState.QUARANTINED, TargetState.REVERTED, TargetState.MISSING, TargetState.MANUAL}
)
"""States in which a target waits for a person: no run works on it."""


_NOT_FOR_A_RUN = frozenset({TargetState.MANUAL, TargetState.MISSING, TargetState.REVERTED})
"""States of targets that do not keep a batch open."""


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """One target: where it stands, and why where that is not plain."""

    target: Target
    state: TargetState
    why: str = ""


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """One batch with its targets, and the record in the tree."""

    place: Place
    targets: Sequence[TargetStatus]
    record: Record | None
    is_open: bool = field(init=False)
    """Whether a run would work on it: never recorded, or a target regressed."""

    def __post_init__(self) -> None:
        # once: the scheduler asks this of every batch whenever one landed
        object.__setattr__(self, "is_open", self._is_open())

    def _is_open(self) -> bool:
        automatic = [t for t in self.targets if t.state not in _NOT_FOR_A_RUN]
        if self.place.phase.state is PhaseState.DONE or not automatic:
            return False
        return self.record is None or any(t.state in OPEN for t in automatic)

    @property
    def open_targets(self) -> list[Target]:
        """What a run of the batch works on: not what is settled, quarantined or for a person."""
        return [t.target for t in self.targets if t.state in OPEN or self._unrecorded(t)]

    def _unrecorded(self, target: TargetStatus) -> bool:
        """Whether a file has it all and was never recorded; a run says so in the record."""
        return (
            target.state in {TargetState.COMPLIANT, TargetState.DEFERRED}
            and self.entry(target) is None
        )

    def entry(self, target: TargetStatus) -> TargetRecord | None:
        """What the record holds of one target."""
        entries = self.record.targets if self.record else ()
        return next((e for e in entries if e.path == target.target.path), None)

    def is_skipped(self, target: TargetStatus) -> bool:
        """Whether a person decided that it stays as it is."""
        entry = self.entry(target)
        return entry is not None and entry.done is TargetOutcome.SKIPPED

    def settled(self) -> int:
        """How many targets count as progress."""
        return sum(target.state in SETTLED for target in self.targets)


@dataclass(frozen=True, slots=True)
class PhaseStatus:
    """One phase with its batches."""

    phase: Phase
    batches: Sequence[BatchStatus]

    @property
    def files_done(self) -> int:
        """How many files of the phase count as progress."""
        if self.phase.state is PhaseState.DONE:
            return self.phase.file_count()
        return sum(batch.settled() for batch in self.batches)

    def count(self, state: TargetState) -> int:
        """How many named targets are in `state`."""
        return sum(t.state is state for batch in self.batches for t in batch.targets)

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is open, and nothing waits for a person."""
        if self.phase.state is not PhaseState.ACTIVE:
            return self.phase.state is PhaseState.DONE
        return self.files_done + self.count(TargetState.DEFERRED) >= self.phase.file_count()

    @property
    def is_unlocked(self) -> bool:
        """Whether what depends on it may begin: no batch of it is open."""
        return self.phase.state is PhaseState.DONE or not any(b.is_open for b in self.batches)


@dataclass(frozen=True, slots=True)
class Status:
    """The whole plan, and the batch that comes next (None: nothing is left for a run to do)."""

    plan: Plan
    phases: Sequence[PhaseStatus]
    next: Place | None
    reverted: Mapping[str, str] = field(default_factory=dict)
    """The records that were reverted with their code, each with by whom and when."""

    strays: Sequence[Stray] = ()
    """The records of no batch of the plan."""

    @property
    def files_done(self) -> int:
        """Files that count as progress, over all phases."""
        return sum(phase.files_done for phase in self.phases)

    @property
    def files(self) -> int:
        """Files of the whole plan."""
        return sum(phase.phase.file_count() for phase in self.phases)

    def unresolved(self) -> Iterator[tuple[BatchStatus, TargetStatus]]:
        """What waits for a person, in plan order; deferred phases wait by themselves."""
        for phase in self.phases:
            if phase.phase.state is PhaseState.ACTIVE:
                for batch in phase.batches:
                    for target in batch.targets:
                        if target.state in WAITING:
                            yield batch, target

    def batch(self, place: Place) -> BatchStatus:
        """The status of one batch."""
        return next(b for p in self.phases for b in p.batches if b.place.name == place.name)


def open_batches(phases: Sequence[PhaseStatus], *, deferred: bool = False) -> Iterator[Place]:
    """The batches a run may do now, in plan order: open, not deferred, nothing before them open."""
    unlocked = {phase.phase.id for phase in phases if phase.is_unlocked}
    for phase in phases:
        if phase.phase.state is PhaseState.DEFERRED and not deferred:
            continue
        if not unlocked.issuperset(phase.phase.depends_on):
            continue
        open_ids = {batch.place.batch.id for batch in phase.batches if batch.is_open}
        for batch in phase.batches:
            if batch.is_open and open_ids.isdisjoint(batch.place.batch.depends_on):
                yield batch.place
