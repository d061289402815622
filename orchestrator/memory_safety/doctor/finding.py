"""One thing a doctor looked at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class DoctorLevel(StrEnum):
    """How much a finding weighs: with a problem the pattern does not do what it is for."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """What was found; `step` is the command that helps, or empty.

    `project` is the folder of the project it is about, where there are several.
    """

    level: DoctorLevel
    what: str
    step: str = ""
    project: str = ""
