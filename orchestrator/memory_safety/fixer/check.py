"""Every finding in one file, by the rules the fixer edits by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.fixers.outcome import Source
from orchestrator.memory_safety.fixer.reading.collected import Collected
from orchestrator.memory_safety.fixer.reading.module import UNREADABLE, Parsed, why_unreadable
from orchestrator.memory_safety.fixer.reading.pragmas import why_left_alone
from orchestrator.memory_safety.fixer.rules.advice import advice
from orchestrator.memory_safety.fixer.rules.classes import analyse, may_hold_classes
from orchestrator.memory_safety.fixer.values.findings import Finding, Severity
from orchestrator.project.pytest_config import settings_for

NO_TEST_FILE = "no test file by its name"
_WORDS = (b"class", b"scope", b"ock", b"\0")
"""Without any of these a file has neither a class nor a fixture nor a mock, and can be read."""


@dataclass(frozen=True, slots=True)
class Report:
    """What the rules say of one file; `left_alone` is why they were not asked, or None."""

    findings: Sequence[Finding]
    left_alone: str | None = None
    groups: frozenset[str] = frozenset()
    """The groups of its classes, once they are as they should be."""


def report(source: Source, top: Path, parsed: Parsed | None = None) -> Report:
    """What is wrong in a file and what is worth knowing, by line.

    A file without errors is one that the fixer would not edit, and the reverse. A file pytest does
    not collect has none; of a conftest only its fixtures are looked at. `source.data` must be what
    the file at `top` holds; `parsed` is as for `analyse`.
    """
    is_conftest = PurePosixPath(source.path).name == "conftest.py"
    settings = settings_for(top, source.path)
    if not is_conftest and not settings.collects_file(source.path):
        return Report([], NO_TEST_FILE)
    if reason := why_left_alone(source):
        return Report([], reason)
    if not any(word in source.data for word in _WORDS):
        return Report([])
    try:
        analysis = analyse(source, top, parsed)
    except UNREADABLE as error:
        return Report([_unreadable(error)] if may_hold_classes(source.data) else [])
    collected = Collected(analysis.module, settings)
    advised = advice(analysis.module, analysis.mocks, collected)
    found = sorted([*analysis.findings, *advised])
    return Report(found, groups=frozenset(analysis.groups))


def findings(source: Source, top: Path) -> Sequence[Finding]:
    """The findings of `report` alone."""
    return report(source, top).findings


def _unreadable(error: Exception) -> Finding:
    line = getattr(error, "lineno", None) or 1
    column = max(1, getattr(error, "offset", None) or 1)
    text = f"cannot be read as Python: {why_unreadable(error)}"
    return Finding(line, column, "MS000", "", text, Severity.ERROR, by_hand=True)
