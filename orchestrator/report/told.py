"""What a commit message may name: the values of its templates, taken from plan and record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import PurePosixPath
from typing import Any

from orchestrator.base.escape import for_commit
from orchestrator.base.outcomes import TargetOutcome
from orchestrator.base.text import counts_in_words, plural
from orchestrator.plan.model import Measure, Place, Plan, Target
from orchestrator.plan.verify import RUN_BY_PYTEST
from orchestrator.records.record import (
    GateRecord,
    MemoryRecord,
    Record,
    TargetRecord,
    added,
    failed_before,
    flaky,
    record_path,
)
from orchestrator.report.calibration import in_words

_TOPIC_CHARS = 36
_OUT = frozenset({TargetOutcome.REFUSED, TargetOutcome.QUARANTINED, TargetOutcome.SKIPPED})
"""Targets of a batch that are not in."""


class Action(StrEnum):
    """What a commit does with a batch."""

    MIGRATE = "migrate"
    ADOPT = "adopt"
    RECORD = "record"
    """Nothing was edited: what was found out is recorded."""

    UNDO = "undo"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class About:
    """What a message is about: the entries of a record, what was verified, and why it is done."""

    plan: Plan
    place: Place
    record: Record
    entries: Sequence[TargetRecord]
    verified: Sequence[GateRecord]
    action: Action
    reason: str = ""

    @property
    def title(self) -> str:
        """The title of the plan, on one line."""
        return for_commit(self.plan.title)

    @property
    def topics(self) -> list[str]:
        """What the files are about, none twice; no more than one where the plan gives a topic."""
        if self.place.batch.topic:
            return [for_commit(self.place.batch.topic)]
        if self.action is Action.UNDO:
            own = [for_commit(self.place.batch.title)]
            return [topic_of(self.entries[0].path)] if len(self.entries) == 1 else own
        if self.action is Action.SKIP and len(self.entries) > 1:
            return [plural(len(self.entries), "file")]
        edited = [t for t in self.entries if t.done is TargetOutcome.EDITED]
        return list(dict.fromkeys(topic_of(t.path) for t in edited or self.entries))

    @property
    def share(self) -> str:
        """How many of its files are in, where that is not all of them."""
        if self.action in {Action.UNDO, Action.SKIP}:
            return ""
        landed, of = share_of(self.record)
        return "" if landed == of else f", {landed} of {plural(of, 'file')}"

    def deed(self, title: str, topic: str) -> str:
        """What is done, to what."""
        match self.action:
            case Action.UNDO:
                return f"Undo {title} for {topic}"
            case Action.SKIP:
                return f"Skip {topic} in the migration"
            case Action.MIGRATE:
                return f"{title} for {topic}"
            case Action.ADOPT:
                return f"{title} by hand for {topic}"
            case Action.RECORD:
                done = {entry.done for entry in self.entries}
                if TargetOutcome.ADOPTED in done:
                    return f"Record that {topic} stays as it is in {title}"
                how = "needs no change in" if TargetOutcome.UNCHANGED in done else "waits in"
                return f"Record that {title} {how} {topic}"


def action_of(entries: Sequence[TargetRecord]) -> Action:
    """What a commit does that lets a batch land."""
    done = {entry.done for entry in entries}
    if TargetOutcome.EDITED in done:
        return Action.MIGRATE
    adopted = any(e.done is TargetOutcome.ADOPTED and e.before != e.after for e in entries)
    return Action.ADOPT if adopted else Action.RECORD


def label(place: Place) -> str:
    """What messages call the phase."""
    return place.phase.id.replace("-", " ").capitalize()


def topic_of(path: str) -> str:
    """What a file is about: `tests/test_gdpr.py` → `gdpr`."""
    file = PurePosixPath(path)
    name = file.stem
    if not name.strip("_") or name in {"__init__", "__main__"}:
        name = file.parent.name or name
    words = filter(None, name.removeprefix("test_").removesuffix("_test").split("_"))
    return for_commit(" ".join(words) or name)


def values(about: About) -> dict[str, Any]:
    """What templates may name."""
    plan, record, entries, verified = about.plan, about.record, about.entries, about.verified
    phase, batch = about.place.phase, about.place.batch
    edited = [t for t in entries if t.done is TargetOutcome.EDITED]
    topic = listed(about.topics, most_chars=_TOPIC_CHARS)
    out = {t.path for t in record.targets if t.done in _OUT}
    left = [target for target in batch.targets if target.path not in out]
    return {
        "action": about.action.value,
        "reason": for_commit(about.reason),
        "record": record_path(plan, about.place),
        "deed": about.deed(about.title, topic),
        "topic": topic,
        "share": about.share,
        "plan": {
            "name": plan.name,
            "title": plan.title,
            "link": plan.link,
            "prevents": plan.prevents,
        },
        "phase": {
            "id": phase.id,
            "title": phase.title,
            "label": label(about.place),
            "priority": phase.priority.upper(),
            "files": phase.file_count(),
            "counted": [
                _counted(measure, name, amount)
                for name, measure in plan.measures.items()
                if not measure.estimate and (amount := phase.amount(name))
            ],
            "amounts": {name: phase.amount(name) for name in plan.measures},
        },
        "batch": {
            "id": batch.id,
            "title": batch.title,
            "number": about.place.number,
            "of": len(phase.batches),
            "amounts": {name: _sum(left, name) for name in plan.measures},
        },
        "estimates": [
            {
                "label": for_commit(measure.label or name),
                "batch": with_unit(measure, amount),
                "phase": with_unit(measure, whole) if (whole := phase.amount(name)) else None,
            }
            for name, measure in plan.measures.items()
            if about.action is not Action.RECORD
            if measure.estimate and (amount := _sum(left, name))
        ],
        "measured": [in_words(one) for one in record.memory or () if _is_about(one, entries)],
        "targets": [{"path": for_commit(t.path), "done": t.done.value} for t in entries],
        "files": [
            {
                "path": for_commit(t.path),
                "topic": topic_of(t.path),
                "counts": counts_in_words(t.counts),
            }
            for t in edited
        ],
        "others": [
            {"path": for_commit(t.path), "note": _note(t)}
            for t in entries
            if t.done not in {TargetOutcome.EDITED, TargetOutcome.ADOPTED}
        ],
        "beside": [
            {"path": for_commit(t.path), "counts": counts_in_words(t.counts)}
            for t in record.others
            if set(t.unit) & {entry.path for entry in entries}
        ],
        "by_hand": [
            {"path": for_commit(t.path), "note": for_commit(t.reason or "")}
            for t in entries
            if t.done is TargetOutcome.ADOPTED
        ],
        "how_by_hand": "Kept as they are"
        if about.action is Action.RECORD
        else "Done by hand, and adopted",
        "counts": counts_in_words(added(entries)),
        "added": added(entries),
        "tests": max((gate.count for gate in verified if gate.gate == "test"), default=0),
        "skipped": max((gate.skipped or 0 for gate in verified if gate.gate == "test"), default=0),
        "of": listed(
            [for_commit(one) for gate in verified if gate.gate == "test" for one in gate.of or ()]
            or ["these files"],
            most_chars=_TOPIC_CHARS,
        ),
        "unchanged": any(t.done is TargetOutcome.UNCHANGED for t in entries),
        "untested": [
            for_commit(t.path)
            for t in (*entries, *record.others)
            if t.tests == 0 and about.action is not Action.UNDO
        ],
        "known": failed_before(g for g in verified if g.gate in RUN_BY_PYTEST),
        "flaky": flaky(verified),
        "commands": [g.gate for g in verified if g.failed_before and g.gate in g.failed_before],
    }


def _is_about(measured: MemoryRecord, entries: Sequence[TargetRecord]) -> bool:
    """Whether it was measured for the files a message is about."""
    return not {entry.path for entry in entries}.isdisjoint(measured.files)


def share_of(record: Record) -> tuple[int, int]:
    """How many targets of a batch are in, of how many a run or a person brings in."""
    mine = [t for t in record.targets if t.done is not TargetOutcome.MANUAL]
    return sum(t.done not in _OUT for t in mine), len(mine)


_NOTES = {
    TargetOutcome.MANUAL: "left to a person: ",
    TargetOutcome.REFUSED: "refused: ",
    TargetOutcome.QUARANTINED: "quarantined, ",
    TargetOutcome.SKIPPED: "skipped: ",
}


def _note(target: TargetRecord) -> str:
    if target.done is TargetOutcome.UNCHANGED:
        return "unchanged, it already has it"
    return for_commit(f"{_NOTES[target.done]}{target.reason or ''}")


def listed(words: Sequence[str], *, most_chars: int) -> str:
    """`a, b and c`, as many as fit, then `and N more`: the first at least."""
    shown = list(words)
    left_out = 0
    while len(shown) > 1 and sum(map(len, shown)) > most_chars:
        left_out += bool(shown.pop())
    *most, last = [*shown, *([f"{left_out} more"] if left_out else [])]
    return f"{', '.join(most)} and {last}" if most else last


def with_unit(measure: Measure, amount: float) -> str:
    """`250 GB`: the number as people write it, with its unit."""
    return f"{amount:,g} {measure.unit}" if measure.unit else f"{amount:,g}"


def _counted(measure: Measure, name: str, amount: float) -> str:
    about = "~" if measure.approximate else ""
    return f"{about}{with_unit(measure, amount)} {for_commit(measure.label or name)}"


def _sum(targets: Sequence[Target], measure: str) -> float | None:
    known = [t.expect[measure] for t in targets if t.expect.get(measure)]
    return sum(known) if known else None
