"""Everything a report tells, gathered once for every form it is written in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.base.outcomes import TargetState
from orchestrator.base.text import counts_in_words, plural
from orchestrator.gates.reproduce import Reproduction
from orchestrator.plan.model import Measure, PhaseState
from orchestrator.plan.verify import COUNT_TESTS
from orchestrator.records.history import History
from orchestrator.records.record import GateRecord, Record, failed_before, flaky
from orchestrator.records.status import BatchStatus, PhaseStatus, Status
from orchestrator.report import calibration
from orchestrator.report.calibration import MEASURE, in_words, of_phase
from orchestrator.report.status import Row, rows, total
from orchestrator.report.unresolved import Unresolved, next_steps, unresolved

_STATES = {
    TargetState.PENDING: "to do",
    TargetState.DONE: "done",
    TargetState.EDITED: "done, edited since",
    TargetState.REGRESSED: "regressed",
    TargetState.DRIFTED: "defined otherwise since",
    TargetState.COMPLIANT: "as it should be",
    TargetState.QUARANTINED: "quarantined",
    TargetState.REVERTED: "reverted",
    TargetState.MISSING: "not there",
    TargetState.DEFERRED: "waits",
    TargetState.MANUAL: "for a person",
}


@dataclass(frozen=True, slots=True)
class File:
    """One target: `word` is its state as people read it, `why` the reason, `did` the changes."""

    path: str
    state: str
    word: str
    why: str
    did: str


@dataclass(frozen=True, slots=True)
class GateRow:
    """What one gate said of a batch."""

    name: str
    count: str
    failed_before: int
    flaky: int


@dataclass(frozen=True, slots=True)
class BatchRow:
    """One batch; `seconds` is what it took on this machine, None where it ran elsewhere."""

    name: str
    title: str
    state: str
    files: Sequence[File]
    gates: Sequence[GateRow]
    failed_before: Sequence[str]
    flaky: Sequence[str]
    did: str
    commit: str
    seconds: float | None
    is_open: bool
    memory: Sequence[str] = ()
    """What its tests were measured to hold, before and after."""


@dataclass(frozen=True, slots=True)
class Amount:
    """What a measure of a phase was expected to be, and what was done of it; "" : nobody knows."""

    title: str
    expected: str
    done: str


@dataclass(frozen=True, slots=True)
class PhaseRow:
    """One phase with its row of the table."""

    row: Row
    reason: str
    amounts: Sequence[Amount]
    batches: Sequence[BatchRow]


@dataclass(frozen=True, slots=True)
class WaitingRow:
    """What waits for somebody, with the commands that help."""

    item: Unresolved
    steps: Sequence[str]


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """The whole report. `kinds` counts what was quarantined, by why; `seconds` adds up steps."""

    title: str
    link: str
    prevents: str
    total: Row
    phases: Sequence[PhaseRow]
    waiting: Sequence[WaitingRow]
    kinds: Mapping[str, int]
    next: str
    history: History
    seconds: Mapping[str, float]
    tests: int
    failed_before: int
    flaky: int
    timed: int = 0
    """How many batches `seconds` is of."""
    eta: str = ""
    calibration: Sequence[str] = ()
    """What was measured beside what was estimated, in sentences."""


def facts(
    status: Status,
    history: History,
    took: Mapping[str, Mapping[str, float]],
    how: Reproduction,
    eta: str = "",
) -> ReportFacts:
    """What a report tells of `status`; `took` are seconds by step, of batches that ran here.

    `how` builds the commands that show a failure.
    """
    waiting = [WaitingRow(item, next_steps(item)) for item in unresolved(status, how)]
    records = [b.record for p in status.phases for b in p.batches if b.record]
    seconds: Counter[str] = Counter()
    for steps in took.values():
        seconds.update(steps)
    return ReportFacts(
        status.plan.title,
        status.plan.link or "",
        status.plan.prevents or "",
        total(status),
        [
            _phase(phase, row, status, history, took)
            for phase, row in zip(status.phases, rows(status), strict=True)
        ],
        waiting,
        Counter(w.item.kind for w in waiting),
        f"{status.next.name}: {status.next.batch.title}" if status.next else "",
        history,
        dict(seconds.most_common()),
        _verified(gate for r in records for gate in r.gates if gate.gate == "test"),
        sum(len(failed_before(r.gates)) for r in records),
        sum(len(flaky(r.gates)) for r in records),
        len(took),
        eta,
        list(calibration.lines(status)),
    )


def _phase(
    phase: PhaseStatus,
    row: Row,
    status: Status,
    history: History,
    took: Mapping[str, Mapping[str, float]],
) -> PhaseRow:
    waits = phase.phase.reason if phase.phase.state is PhaseState.DEFERRED else ""
    return PhaseRow(
        row,
        waits or "",
        list(_amounts(phase, status.plan.measures)),
        [_batch(batch, phase, history, took) for batch in phase.batches],
    )


def _amounts(phase: PhaseStatus, measures: Mapping[str, Measure]) -> Iterator[Amount]:
    """Measures by what the plan expects, beside what the records count under the same name."""
    counted: Counter[str] = Counter()
    for batch in phase.batches:
        counted.update(batch.record.counts() if batch.record else {})
    for name, measure in measures.items():
        expected = phase.phase.amount(name)
        if expected is not None or counted[name]:
            unit = f" {measure.unit}" if measure.unit else ""
            sign = "~" if measure.estimate else ""
            word = f"{measure.title} (estimate)" if measure.estimate else measure.title
            done = f"{counted[name]:,}{unit}" if counted[name] else ""
            if name == MEASURE and (found := of_phase(phase).words):
                done = f"{found}, measured"
            yield Amount(
                word,
                f"{sign}{expected:,g}{unit}" if expected is not None else "",
                done,
            )


def _batch(
    batch: BatchStatus,
    phase: PhaseStatus,
    history: History,
    took: Mapping[str, Mapping[str, float]],
) -> BatchRow:
    name, record = batch.place.name, batch.record
    commit = history.commit_of(name) or ""
    if phase.phase.state is PhaseState.DONE:
        commit = phase.phase.commit or ""
    return BatchRow(
        name,
        batch.place.batch.title,
        _state_of(batch, phase),
        [
            File(
                target.target.path,
                target.state.value,
                _STATES[target.state],
                target.why,
                counts_in_words(entry.counts)
                if (entry := batch.entry(target)) and entry.counts
                else "",
            )
            for target in batch.targets
        ],
        list(_gates(record)) if record else [],
        failed_before(record.gates) if record else [],
        flaky(record.gates) if record else [],
        counts_in_words(record.counts()) if record and record.counts() else "",
        commit[:10],
        sum(took[name].values()) if name in took else None,
        batch.is_open,
        [in_words(one) for one in record.memory or ()] if record else [],
    )


def _state_of(batch: BatchStatus, phase: PhaseStatus) -> str:
    states = Counter(target.state for target in batch.targets)
    if phase.phase.state is PhaseState.DEFERRED and batch.is_open:
        return "waits"
    if len(states) == 1:
        return _STATES[next(iter(states))]
    return ", ".join(f"{count} {_STATES[state]}" for state, count in states.most_common())


def _verified(gates: Iterable[GateRecord]) -> int:
    """Return how many tests ran; tests that several batches ran in common count once."""
    own, common = 0, dict[tuple[str, ...], int]()
    for gate in gates:
        if gate.of:
            common[gate.of] = max(common.get(gate.of, 0), gate.count)
        else:
            own += gate.count
    return own + sum(common.values())


def _gates(record: Record) -> Iterator[GateRow]:
    for gate in record.gates:
        noun = "test" if gate.gate in COUNT_TESTS else "file"
        before = len(gate.known_failures) + len(gate.failed_before)
        yield GateRow(gate.gate, plural(gate.count, noun), before, len(gate.flaky))
