"""What a fixer is given, what it answers, and what it must be able to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:  # the check is a hook, and starts without pydantic
    from orchestrator.plan.base import OptionValue


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it is: its path from the top of the repository, its bytes, its options."""

    path: str
    data: bytes
    options: Mapping[str, OptionValue] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Edit:
    """New bytes for a file. `counts` is what was really added, `notes` what to tell a person."""

    path: str
    data: bytes
    counts: Mapping[str, int]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoChange:
    """The file has all it should have, or nothing in it is this fixer's business (see `notes`)."""

    path: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The file needs a person; it was not changed."""

    path: str
    reason: str


Outcome = Edit | NoChange | Refusal


class Fixer(Protocol):
    """One kind of change. It reads the repository below `top` and never writes to it."""

    name: str
    version: int
    """Raised whenever the same file would come out differently; part of every record."""

    def option_problems(self, path: str, options: Mapping[str, OptionValue]) -> list[str]:
        """What is wrong with the options a plan gives for `path`."""
        ...

    def conflicts(self, sources: Sequence[Source]) -> list[tuple[str, str]]:
        """What is wrong with the options of several files together: a path and a message each."""
        ...

    def has_traces(self, data: bytes) -> bool:
        """Whether the change may have been made here before; a look at the bytes, not a parse."""
        ...

    def is_clean(self, source: Source, top: Path) -> bool:
        """Whether nothing is left to do, told without importing what only an edit needs."""
        ...

    def fix(self, source: Source, top: Path) -> Outcome:
        """What to do with one file."""
        ...
