"""Puts test files in an order: by what their mocks cost, by their tests, by their folders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from orchestrator.memory_safety.fixer.values.facts import ASYNC_MOCK, FileFacts
from orchestrator.plan.model import Priority

MANY_METHODS = 10
"""From so many test methods on, a file with AsyncMock is of high priority."""


def priority(facts: FileFacts) -> Priority | None:
    """HIGH: AsyncMock and many methods; MEDIUM: AsyncMock; LOW: other mocks; None: no mocks.

    Of a file without test classes there is nothing to say either.
    """
    if not facts.classes:
        return None
    if facts.mocks.get(ASYNC_MOCK):
        return Priority.HIGH if facts.methods >= MANY_METHODS else Priority.MEDIUM
    return Priority.LOW if facts.touching or any(facts.mocks.values()) else None


def ranked(files: Iterable[FileFacts]) -> list[FileFacts]:
    """By priority, then by the number of test methods; files without mocks last."""
    order: list[Priority | None] = [Priority.HIGH, Priority.MEDIUM, Priority.LOW, None]
    return sorted(files, key=lambda f: (order.index(priority(f)), -f.methods, f.path))


def high_risk(files: Iterable[FileFacts]) -> list[FileFacts]:
    """The files with AsyncMock, the most test methods first."""
    found = [f for f in files if f.classes and f.mocks.get(ASYNC_MOCK)]
    return sorted(found, key=lambda f: (-f.methods, f.path))


def most_methods(files: Iterable[FileFacts]) -> list[FileFacts]:
    """The files with test classes, the most test methods first."""
    return sorted((f for f in files if f.classes), key=lambda f: (-f.methods, f.path))


@dataclass(frozen=True, slots=True)
class Sum:
    """Many files in one line; `priorities` counts files, `missing` parts of the pattern."""

    name: str
    files: int
    classes: int
    methods: int
    async_methods: int
    lacking: int
    """Files to which the fixer would do something."""
    priorities: Counter[Priority | None]
    mocks: Counter[str]
    held: Counter[str]
    missing: Counter[str]
    by_hand: int


def summed(name: str, files: Sequence[FileFacts]) -> Sum:
    """`files` in one line."""
    return Sum(
        name,
        len(files),
        sum(f.classes for f in files),
        sum(f.methods for f in files),
        sum(f.async_methods for f in files),
        sum(f.lacks for f in files),
        Counter(map(priority, files)),
        _over(f.mocks for f in files),
        _over(f.held for f in files),
        _over(f.missing for f in files),
        sum(bool(f.by_hand) for f in files),
    )


def by_folder(files: Sequence[FileFacts]) -> list[Sum]:
    """A sum per folder, in the order of their names."""
    folders: dict[str, list[FileFacts]] = {}
    for facts in files:
        folders.setdefault(str(PurePosixPath(facts.path).parent), []).append(facts)
    return [summed(name, inside) for name, inside in sorted(folders.items())]


def _over(counts: Iterable[Mapping[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in counts:
        total.update(one)
    return total
