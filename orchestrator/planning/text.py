"""Writes a draft as the YAML people review: comments, short lines, one target a line."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence

from orchestrator.plan.schema import SCHEMA_ID
from orchestrator.planning.draft import Draft, DraftBatch, DraftPhase, DraftTarget

WIDTH = 100
_PLAIN = re.compile(r"[A-Za-z_./][A-Za-z0-9_./@+ -]*")
_TEMPLATE = re.compile(r"\{\{.*?\}\}")
_NUMBERS = re.compile(r"\.(?:inf|nan|[0-9_])", re.IGNORECASE)
_WORDS_OF_YAML = {"true", "false", "yes", "no", "on", "off", "null", "~", "y", "n"}


def text_of(draft: Draft) -> str:
    """The whole file."""
    schema = f"yaml-language-server: $schema={SCHEMA_ID}"
    lines = [*_comment([schema, *draft.notes], ""), "version: 1", f"name: {scalar(draft.name)}"]
    lines.append(f"title: {scalar(draft.title)}")
    lines += _mapping(draft.head, "")
    lines += ["", "phases:"]
    for number, phase in enumerate(draft.phases):
        lines += [*([""] if number else []), *phase_lines(phase)]
    return "\n".join(lines) + "\n"


def phase_lines(phase: DraftPhase) -> list[str]:
    """One phase, as an item of `phases:`."""
    lines = [*_comment([phase.note] if phase.note else [], "  "), f"  - id: {scalar(phase.id)}"]
    lines += [f"    title: {scalar(phase.title)}", f"    priority: {phase.priority}"]
    lines += _mapping(phase.head, "    ")
    if phase.batches:
        lines.append("    batches:")
        for batch in phase.batches:
            lines += batch_lines(batch)
    return lines


def batch_lines(batch: DraftBatch, indent: str = "      ") -> list[str]:
    """One batch, as an item of `batches:`."""
    lines = _comment([batch.note] if batch.note else [], indent)
    lines += [f"{indent}- id: {scalar(batch.id)}", f"{indent}  title: {scalar(batch.title)}"]
    lines.append(f"{indent}  targets:")
    for item in batch.items:
        lines += item_lines(item, f"{indent}    ")
    return lines


def item_lines(item: DraftTarget, indent: str) -> list[str]:
    """One target, on one line where it fits."""
    fields: dict[str, object] = {"path": item.path}
    if item.expect:
        fields["expect"] = dict(item.expect)
    if item.options:
        fields["options"] = dict(item.options)
    if item.new:
        fields["new"] = True
    if item.manual is not None:
        fields["manual"] = item.manual
    note = f"  # {item.note}" if item.note else ""
    line = f"{indent}- {_flow(fields)}{note}"
    if len(line) <= WIDTH:
        return [line]
    lines = [f"{indent}- path: {scalar(item.path)}{note}"]
    del fields["path"]
    return [*lines, *_mapping(fields, f"{indent}  ")]


def scalar(value: object) -> str:
    """One value on one line; quoted wherever YAML could take it for something else."""
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and not _NUMBERS.match(value) and value == value.strip()
        if is_plain and value.lower() not in _WORDS_OF_YAML:
            return value
    return json.dumps(value, ensure_ascii=False)


def _mapping(fields: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, value in fields.items():
        line = f"{indent}{key}: {_flow(value)}"
        if len(line) <= WIDTH or not isinstance(value, str | dict | list):
            yield line
        elif isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _mapping(value, f"{indent}  ")
        elif isinstance(value, list):
            yield f"{indent}{key}:"
            yield from (f"{indent}  - {_flow(item)}" for item in value)
        elif "\n" in value or value != value.strip() or "  " in value:
            yield line
        else:
            yield f"{indent}{key}: >-"
            yield from (f"{indent}  {part}" for part in _wrapped(value, len(indent) + 2))


def _flow(value: object) -> str:
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{scalar(k)}: {_flow(v)}' for k, v in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_flow, value))}]"
    return scalar(value)


def _comment(notes: Sequence[str], indent: str) -> list[str]:
    """Each note as lines of a comment; an empty one is an empty line of it."""
    lines = []
    for note in notes:
        parts = (
            [note] if note.startswith("yaml-language-server") else _wrapped(note, len(indent) + 2)
        )
        lines += [f"{indent}# {part}".rstrip() for part in parts or [""]]
    return lines


def _wrapped(text: str, used: int) -> list[str]:
    whole = _TEMPLATE.sub(lambda found: found[0].replace(" ", "\0"), text)
    lines = textwrap.wrap(whole, WIDTH - used, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]
