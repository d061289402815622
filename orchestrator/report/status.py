"""The status as rows for a table, as Markdown and as JSON: the same facts for every reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.plan.model import Phase, PhaseState
from orchestrator.progress.status import OPEN, PhaseStatus, State, Status
from orchestrator.words import plural

_UNKNOWN = "-"
_TOLD = (State.REGRESSED, State.DRIFTED, State.QUARANTINED, State.EDITED, State.MANUAL)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; `done` and `of` count files."""

    phase: str
    files: str
    classes: str
    methods: str
    status: str
    hours: str
    memory: str
    done: int
    of: int

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
    hours = [p.estimate.hours for p in phases if p.estimate.hours]
    return Row(
        "total",
        _number(of),
        _number(_sum([p.classes() for p in phases])),
        _number(_sum([p.methods() for p in phases])),
        f"{done} of {of} files",
        _hours([sum(h[0] for h in hours), sum(h[1] for h in hours)] if hours else None),
        _memory(_sum([p.memory_gb() for p in phases])),
        done,
        of,
    )


def attention(status: Status) -> list[Attention]:
    """Targets that slipped back, were given up, or wait for a person; most urgent first."""
    found = [
        Attention(t.state.value, batch.place.name, t.target.path, t.why)
        for phase in status.phases
        for batch in phase.batches
        for t in batch.targets
        if t.state in _TOLD and phase.phase.state is PhaseState.ACTIVE
        # what a person has to do is told when a run has done its part of the phase
        if t.state is not State.MANUAL or (phase.is_unlocked and _is_reached(phase, status))
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
            p.count(State.MANUAL) for p in status.phases if p.phase.state is PhaseState.ACTIVE
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
    head = (
        "Phase",
        "Files",
        "Classes",
        "Methods",
        "Status",
        "Progress",
        "Time est.",
        "Memory (estimate)",
    )
    lines = [f"# {_cell(status.plan.title)}", "", _line(head), _line(["---"] * len(head))]
    for row in [*rows(status), total(status)]:
        progress = f"{row.percent} % ({row.done} of {row.of})"
        cells = (
            row.phase,
            row.files,
            row.classes,
            row.methods,
            row.status,
            progress,
            row.hours,
            row.memory,
        )
        lines.append(_line(cells))
    told = [f"- {i.state}: `{i.path}` ({i.place}) {_cell(i.why)}" for i in attention(status)]
    coming = [f"Next: {status.next.name}, {_cell(status.next.batch.title)}"] if status.next else []
    blocks = ["\n".join(lines), "\n".join(told), *coming]
    return "\n\n".join(block for block in blocks if block) + "\n"


def to_json(status: Status) -> str:
    """Everything the table holds and every target's state, for programs."""
    document = {
        "plan": status.plan.name,
        "title": status.plan.title,
        "files": {"done": status.files_done, "total": status.files},
        "next": status.next.name if status.next else None,
        "phases": [_phase(phase, status) for phase in status.phases],
    }
    return json.dumps(document)  # on one line: with an indent Python's slow encoder is used


def _phase(phase: PhaseStatus, status: Status) -> dict[str, object]:
    estimate = phase.phase.estimate
    return {
        "id": phase.phase.id,
        "title": phase.phase.title,
        "priority": phase.phase.priority.value,
        "state": phase.phase.state.value,
        "status": _word(phase, status),
        "files": {"done": phase.files_done, "total": phase.phase.files()},
        "classes": phase.phase.classes(),
        "methods": phase.phase.methods(),
        "estimate": {"hours": estimate.hours, "memory_gb": phase.phase.memory_gb()},
        "batches": [
            {
                "id": batch.place.batch.id,
                "title": batch.place.batch.title,
                "open": batch.is_open,
                "added": batch.record.counts() if batch.record else None,
                "targets": [
                    {"path": t.target.path, "state": t.state.value, "why": t.why}
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
        _number(named.files()),
        _number(named.classes()),
        _number(named.methods()),
        _word(phase, status),
        _hours(named.estimate.hours),
        _memory(named.memory_gb()),
        phase.files_done,
        named.files(),
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
    parts += [
        f"{count} {state.value}"
        for state in (State.REGRESSED, State.DRIFTED, State.QUARANTINED, State.MANUAL)
        if (count := phase.count(state))
    ]
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


def _memory(gigabytes: float | None) -> str:
    return _UNKNOWN if gigabytes is None else f"~{gigabytes:g} GB"


def _sum(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
