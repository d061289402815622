"""What a fixer is given of one file, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the check is a hook, and starts without pydantic
    from orchestrator.plan.base import OptionValue
else:
    OptionValue = object

Options = Mapping[str, "OptionValue"]


@dataclass(frozen=True, slots=True)
class Source:
    """One file as it is: its path from the top of the repository, its bytes, its options.

    One that does not exist yet has no bytes.
    """

    path: str
    data: bytes
    options: Options = field(default_factory=dict)
    exists: bool = True


@dataclass(frozen=True, slots=True)
class Edit:
    """New bytes for a file. `counts` is what was really added, `notes` what to tell a person.

    Without counts of its own, added and removed lines are counted.
    """

    path: str
    data: bytes
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NoChange:
    """The file has all it should have, or nothing in it is this fixer's business (see `notes`)."""

    path: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """The file needs a person; it was not changed. `detail` is what shows why, over many lines."""

    path: str
    reason: str
    detail: str = ""


Outcome = Edit | NoChange | Refusal
