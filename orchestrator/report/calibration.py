"""Puts what was measured beside what was estimated, and estimates anew what is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from orchestrator.base.text import plural
from orchestrator.plan.model import Measure, PhaseState, Target
from orchestrator.records.record import MemoryRecord, Record
from orchestrator.records.status import SETTLED, BatchStatus, PhaseStatus, Status

MEASURE = "memory"
"""The measure of a plan that the peaks of the records stand beside."""

_MIB = {"MB": 1e6 / 2**20, "GB": 1e9 / 2**20, "MiB": 1.0, "GiB": 1024.0}


@dataclass(frozen=True, slots=True)
class MeasuredSavings:
    """What batches were measured to save: the sum of their peaks before, less those after, in MiB.

    Below zero where the tests hold more with the edit than without it. Each batch was run alone, so
    the sum is no peak of the whole suite.
    """

    batches: int = 0
    saved_mib: float = 0.0

    @property
    def words(self) -> str:
        """As a cell of the table; nothing where nothing was measured."""
        if not self.batches:
            return ""
        return f"{-self.saved_mib:+,.0f} MiB ({plural(self.batches, 'batch')})"


def peaks(record: MemoryRecord) -> tuple[float, float]:
    """The medians before and after, in MiB."""
    return median(record.before_mib), median(record.after_mib)


def in_words(record: MemoryRecord) -> str:
    """`412 to 398 MiB, 2 runs each, one process`."""
    before, after = peaks(record)
    how = plural(record.workers, "worker") if record.workers else "one process"
    runs = plural(len(record.before_mib), "run")
    return f"{before:,.0f} to {after:,.0f} MiB ({runs} of each side, {how})"


def measured(records: Iterable[Record | None]) -> MeasuredSavings:
    """What some batches came to."""
    found = [record for record in records if record and record.memory]
    saved = [peaks(one) for record in found for one in record.memory or ()]
    return MeasuredSavings(len(found), sum(before - after for before, after in saved))


def of_phase(phase: PhaseStatus) -> MeasuredSavings:
    """What a phase was measured to save."""
    return measured(batch.record for batch in phase.batches)


def of_plan(status: Status) -> MeasuredSavings:
    """What all of it was measured to save."""
    return measured(batch.record for phase in status.phases for batch in phase.batches)


def lines(status: Status) -> Iterator[str]:
    """What the estimate is worth by what was measured, and what that makes of the rest."""
    found, measure = of_plan(status), status.plan.measures.get(MEASURE)
    if not found.batches:
        return
    yield f"Memory, measured: {found.words}, peak of the tests with the edit against without it"
    if measure is None or not measure.estimate or measure.unit not in _MIB:
        return
    estimated = _estimated(_measured_targets(status))
    left = _left(status)
    if not estimated or not left:
        return
    rate = found.saved_mib / (estimated * _MIB[measure.unit])
    yield (
        f"Memory, estimated for the same files: ~{estimated:,g} {measure.unit}; what is left, "
        f"~{left:,g} {measure.unit}, is {_anew(left, rate, measure)} at the measured rate"
    )


def _anew(left: float, rate: float, measure: Measure) -> str:
    mib = left * rate * _MIB[measure.unit or "MiB"]
    return f"~{mib:,.0f} MiB" if mib > 0 else "nothing"


def _estimated(targets: Iterable[Target]) -> float:
    return sum(target.expect.get(MEASURE, 0.0) for target in targets)


def _measured_targets(status: Status) -> Iterator[Target]:
    for batch in _batches(status):
        memory = batch.record.memory if batch.record else None
        paths = {path for one in memory or () for path in one.files}
        yield from (t.target for t in batch.targets if t.target.path in paths)


def _left(status: Status) -> float:
    """The estimate of everything less that of the files that are settled."""
    whole = sum(phase.phase.amount(MEASURE) or 0.0 for phase in status.phases)
    done = sum(
        (phase.phase.amount(MEASURE) or 0.0)
        if phase.phase.state is PhaseState.DONE
        else _estimated(_settled(phase.batches))
        for phase in status.phases
    )
    return whole - done


def _settled(batches: Sequence[BatchStatus]) -> Iterator[Target]:
    yield from (t.target for batch in batches for t in batch.targets if t.state in SETTLED)


def _batches(status: Status) -> Iterator[BatchStatus]:
    yield from (batch for phase in status.phases for batch in phase.batches)
