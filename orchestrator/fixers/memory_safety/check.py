"""Every finding in one file, by the rules the fixer edits by."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from orchestrator.fixers.base import Source
from orchestrator.fixers.memory_safety.reading.module import Parsed
from orchestrator.fixers.memory_safety.reading.pragmas import why_left_alone
from orchestrator.fixers.memory_safety.reading.settings import settings_for
from orchestrator.fixers.memory_safety.rules.advice import advice
from orchestrator.fixers.memory_safety.rules.classes import analyse
from orchestrator.fixers.memory_safety.rules.findings import Finding, Level

_WORDS = (b"class", b"scope", b"ock", b"\0")
"""Without any of these a file has neither a class nor a fixture nor a mock, and can be read."""


def findings(source: Source, top: Path, parsed: Parsed | None = None) -> list[Finding]:
    """What is wrong in a file and what is worth knowing, by line.

    A file without errors is one that the fixer would not edit, and the reverse. A file pytest does
    not collect has none; of a conftest only its fixtures are looked at. `source.data` must be what
    the file at `top` holds; `parsed` is as for `analyse`.
    """
    if not any(word in source.data for word in _WORDS):
        return []
    is_conftest = PurePosixPath(source.path).name == "conftest.py"
    if not is_conftest and not settings_for(top, source.path).collects_file(source.path):
        return []
    try:
        analysis = analyse(source, top, parsed)
    except (SyntaxError, ValueError, RecursionError) as error:
        return [] if why_left_alone(source) else [_unreadable(error)]
    if not analysis.applies:
        return []
    return sorted([*analysis.findings, *advice(analysis.module, analysis.mocks)])


def _unreadable(error: Exception) -> Finding:
    line = getattr(error, "lineno", None) or 1
    column = max(1, getattr(error, "offset", None) or 1)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    return Finding(line, column, "MS000", "", f"cannot be read as Python: {message}", Level.ERROR)
