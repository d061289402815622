"""The status as rows for a table, as Markdown and as JSON: the same facts for every reader."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.base.outcomes import TargetState
from orchestrator.base.redact import redacted
from orchestrator.base.text import plural
from orchestrator.plan.model import Measure, Phase, PhaseState
from orchestrator.records.status import OPEN, PhaseStatus, Status
from orchestrator.report import calibration
from orchestrator.report.calibration import of_phase, of_plan
from orchestrator.report.outside import code_in_markdown, in_markdown

_UNKNOWN = "-"
_TOLD = (
    TargetState.REGRESSED,
    TargetState.DRIFTED,
    TargetState.REVERTED,
    TargetState.QUARANTINED,
    TargetState.MISSING,
    TargetState.EDITED,
    TargetState.MANUAL,
)
_COUNTED = tuple(state for state in _TOLD if state is not TargetState.EDITED)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `done` and `of` count files, `amounts` go by the names of measures."""

    phase: str
    files: str
    amounts: Mapping[str, str]
    status: str
    hours: str
    done: int
    of: int
    measured: str = ""
    """What the tests were measured to hold less, where that was asked for."""

    @property
    def percent(self) -> int:
        """Share of files that are done, rounded; 0 and 100 only where none or all are."""
        if self.done in {0, self.of}:
            return 100 if self.done == self.of else 0
        return min(99, max(1, round(100 * self.done / self.of)))


@dataclass(frozen=True, slots=True)
class Attention:
    """A target a person should know of."""

    state: str
    place: str
    path: str
    why: str


def rows(status: Status) -> list[Row]:
    """A row per phase, in plan order."""
    return [_row(phase, status) for phase in status.phases]


def total(status: Status) -> Row:
    """The last line: sums over all phases."""
    phases = [phase.phase for phase in status.phases]
    done, of = status.files_done, status.files
    hours = [p.hours for p in phases if p.hours]
    amounts = {
        name: _amount(measure, _sum([phase.amount(name) for phase in phases]))
        for name, measure in status.plan.measures.items()
    }
    return Row(
        "total",
        _number(of),
        amounts,
        f"{done} of {of} files",
        _hours([sum(h[0] for h in hours), sum(h[1] for h in hours)] if hours else None),
        done,
        of,
        of_plan(status).words,
    )


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table: its head, what a row holds there, and what of it gives way.

    `rank` is the order in which columns go where there is little room, the highest first; 0 stays.
    """

    title: str
    cell: Callable[[Row], str]
    is_number: bool = False
    rank: int = 0


def columns(status: Status) -> list[Column]:
    """The columns of a plan's table: counts behind the files, estimates at the end.

    Where memory was measured, that stands beside its estimate.
    """
    plan = status.plan
    counts = [(name, m) for name, m in plan.measures.items() if not m.estimate]
    estimates = [(name, m) for name, m in plan.measures.items() if m.estimate]
    first = [_measured(name, m.title, rank) for rank, (name, m) in enumerate(counts, start=1)]
    rank = len(counts) + 1
    time = [Column("Time est.", lambda row: row.hours, is_number=True, rank=rank)]
    last = [
        _measured(name, f"{m.title} (estimate)", rank)
        for rank, (name, m) in enumerate(estimates, start=rank + 1)
    ]
    return [
        Column("Phase", lambda row: row.phase),
        Column("Files", lambda row: row.files, is_number=True),
        *first,
        Column("Status", lambda row: row.status),
        Column("Progress", lambda row: f"{row.percent} % ({row.done} of {row.of})"),
        *(time if any(phase.hours for phase in plan.phases) else []),
        *last,
        *([_MEASURED] if of_plan(status).batches else []),
    ]


_MEASURED = Column("Memory (measured)", lambda row: row.measured or _UNKNOWN, is_number=True)


def _measured(name: str, title: str, rank: int) -> Column:
    return Column(title, lambda row: row.amounts[name], is_number=True, rank=rank)


def attention(status: Status) -> list[Attention]:
    """Targets that regressed, were quarantined, or wait for a person; most urgent first."""
    found = [
        Attention(t.state.value, batch.place.name, t.target.path, t.why)
        for phase in status.phases
        for batch in phase.batches
        for t in batch.targets
        if t.state in _TOLD and phase.phase.state is PhaseState.ACTIVE
        # what a person has to do is told when a run has done its part of the phase
        if t.state is not TargetState.MANUAL or (phase.is_unlocked and _is_reached(phase, status))
    ]
    order = [state.value for state in _TOLD]
    return sorted(found, key=lambda item: order.index(item.state))


def _is_reached(phase: PhaseStatus, status: Status) -> bool:
    """Whether what the phase depends on is no longer open."""
    needed = set(phase.phase.depends_on)
    return all(p.is_unlocked for p in status.phases if p.phase.id in needed)


def next_lines(status: Status) -> list[str]:
    """What comes next, and the command for it."""
    if status.next is None:
        manual = any(
            p.count(TargetState.MANUAL) for p in status.phases if p.phase.state is PhaseState.ACTIVE
        )
        if manual or next(status.unresolved(), None):
            waits = "Nothing is left for a run to do; what is left waits for somebody:"
            return [waits, "      orchestrate unresolved"]
        return ["Nothing is left for a run to do."]
    place = status.next
    files = plural(len(place.batch.automatic()), "file")
    of = len(place.phase.batches)
    return [
        f"Next: {place.name}, {place.batch.title} ({files}, batch {place.number} of {of})",
        "      orchestrate next-batch        (a preview: orchestrate next-batch --dry-run)",
    ]


def markdown(status: Status) -> str:
    """The table as GitHub-flavoured Markdown, without colour and in a fixed order."""
    lines = [f"# {in_markdown(status.plan.title)}", "", *markdown_table(status)]
    told = [f"- {in_markdown(stray.sentence)}" for stray in status.strays]
    told += [
        f"- {i.state}: {code_in_markdown(i.path)} ({in_markdown(i.place)}) {in_markdown(i.why)}"
        for i in attention(status)
    ]
    coming = (
        [in_markdown(f"Next: {status.next.name}, {status.next.batch.title}")] if status.next else []
    )
    measured = [f"- {in_markdown(line)}" for line in calibration.lines(status)]
    blocks = ["\n".join(lines), "\n".join(told), "\n".join(measured), *coming]
    return "\n\n".join(block for block in blocks if block) + "\n"


def markdown_table(status: Status) -> list[str]:
    """The rows of the table alone."""
    shown = columns(status)
    head = [column.title for column in shown]
    table = [*rows(status), total(status)]
    body = [_line([column.cell(row) for column in shown]) for row in table]
    return [_line(head), _line(["---"] * len(head)), *body]


def to_json(status: Status) -> str:
    """Everything the table holds and every target's state, for programs."""
    document = {
        "plan": status.plan.name,
        "title": status.plan.title,
        "files": {"done": status.files_done, "total": status.files},
        "next": status.next.name if status.next else None,
        "strays": [stray.path for stray in status.strays],
        "phases": [_phase(phase, status) for phase in status.phases],
    }
    return json.dumps(document)  # on one line: with an indent Python's slow encoder is used


def _phase(phase: PhaseStatus, status: Status) -> dict[str, object]:
    return {
        "id": phase.phase.id,
        "title": phase.phase.title,
        "priority": phase.phase.priority.value,
        "state": phase.phase.state.value,
        "status": _word(phase, status),
        "files": {"done": phase.files_done, "total": phase.phase.file_count()},
        "amounts": {name: phase.phase.amount(name) for name in status.plan.measures},
        "hours": phase.phase.hours,
        "memory_saved_mib": measured.saved_mib if (measured := of_phase(phase)).batches else None,
        "batches": [
            {
                "id": batch.place.batch.id,
                "title": batch.place.batch.title,
                "open": batch.is_open,
                "added": batch.record.counts() if batch.record else None,
                "targets": [
                    {"path": t.target.path, "state": t.state.value, "why": redacted(t.why)}
                    for t in batch.targets
                ],
            }
            for batch in phase.batches
        ],
    }


def _row(phase: PhaseStatus, status: Status) -> Row:
    named = phase.phase
    return Row(
        f"{_number_of(named, status)} {named.title}",
        _number(named.file_count()),
        {n: _amount(m, named.amount(n)) for n, m in status.plan.measures.items()},
        _word(phase, status),
        _hours(named.hours),
        phase.files_done,
        named.file_count(),
        of_phase(phase).words,
    )


def _word(phase: PhaseStatus, status: Status) -> str:
    """DONE, DEFER, TODO or NEXT, with what there is to say of it."""
    named = phase.phase
    if named.state is PhaseState.DONE:
        return f"DONE ({named.commit})" if named.commit else "DONE"
    if named.state is PhaseState.DEFERRED:
        return "DEFER"
    if phase.is_done:
        return "DONE"
    is_next = status.next is not None and status.next.phase.id == named.id
    parts = []
    landed = sum(not batch.is_open for batch in phase.batches if batch.record)
    if 0 < landed < len(phase.batches):
        parts.append(f"{landed} of {len(phase.batches)} batches")
    parts += [f"{count} {state.value}" for state in _COUNTED if (count := phase.count(state))]
    waits = any(t.state in OPEN for b in phase.batches for t in b.targets) and not is_next
    word = "NEXT" if is_next else "TODO"
    if waits and named.depends_on:
        parts.append(f"after {', '.join(named.depends_on)}")
    return f"{word} ({', '.join(parts)})" if parts else word


def _number_of(phase: Phase, status: Status) -> int:
    return 1 + next(i for i, p in enumerate(status.phases) if p.phase.id == phase.id)


def _number(value: float | None) -> str:
    return _UNKNOWN if value is None else f"{value:,g}"


def _hours(hours: Sequence[float] | None) -> str:
    return _UNKNOWN if hours is None else f"{hours[0]:g}-{hours[1]:g} h"


def _amount(measure: Measure, amount: float | None) -> str:
    if amount is None:
        return _UNKNOWN
    unit = f" {measure.unit}" if measure.unit else ""
    return f"{'~' if measure.estimate else ''}{amount:,g}{unit}"


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(in_markdown(cell) for cell in cells)} |"
