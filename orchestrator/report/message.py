"""Writes the commit message of a batch from the plan's templates and what was really done."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from orchestrator.errors import BadInput
from orchestrator.foreign import for_commit, for_terminal
from orchestrator.plan.model import Measure, Place, Plan, Target
from orchestrator.progress.record import (
    Done,
    GateRecord,
    MemoryRecord,
    Record,
    TargetRecord,
    added,
    failed_before,
    flaky,
)
from orchestrator.redact import redacted
from orchestrator.report.calibration import in_words
from orchestrator.templates import rendered
from orchestrator.words import counts_in_words, plural

_TOPIC_CHARS = 36
_GATES_OF_TESTS = ("collect", "test")
_OUT = frozenset({Done.REFUSED, Done.QUARANTINED, Done.SKIPPED})
"""Targets of a batch that are not in."""

SUBJECT = "{{ deed }} ({{ phase.label }}, batch {{ batch.number }}/{{ batch.of }}{{ share }})"

BODY = """\
{% if plan.prevents %}{{ plan.prevents | trim | wordwrap(72) }}
{% endif %}
{% if files %}Changed {{ files | length }} of {{ targets | length | files }}:
{% for file in files %}- {{ file.path }}: {{ file.counts }}
{% endfor %}{% if files | length > 1 %}In all: {{ counts }}.
{% endif %}{% elif not by_hand %}Nothing had to be changed.
{% endif %}
{% if by_hand %}Done by hand, and adopted:
{% for file in by_hand %}- {{ file.path }}{% if file.note %}: {{ file.note }}{% endif %}
{% endfor %}{% endif %}
{% if others %}Left as they are:
{% for file in others %}- {{ file.path }}: {{ file.note }}
{% endfor %}{% endif %}
{% if beside %}Beside them:
{% for file in beside %}- {{ file.path }}: {{ file.counts }}
{% endfor %}{% endif %}
{% if tests %}Verified by {{ tests | tests }} of these files, none newly failing
{%- if known %}; {{ known | length }} failed before:
{% for id in known %}- {{ id }}
{% endfor %}{% else %}.
{% endif %}{% endif %}
{% if flaky %}Flaky, they failed and passed on the same bytes:
{% for id in flaky %}- {{ id }}
{% endfor %}{% endif %}
{% if commands %}Not clean before either: {{ commands | join(', ') }}.
{% endif %}
{% for estimate in estimates %}{{ estimate.label }}, estimated: ~{{ estimate.batch }}
{%- if estimate.phase %} of ~{{ estimate.phase }} in {{ phase.label }}{% endif %}.
{% endfor %}{% for line in measured %}Memory, measured: {{ line }}.
{% endfor %}{% if phase.files -%}
{{ phase.label }}: {{ phase.files }} {{ phase.priority }} priority files
{%- for amount in phase.counted %}, {{ amount }}{% endfor %}.
{% endif %}{% if plan.link %}Plan: {{ plan.link }}
{% endif %}"""


@dataclass(frozen=True, slots=True)
class Message:
    """A commit message, ready for `git commit -F`."""

    subject: str
    body: str
    trailers: Sequence[str]

    def text(self) -> str:
        """The whole message."""
        parts = [self.subject, self.body, "\n".join(self.trailers)]
        return "\n\n".join(part for part in parts if part) + "\n"


def message(
    plan: Plan,
    place: Place,
    record: Record,
    *,
    touched: Collection[str] | None = None,
    gates: Sequence[GateRecord] | None = None,
) -> Message:
    """The message of the batch's commit; counts and names come from its record.

    `touched` are the targets this commit is about, `gates` what was verified for it; None: all of
    the record.

    Raises:
        BadInput: a template of the plan names something unknown, takes too long, or is malformed.
    """
    entries = [t for t in record.targets if touched is None or t.path in touched]
    verified = record.gates if gates is None else gates
    values = _told(_values(plan, place, record, entries, verified))
    subject = for_commit(rendered(plan.commit.subject or SUBJECT, values, "commit.subject"))
    body = rendered(plan.commit.body or BODY, values, "commit.body")
    if not subject:
        raise BadInput("commit.subject of the plan gives an empty subject")
    return Message(redacted(subject), _squeezed(body), _trailers(plan, place))


def notice(plan: Plan, place: Place, deed: str, body: str) -> Message:
    """The message of a commit that edits nothing by a fixer: a batch undone, a target skipped."""
    where = f"{_label(place)}, batch {place.number}/{len(place.phase.batches)}"
    return Message(
        redacted(for_commit(f"{deed} ({where})")), _squeezed(body), _trailers(plan, place)
    )


def _trailers(plan: Plan, place: Place) -> list[str]:
    trailers = [f"Migration: {plan.name} {place.name}"]
    return trailers + [
        f"{key}: {for_commit(redacted(value))}" for key, value in plan.commit.trailers.items()
    ]


def _label(place: Place) -> str:
    return place.phase.id.replace("-", " ").capitalize()


def topic_of(path: str) -> str:
    """What a file is about: `tests/test_gdpr.py` → `gdpr`."""
    return PurePosixPath(path).stem.removeprefix("test_").replace("_", " ")


def _told(value: Any, name: str = "") -> Any:
    """The same values, each text on one line; what the plan prevents may have several."""
    if isinstance(value, str):
        return for_terminal(value) if name == "prevents" else for_commit(value)
    if isinstance(value, dict):
        return {key: _told(one, key) for key, one in value.items()}
    return [_told(one) for one in value] if isinstance(value, list) else value


def _values(
    plan: Plan,
    place: Place,
    record: Record,
    entries: Sequence[TargetRecord],
    verified: Sequence[GateRecord],
) -> dict[str, Any]:
    phase, batch = place.phase, place.batch
    edited = [t for t in entries if t.done is Done.EDITED]
    topic = batch.topic or _listed([topic_of(t.path) for t in edited or entries])
    out = {t.path for t in record.targets if t.done in _OUT}
    left = [target for target in batch.targets if target.path not in out]
    return {
        "deed": _deed(plan.title, topic, entries),
        "topic": topic,
        "share": _share(record),
        "plan": {
            "name": plan.name,
            "title": plan.title,
            "link": plan.link,
            "prevents": plan.prevents,
        },
        "phase": {
            "id": phase.id,
            "title": phase.title,
            "label": _label(place),
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
            "number": place.number,
            "of": len(phase.batches),
            "amounts": {name: _sum(left, name) for name in plan.measures},
        },
        "estimates": [
            {
                "label": measure.label or name,
                "batch": with_unit(measure, amount),
                "phase": with_unit(measure, whole) if (whole := phase.amount(name)) else None,
            }
            for name, measure in plan.measures.items()
            if measure.estimate and (amount := _sum(left, name))
        ],
        "measured": [in_words(one) for one in record.memory or () if _is_about(one, entries)],
        "targets": [{"path": t.path, "done": t.done.value} for t in entries],
        "files": [
            {
                "path": t.path,
                "topic": topic_of(t.path),
                "counts": counts_in_words(t.counts),
            }
            for t in edited
        ],
        "others": [
            {"path": t.path, "note": _note(t)}
            for t in entries
            if t.done not in {Done.EDITED, Done.ADOPTED}
        ],
        "beside": [
            {"path": t.path, "counts": counts_in_words(t.counts)}
            for t in record.others
            if set(t.unit) & {entry.path for entry in entries}
        ],
        "by_hand": [
            {"path": t.path, "note": t.reason or ""} for t in entries if t.done is Done.ADOPTED
        ],
        "counts": counts_in_words(added(entries)),
        "added": added(entries),
        "tests": max((gate.count for gate in verified if gate.gate == "test"), default=0),
        "known": failed_before(g for g in verified if g.gate in _GATES_OF_TESTS),
        "flaky": flaky(verified),
        "commands": [g.gate for g in verified if g.failed_before and g.gate in g.failed_before],
    }


def _is_about(measured: MemoryRecord, entries: Sequence[TargetRecord]) -> bool:
    """Whether it was measured for the files a message is about."""
    return not {entry.path for entry in entries}.isdisjoint(measured.files)


def share_of(record: Record) -> tuple[int, int]:
    """How many targets of a batch are in, of how many a run or a person brings in."""
    mine = [t for t in record.targets if t.done is not Done.MANUAL]
    return sum(t.done not in _OUT for t in mine), len(mine)


def _share(record: Record) -> str:
    landed, of = share_of(record)
    return "" if landed == of else f", {landed} of {plural(of, 'file')}"


def _deed(title: str, topic: str, entries: Sequence[TargetRecord]) -> str:
    done = {entry.done for entry in entries}
    if Done.EDITED in done:
        return f"{title} for {topic}"
    if Done.ADOPTED in done:
        return f"{title} by hand for {topic}"
    return f"{title} {'needs no change in' if Done.UNCHANGED in done else 'waits in'} {topic}"


_NOTES = {
    Done.MANUAL: "left to a person: ",
    Done.REFUSED: "refused: ",
    Done.QUARANTINED: "taken out, ",
    Done.SKIPPED: "skipped: ",
}


def _note(target: TargetRecord) -> str:
    if target.done is Done.UNCHANGED:
        return "unchanged, it already has it"
    return f"{_NOTES[target.done]}{target.reason or ''}"


def _squeezed(body: str) -> str:
    """The body without trailing blanks and without more than one empty line in a row.

    A line that git would take for the end of the message is moved by a blank.
    """
    lines: list[str] = []
    for line in for_terminal(redacted(body)).strip().split("\n"):
        if line.strip() or (lines and lines[-1]):
            lines.append(f"{' ' * line.startswith('---')}{line.rstrip()}")
    return "\n".join(lines)


def _listed(words: Sequence[str]) -> str:
    """`a, b and c`, as many as fit into a subject, then `and N more`."""
    shown = list(dict.fromkeys(words))
    left_out = 0
    while len(shown) > 1 and sum(map(len, shown)) > _TOPIC_CHARS:
        left_out += bool(shown.pop())
    *most, last = [*shown, *([f"{left_out} more"] if left_out else [])]
    return f"{', '.join(most)} and {last}" if most else last


def with_unit(measure: Measure, amount: float) -> str:
    """`250 GB`: the number as people write it, with its unit."""
    return f"{amount:,g} {measure.unit}" if measure.unit else f"{amount:,g}"


def _counted(measure: Measure, name: str, amount: float) -> str:
    about = "~" if measure.approximate else ""
    return f"{about}{with_unit(measure, amount)} {measure.label or name}"


def _sum(targets: Sequence[Target], measure: str) -> float | None:
    known = [t.expect[measure] for t in targets if t.expect.get(measure)]
    return sum(known) if known else None
