"""Finds out where the migration stands: each target beside its record and its file as it is now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.base.outcomes import (
    STATE_OF,
    FileNow,
    TargetOutcome,
    TargetState,
)
from orchestrator.plan.model import Phase, PhaseState, Place, Plan, Target
from orchestrator.plan.patterns import is_pattern
from orchestrator.records.record import (
    Record,
    TargetRecord,
    definition,
    read_record,
    record_path,
    records_of,
)
from orchestrator.records.status import BatchStatus, PhaseStatus, Status, TargetStatus, open_batches
from orchestrator.records.strays import strays
from orchestrator.records.tree import WorkTree

_FOLLOW = "orchestrate plan --update follows it"


@dataclass(frozen=True, slots=True)
class Compliance:
    """How the fixer of a phase judges a file, given by the caller: fixers are not known here."""

    has_traces: Callable[[Phase, bytes], bool]
    is_clean: Callable[[Phase, Target, bytes], bool | None]


def status(
    tree: WorkTree,
    plan: Plan,
    compliance: Compliance,
    *,
    records_only: bool = False,
    at_work: Collection[str] = (),
) -> Status:
    """The status of `plan` in a work tree.

    With `records_only` its files are elsewhere, and what the records say is taken for true. The
    files `at_work` hold what a run tries at this moment: nothing of it has landed.

    Raises:
        BadInput: a record cannot be read.
    """
    records = {phase.id: records_of(tree, plan, phase) for phase in plan.phases}
    absent = [
        record_path(plan, Place(phase, batch, number))
        for phase in plan.phases
        if phase.state is PhaseState.ACTIVE and not records_only
        for number, batch in enumerate(phase.batches, start=1)
        if records[phase.id][number - 1] is None
    ]
    reverted = tree.git.reverted(absent)
    reader = _StatusReader(
        tree, plan, compliance, reverted, records_only=records_only, at_work=at_work
    )
    phases = [reader.phase(phase, records[phase.id]) for phase in plan.phases]
    lost = strays(tree, plan)
    return Status(plan, phases, next(open_batches(phases), None), reverted, lost)


def refreshed(
    old: Status, tree: WorkTree, compliance: Compliance, changed: Collection[str]
) -> Status:
    """The status by now, where these files are all that changed since the `old` one.

    Raises:
        BadInput: a record cannot be read.
    """
    plan = old.plan
    reader = _StatusReader(tree, plan, compliance, old.reverted, records_only=False)
    phases = []
    for phase in old.phases:
        batches = [
            reader.batch(batch.place) if _is_about(plan, batch.place, changed) else batch
            for batch in phase.batches
        ]
        phases.append(PhaseStatus(phase.phase, batches))
    return Status(plan, phases, next(open_batches(phases), None), old.reverted, old.strays)


def _is_about(plan: Plan, place: Place, changed: Collection[str]) -> bool:
    return record_path(plan, place) in changed or any(
        target.path in changed for target in place.batch.targets
    )


class _StatusReader:
    def __init__(
        self,
        tree: WorkTree,
        plan: Plan,
        compliance: Compliance,
        reverted: Mapping[str, str],
        *,
        records_only: bool,
        at_work: Collection[str] = (),
    ) -> None:
        self._records_only = records_only
        self._at_work = at_work
        self._tree = tree
        self._reverted = reverted
        self._plan = plan
        self._compliance = compliance

    def phase(self, phase: Phase, records: Sequence[Record | None]) -> PhaseStatus:
        batches = [
            self._batch(Place(phase, batch, index), record)
            for index, (batch, record) in enumerate(
                zip(phase.batches, records, strict=True), start=1
            )
        ]
        return PhaseStatus(phase, batches)

    def batch(self, place: Place) -> BatchStatus:
        """One batch, its record read anew."""
        return self._batch(place, read_record(self._tree, self._plan, place))

    def _batch(self, place: Place, record: Record | None) -> BatchStatus:
        if record is None:
            why = self._reverted.get(record_path(self._plan, place), "")
            targets = [
                _held_back(self._unrecorded(place.phase, target), why)
                for target in place.batch.targets
            ]
        else:
            known: dict[str, TargetRecord] = {target.path: target for target in record.targets}
            drifted = record.definition != definition(place)
            targets = [
                self._recorded(place.phase, target, known.get(target.path), drifted=drifted)
                for target in place.batch.targets
            ]
        if self._at_work:
            targets = [self._unless_at_work(target) for target in targets]
        return BatchStatus(place, targets, record)

    def _unless_at_work(self, found: TargetStatus) -> TargetStatus:
        if found.target.path not in self._at_work:
            return found
        return TargetStatus(found.target, TargetState.PENDING, "a run works on it")

    def _unrecorded(self, phase: Phase, target: Target) -> TargetStatus:
        if phase.state is PhaseState.DONE:
            return TargetStatus(target, TargetState.DONE)
        if target.manual is not None:
            return TargetStatus(target, TargetState.MANUAL, target.manual)
        if phase.state is PhaseState.DEFERRED:
            return TargetStatus(target, TargetState.DEFERRED, phase.reason or "")
        return self._looked_at(phase, target)

    def _looked_at(self, phase: Phase, target: Target) -> TargetStatus:
        """A target nothing is known of but its file."""
        if self._records_only:
            return TargetStatus(target, TargetState.PENDING)
        data = self._data(target)
        if data is None:
            if target.new:
                return TargetStatus(target, TargetState.PENDING)
            return TargetStatus(target, TargetState.MISSING, self._why_missing(target.path))
        if self._compliance.has_traces(phase, data) and self._compliance.is_clean(
            phase, target, data
        ):
            return TargetStatus(target, TargetState.COMPLIANT)
        return TargetStatus(target, TargetState.PENDING)

    def _recorded(
        self, phase: Phase, target: Target, record: TargetRecord | None, *, drifted: bool
    ) -> TargetStatus:
        if record is not None and record.done is TargetOutcome.SKIPPED:
            return TargetStatus(target, TargetState.DEFERRED, f"skipped: {record.reason}")
        if target.manual is not None:
            return self._by_hand(target, record)
        if drifted:
            return TargetStatus(
                target, TargetState.DRIFTED, "the batch was defined otherwise when it ran"
            )
        if record is None:
            return self._unrecorded(phase, target)
        return self._compared(phase, target, record)

    def _by_hand(self, target: Target, record: TargetRecord | None) -> TargetStatus:
        """A target no fixer works on: done once a person's change of it was adopted."""
        if record is None or record.done is not TargetOutcome.ADOPTED:
            return TargetStatus(target, TargetState.MANUAL, target.manual or "")
        if not self._records_only and self._data(target) is None:
            return TargetStatus(
                target, TargetState.MANUAL, f"gone since it was adopted: {target.manual}"
            )
        if self._is_untouched(target, record):
            return TargetStatus(target, TargetState.DONE)
        return TargetStatus(target, TargetState.EDITED, "changed since it was adopted")

    def _is_untouched(self, target: Target, record: TargetRecord) -> bool:
        """Whether the file is the one the record speaks of."""
        if self._records_only:
            return True
        data = self._data(target)
        if record.after is None:
            return data is None
        if data is None:
            return False
        return self._tree.holds(target.path, data, record.after)

    def _compared(self, phase: Phase, target: Target, record: TargetRecord) -> TargetStatus:
        """A target that a run settled, beside the file as it is now."""
        if self._is_untouched(target, record):
            return _stands(target, record, FileNow.AS_RECORDED)
        data = self._data(target)
        if record.after is None and record.done is TargetOutcome.EDITED:
            return TargetStatus(
                target, TargetState.REGRESSED, "there again, and the batch removed it"
            )
        if data is None:
            return self._gone(phase, target, record)
        return self._changed(phase, target, record, data)

    def _gone(self, phase: Phase, target: Target, record: TargetRecord) -> TargetStatus:
        """A target that a run settled, and whose file is not there any more."""
        if (name := self._tree.git.renamed(target.path)) is None:
            return TargetStatus(target, TargetState.DONE, "the file was removed since")
        data = self._tree.read(name)
        if data is None or record.after is None:
            return TargetStatus(
                target, TargetState.DONE, f"renamed to {name}, which was removed since"
            )
        if self._tree.holds(name, data, record.after):
            return TargetStatus(target, TargetState.DONE, f"renamed to {name}")
        if self._compliance.is_clean(phase, target, data) is False:
            why = f"renamed to {name} and changed; {_FOLLOW}, then a run edits it again"
            return TargetStatus(target, TargetState.MISSING, why)
        return TargetStatus(target, TargetState.EDITED, f"renamed to {name}, and changed since")

    def _changed(
        self, phase: Phase, target: Target, record: TargetRecord, data: bytes
    ) -> TargetStatus:
        """A target whose file holds other bytes than its record says."""
        clean = self._compliance.is_clean(phase, target, data)
        return _stands(target, record, _FILE_NOW[clean])

    def _data(self, target: Target) -> bytes | None:
        try:
            return self._tree.read(target.path)
        except OSError:
            return None

    def _why_missing(self, path: str) -> str:
        if is_pattern(path):
            return "a pattern: orchestrate plan --update spells it out"
        if (name := self._tree.git.renamed(path)) is not None:
            return f"renamed to {name}; {_FOLLOW}"
        return "there is no such file"


def _held_back(found: TargetStatus, why: str) -> TargetStatus:
    """What a run would work on again waits for `retry` where its batch was reverted."""
    if why and found.state is TargetState.PENDING:
        return TargetStatus(found.target, TargetState.REVERTED, why)
    return found


_FILE_NOW = {True: FileNow.CLEAN, False: FileNow.UNCLEAN, None: FileNow.UNKNOWN}


def _stands(target: Target, record: TargetRecord, now: FileNow) -> TargetStatus:
    """Return where a target stands by its record and its file, with the reason."""
    state = STATE_OF[record.done][now]
    refused = "refused: " if record.done is TargetOutcome.REFUSED else ""
    match state, now:
        case TargetState.QUARANTINED, FileNow.AS_RECORDED:
            why = f"{refused}{record.reason}"
        case TargetState.QUARANTINED, _:
            why = f"has the edit now, and nobody adopted it; before: {record.reason}"
        case TargetState.EDITED, FileNow.UNKNOWN:
            why = "changed since; only a run could tell what is left"
        case TargetState.EDITED, _:
            why = "changed since, and still as it should be"
        case TargetState.PENDING, _:
            why = "changed since it was quarantined"
        case TargetState.REGRESSED, _:
            why = "changed since; the fixer would edit it again"
        case _:
            why = ""
    return TargetStatus(target, state, why)
