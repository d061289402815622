"""What a check finds in a file: a code, a place, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much a finding weighs: only an error makes a file fail the check."""

    ERROR = "error"
    WARNING = "warning"
    ADVICE = "advice"


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One thing in a file. `line` and `column` count from 1; `subject` is the class, or empty."""

    line: int
    column: int
    code: str
    subject: str
    message: str
    level: Severity
    by_hand: bool = False
    """Whether it keeps the fixer from this file: a person has to decide."""
