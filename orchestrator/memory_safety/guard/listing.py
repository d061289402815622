"""Puts an entry into a list of a YAML file, line by line: comments and order stay."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

import yaml

from orchestrator.memory_safety.guard.parts import Cannot

Key = str | int
_EMPTY = re.compile(r"(?P<key>[ ]*[^#]*?:)[ ]*(?:\[[ ]*\]|null|~)?(?P<comment>[ ]+#.*)?\s*$")


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
    try:
        return _with_entry(text, keys, entry, before)
    except (yaml.YAMLError, LookupError, TypeError, AttributeError) as error:
        raise Cannot(f"{_dotted(keys)} is written in a way that is left alone ({error})") from error


def scalar(text: str) -> str:
    """A text as a value of YAML: in quotes where it would be something else without."""
    try:
        is_plain = yaml.safe_load(f"- {text}") == [text] and "\n" not in text
    except yaml.YAMLError:
        is_plain = False
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _with_entry(text: str, keys: Sequence[Key], entry: Sequence[str], before: int | None) -> str:
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    node = _at(yaml.compose(text, Loader=yaml.SafeLoader), keys)
    if not _is_list(node):
        raise Cannot(f"{_dotted(keys)} is no list")
    if isinstance(node, yaml.SequenceNode) and node.value:
        if node.flow_style:
            raise Cannot(f"{_dotted(keys)} is written on one line; write it as a list first")
        indent = lines[node.value[0].start_mark.line].index("-")
        follows = None if before is None else node.value[before]
        at = _line_after(lines, node) if follows is None else _line_above(lines, follows)
    else:
        line = node.start_mark.line
        if (found := _EMPTY.match(lines[line])) is None or f"{keys[-1]}:" not in found["key"]:
            raise Cannot(f"{_dotted(keys)} is empty in a way that is left alone; write it as `[]`")
        lines[line] = f"{found['key']}{found['comment'] or ''}".rstrip() + newline
        indent, at = len(lines[line]) - len(lines[line].lstrip()) + 2, line + 1
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    new = [f"{' ' * indent}{line}".rstrip() + newline for line in entry]
    if _is_spaced(lines, node):
        new = [newline, *new] if before is None else [*new, newline]
    edited = "".join([*lines[:at], *new, *lines[at:]])
    if not _is_proved(text, edited, keys, before):
        raise Cannot("what is there would not be the same after the edit")
    return edited


def _is_list(node: Any) -> bool:
    is_null = isinstance(node, yaml.ScalarNode) and node.tag.endswith(":null")
    return is_null or isinstance(node, yaml.SequenceNode)


def _dotted(keys: Sequence[Key]) -> str:
    return ".".join(map(str, keys))


def _is_proved(old: str, new: str, keys: Sequence[Key], before: int | None) -> bool:
    """Whether the new document is the old one and what was added to one list."""
    was, now = yaml.safe_load(old), yaml.safe_load(new)
    *outer, last = keys
    one, other = was, now
    for key in outer:
        one, other = one[key], other[key]
    mine, entries = one[last] or [], other[last]
    added = len(entries) - len(mine)
    at = len(mine) if before is None else before
    one[last] = other[last] = None
    return bool(added > 0 and entries[:at] + entries[at + added :] == mine and was == now)


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
