"""A plan that is still to be written: what it will say, before it is text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.plan.base import OptionValue


@dataclass(frozen=True, slots=True)
class DraftTarget:
    """One target. `weight` is its number of tests, by which batches are bounded.

    `kind` is what it is an example of, `note` a comment for people, `together` the first of the
    files it stands or falls with; a `new` one is made by its fixer.
    """

    path: str
    weight: int = 1
    kind: str = ""
    expect: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    manual: str | None = None
    note: str = ""
    together: str = ""
    new: bool = False


@dataclass(frozen=True, slots=True)
class DraftBatch:
    """One batch; `note` is a comment above it."""

    id: str
    title: str
    items: Sequence[DraftTarget]
    note: str = ""


@dataclass(frozen=True, slots=True)
class DraftPhase:
    """One phase. `head` holds the keys between its title and its batches, as they are written."""

    id: str
    title: str
    priority: str
    head: Mapping[str, OptionValue]
    batches: Sequence[DraftBatch]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """A whole plan; `notes` are the lines of its opening comment."""

    name: str
    title: str
    notes: Sequence[str]
    head: Mapping[str, OptionValue]
    phases: Sequence[DraftPhase]

    def items(self) -> list[DraftTarget]:
        """Every target, in the order of the plan."""
        return [i for phase in self.phases for batch in phase.batches for i in batch.items]


@dataclass(frozen=True, slots=True)
class BatchBounds:
    """What one batch holds at most: files, and tests of all its files."""

    files: int = 10
    tests: int = 400


def hours(files: int, minutes_a_file: tuple[int, int]) -> list[OptionValue]:
    """An estimate from and to, in half hours, of at least one of them each."""
    low, high = (max(1, round(files * minutes / 30)) for minutes in minutes_a_file)
    return [_plain(low / 2), _plain(max(high, low + 1) / 2)]


def _plain(value: float) -> int | float:
    return int(value) if value.is_integer() else value
