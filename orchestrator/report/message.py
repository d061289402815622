"""Writes the message of a commit from the templates of the plan and what was really done."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from orchestrator.base.escape import for_commit, for_terminal
from orchestrator.base.redact import redacted
from orchestrator.base.templates import rendered
from orchestrator.base.text import plural
from orchestrator.errors import BadInput
from orchestrator.plan.model import Place, Plan
from orchestrator.records.record import GateRecord, Record
from orchestrator.report.told import About, Action, action_of, label, listed, values

SUBJECT_CHARS = 72
_LINE_CHARS = 100
_MOST = 50
"""A list in the built-in body names at most this many files or tests, in `_MOST_CHARS`."""
_MOST_CHARS = 8_000
_BODY_LIMIT_CHARS = 1_000_000
_LISTS = ("targets", "files", "others", "beside", "by_hand", "known", "flaky", "untested")

BODY = """\
{% macro verified() %}
{% if tests %}Verified by {{ tests | tests }} of {{ of }}
{%- if skipped %} ({{ skipped }} more skipped, as before){% endif %}, none newly failing
{%- if known %}; {{ count.known }} failed before:
{% for id in known %}- {{ id }}
{% endfor %}{{ rest(more.known, 'test') }}{% else %}.
{% endif %}{% endif %}
{% if untested %}No test looked at:
{% for path in untested %}- {{ path }}
{% endfor %}{{ rest(more.untested, 'file') }}{% endif %}
{% if flaky %}Flaky, they failed and passed on the same bytes:
{% for id in flaky %}- {{ id }}
{% endfor %}{{ rest(more.flaky, 'test') }}{% endif %}
{% if commands %}Not clean before either: {{ commands | join(', ') }}.
{% endif %}
{% endmacro %}
{% if action == 'undo' -%}
{% if targets %}Gives {{ count.targets | files }} back the content from before the batch:
{% for file in targets %}- {{ file.path }}
{% endfor %}{{ rest(more.targets, 'file') }}
{%- else %}Undoes what was recorded; no file was changed by the batch.
{% endif %}
{{ verified() }}
{%- elif action == 'skip' -%}
Left as they are: {{ reason }}

{% for file in targets %}- {{ file.path }}
{% endfor %}{{ rest(more.targets, 'file') }}
{%- else -%}
{% if plan.prevents %}{{ plan.prevents | trim | wordwrap(72, break_long_words=False) }}
{% endif %}
{% if files %}Changed {{ count.files }} of {{ count.targets | files }}:
{% for file in files %}- {{ file.path }}: {{ file.counts }}
{% endfor %}{{ rest(more.files, 'file') }}{% if count.files > 1 %}In all: {{ counts }}.
{% endif %}{% elif unchanged %}Nothing had to be changed.
{% endif %}
{% if by_hand %}{{ how_by_hand }}:
{% for file in by_hand %}- {{ file.path }}{% if file.note %}: {{ file.note }}{% endif %}
{% endfor %}{{ rest(more.by_hand, 'file') }}{% endif %}
{% if others %}Left as they are:
{% for file in others %}- {{ file.path }}: {{ file.note }}
{% endfor %}{{ rest(more.others, 'file') }}{% endif %}
{% if beside %}Beside them:
{% for file in beside %}- {{ file.path }}: {{ file.counts }}
{% endfor %}{{ rest(more.beside, 'file') }}{% endif %}
{{ verified() }}
{% for estimate in estimates %}{{ estimate.label }}, estimated: ~{{ estimate.batch }}
{%- if estimate.phase %} of ~{{ estimate.phase }} in {{ phase.label }}{% endif %}.
{% endfor %}{% for line in measured %}Memory, measured: {{ line }}.
{% endfor %}{% if phase.files -%}
{{ phase.label }}: {{ phase.files }} {{ phase.priority }} priority files
{%- for amount in phase.counted %}, {{ amount }}{% endfor %}.
{% endif %}{% if plan.link %}Plan: {{ plan.link }}
{% endif %}{% endif %}"""


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

    def signed_off(self, who: str) -> Message:
        """The same with the trailer by which `who` signs it off, once."""
        line = f"Signed-off-by: {who}"
        if line in self.text().splitlines():
            return self
        return replace(self, trailers=[*self.trailers, line])


def message(
    plan: Plan,
    place: Place,
    record: Record,
    *,
    action: Action | None = None,
    touched: Collection[str] | None = None,
    gates: Sequence[GateRecord] | None = None,
    reason: str = "",
    is_trial: bool = False,
) -> Message:
    """The message of a commit about a batch; counts and names come from its record.

    `action` is what it does, by default what the record says. `touched` are the files this commit
    is about, `gates` what was verified for it; None: all of the record. A body of the plan that is
    too long is cut, with a note, except in a trial.

    Raises:
        BadInput: a template of the plan names something unknown, takes too long, or is malformed,
            or in a trial gives too much.
    """
    every = (*record.targets, *(record.others if action is Action.UNDO else ()))
    entries = [t for t in every if touched is None or t.path in touched]
    verified = record.gates if gates is None else gates
    about = About(plan, place, record, entries, verified, action or action_of(entries), reason)
    known = _told(values(about))
    cut = None if is_trial else f"… and more; all of it is in {known['record']}"
    if (template := plan.commit.subject) is None:
        subject = for_commit(_default_subject(about))
    else:
        subject = for_commit(rendered(template, known, "commit.subject", cut=cut))
    if not subject:
        raise BadInput("commit.subject of the plan gives an empty subject")
    if plan.commit.body is None:
        body = _wrapped(_default_body(known), known)
    else:
        body = rendered(plan.commit.body, known, "commit.body", cut=cut)
    return Message(redacted(subject), _squeezed(body), _trailers(plan, place))


def _trailers(plan: Plan, place: Place) -> list[str]:
    trailers = [f"Migration: {plan.name} {place.name}"]
    return trailers + [
        f"{key}: {for_commit(redacted(value))}" for key, value in plan.commit.trailers.items()
    ]


def _default_subject(about: About) -> str:
    """What is done, to what, where it stands: as much of it as fits, and no name cut in two.

    Names of files give way to their number first, then the phase goes, then words of the title.
    """
    where = f"batch {about.place.number}/{len(about.place.phase.batches)}{about.share}"
    phase = label(about.place)
    is_said = phase.casefold() in about.title.casefold()  # a drafted plan has one phase, its name
    ends = [*([] if is_said else [f" ({phase}, {where})"]), f" ({where})"]
    topics = list(_topics(about))
    fitting = (
        subject
        for some in (topics[:-1], topics[-1:])
        for end in ends
        for topic in some
        if len(subject := about.deed(about.title, topic) + end) <= SUBJECT_CHARS
    )
    if found := next(fitting, None):
        return found
    topic = min(topics[-2:], key=len)
    for end in ends:
        room = SUBJECT_CHARS - len(about.deed("", topic) + end)
        if (title := _shortened(about.title, room)) is not None:
            return about.deed(title, topic) + end
    return about.deed(about.title, topic) + ends[-1]


def _topics(about: About) -> Iterator[str]:
    """What the files are about, with ever fewer of them named, at last how many they are."""
    topics = about.topics
    if about.place.batch.topic or about.action is Action.UNDO:  # words of a person
        yield topics[0]
        for room in range(len(topics[0]) - 1, 0, -8):
            if (short := _shortened(topics[0], room)) is not None:
                yield short
    else:
        total = sum(map(len, topics))
        for room in range(min(total, SUBJECT_CHARS), 0, -4):
            yield listed(topics, most_chars=room)
    yield plural(len(about.entries), "file")


def _shortened(text: str, room: int) -> str | None:
    """The first words of a text and a mark for the others; None where not even one fits."""
    if room < 1:
        return None
    found = textwrap.shorten(text, room, placeholder=" …", break_long_words=False)
    return None if found in {"", "…", " …"} else found


def _default_body(known: Mapping[str, Any]) -> str:
    """The built-in body; of long lists it holds the first, and how many there are more."""
    shown, more = dict(known), dict[str, int]()
    for name in _LISTS:
        shown[name] = _first(known[name])
        more[name] = len(known[name]) - len(shown[name])
    count = {name: len(known[name]) for name in _LISTS}
    rest = partial(_rest, record=known["record"])
    extra = {"more": more, "count": count, "rest": rest}
    return rendered(BODY, shown | extra, "the built-in body", limit_chars=_BODY_LIMIT_CHARS)


def _told(value: Any, name: str = "") -> Any:
    """The same values, each text on one line; what the plan prevents may have several."""
    if isinstance(value, str):
        return for_terminal(value) if name == "prevents" else for_commit(value)
    if isinstance(value, dict):
        return {key: _told(one, key) for key, one in value.items()}
    return [_told(one) for one in value] if isinstance(value, list) else value


def _first(items: Sequence[Any]) -> list[Any]:
    found: list[Any] = []
    size = 0
    for item in items[:_MOST]:
        size += len(str(item))
        if found and size > _MOST_CHARS:
            break
        found.append(item)
    return found


def _rest(count: int, noun: str, *, record: str) -> str:
    word = plural(count, noun).partition(" ")[2]
    return f"- and {count:,} more {word}; all are in {record}\n" if count else ""


def _wrapped(body: str, known: Mapping[str, Any]) -> str:
    """The body in lines of a readable length; a path or a test id stays on one line."""
    names = {item["path"] for name in _LISTS[:5] for item in known[name]}
    names |= {*known["known"], *known["flaky"], known["record"]}
    whole = sorted((name for name in names if " " in name), key=len, reverse=True)
    lines: list[str] = []
    for line in body.splitlines():
        if len(line) <= _LINE_CHARS:
            lines.append(line)
            continue
        held = line
        for name in whole:
            held = held.replace(name, name.replace(" ", "\0"))
        parts = textwrap.wrap(
            held,
            _LINE_CHARS,
            subsequent_indent="  ",  # no line of it can be taken for a trailer
            break_long_words=False,
            break_on_hyphens=False,
        )
        lines += [part.replace("\0", " ") for part in parts]
    return "\n".join(lines)


def _squeezed(body: str) -> str:
    """The body without trailing blanks and without more than one empty line in a row.

    A line that git would take for the end of the message is moved by a blank.
    """
    lines: list[str] = []
    for line in for_terminal(redacted(body)).strip().split("\n"):
        if line.strip() or (lines and lines[-1]):
            lines.append(f"{' ' * line.startswith('---')}{line.rstrip()}")
    return "\n".join(lines)
