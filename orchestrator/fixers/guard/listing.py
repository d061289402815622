"""Puts an entry into a list of a YAML file, line by line: comments and order stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import yaml

from orchestrator.fixers.guard.parts import Cannot

Key = str | int


def parsed(text: str, path: str) -> Any:
    """What the document holds.

    Raises:
        Cannot: it is no YAML.
    """
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}: " if mark else ""
        what = getattr(error, "problem", None) or error
        raise Cannot(f"{path} is no YAML ({where}{what})") from error


def with_entry(
    text: str, keys: Sequence[Key], entry: Sequence[str], *, before: int | None = None
) -> str:
    """`text` with `entry` (its lines, the first beginning with "- ") in the list at `keys`.

    It goes to the end, or before an entry that is there. An empty list, or one that is null, is
    written anew.

    Raises:
        Cannot: the list is written on one line, or is none.
    """
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    node = _at(yaml.compose(text, Loader=yaml.SafeLoader), keys)
    if isinstance(node, yaml.SequenceNode) and node.value and not node.flow_style:
        indent = node.start_mark.column
        at = (
            _line_above(lines, node.value[before])
            if before is not None
            else _line_after(lines, node)
        )
    elif isinstance(node, yaml.SequenceNode) and node.value:
        raise Cannot(f"{'.'.join(map(str, keys))} is written on one line; write it as a list first")
    elif isinstance(node, yaml.SequenceNode) or (
        isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")
    ):
        line = node.start_mark.line
        lines[line] = lines[line].split(":", 1)[0] + ":" + newline
        indent, at = len(lines[line]) - len(lines[line].lstrip()) + 2, line + 1
    else:
        raise Cannot(f"{'.'.join(map(str, keys))} is no list")
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    new = [f"{' ' * indent}{line}".rstrip() + newline for line in entry]
    if before is None and at and at <= len(lines) and _is_spaced(lines, node):
        new = [newline, *new]
    elif before is not None and _is_spaced(lines, node):
        new = [*new, newline]
    edited = "".join([*lines[:at], *new, *lines[at:]])
    if not _is_proved(text, edited, keys, before):
        raise Cannot("what is there would not be the same after the edit")
    return edited


def _is_proved(old: str, new: str, keys: Sequence[Key], before: int | None) -> bool:
    """Whether the new document is the old one and one entry more."""
    was, now = yaml.safe_load(old), yaml.safe_load(new)
    entries = now
    for key in keys:
        entries = entries[key]
    del entries[-1 if before is None else before]
    holder = was
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = holder[keys[-1]] or []
    return bool(was == now)


def _at(node: Any, keys: Sequence[Key]) -> Any:
    for key in keys:
        if isinstance(key, int):
            node = node.value[key]
        else:
            node = next((value for name, value in node.value if name.value == key), None)
    return node


def _line_after(lines: Sequence[str], node: Any) -> int:
    """The index of the first line after what a node holds; what trails behind is not part of it."""
    while isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    is_block = isinstance(node, yaml.ScalarNode) and node.style in {"|", ">"}
    at = int(node.end_mark.line) + (0 if is_block else 1)
    while at and is_block and not lines[at - 1].strip():
        at -= 1
    return at


def _line_above(lines: Sequence[str], node: Any) -> int:
    """The index of the line of an entry's dash, or of the comments right above it."""
    at = int(node.start_mark.line)
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    return at


def _is_spaced(lines: Sequence[str], node: Any) -> bool:
    """Whether the entries of a list are kept apart by empty lines."""
    entries = node.value if isinstance(node, yaml.SequenceNode) else []
    starts = [_line_above(lines, entry) for entry in entries[1:]]
    return bool(starts) and all(at and not lines[at - 1].strip() for at in starts)
