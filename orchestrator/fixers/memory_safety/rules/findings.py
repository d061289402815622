"""What the rules find in a file: a code, a place, and what to do. The codes are API."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How much a finding weighs: only an error makes a file fail the check."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


RULES = {
    "MS000": "file that cannot be read as Python",
    "MS001": "test class without an xdist_group mark",
    "MS002": "test class without a teardown that collects garbage",
    "MS003": "gc is used and not imported",
    "MS004": "groups that are joined, or conflict",
    "MS005": "teardown that is dead, or that shadows another",
    "MS006": "skip condition that never or always holds",
    "MS007": "mocks held on self or at module level",
    "MS008": "scoped fixture that holds mocks",
}
"""Code → what it is about."""


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing in a file. `line` and `column` count from 1; `subject` is the class, or empty."""

    line: int
    column: int
    code: str
    subject: str
    message: str
    level: Level
    by_hand: bool = False
    """Whether it keeps the fixer from this file: a person has to decide."""
