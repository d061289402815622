"""Targets that are patterns: what is one, and which files it means."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

_WILD = frozenset("*?")


def is_pattern(path: str) -> bool:
    """Whether a target is a pattern, which `plan --update` spells out; `[` is part of a name."""
    return not _WILD.isdisjoint(path)


def spelled_out(pattern: str, paths: Iterable[str]) -> list[str]:
    """The paths a pattern means, sorted: `*` stays within a folder, `**` does not."""
    parts = pattern.split("/")
    return sorted(path for path in paths if _matches(path.split("/"), parts))


def matching(top: Path, test: str) -> list[str]:
    """The files and folders that `tests:` of a plan means, from the top: a path, or a pattern."""
    if not is_pattern(test):
        return [test]
    found = top.glob(test.replace("[", "[[]"))
    return sorted(path.relative_to(top).as_posix() for path in found)


def _matches(names: list[str], parts: list[str]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_matches(names[skip:], parts[1:]) for skip in range(len(names) + 1))
    if not names:
        return False
    part = parts[0].replace("[", "[[]")
    return fnmatchcase(names[0], part) and _matches(names[1:], parts[1:])
