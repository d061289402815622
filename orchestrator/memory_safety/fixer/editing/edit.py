"""Turns the analysis of a file into new bytes that are proved to hold the old ones."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

from orchestrator.fixers.outcome import Edit, NoChange, Outcome, Refusal, Source
from orchestrator.memory_safety.fixer.editing.insertion import DoesNotFit, inserted
from orchestrator.memory_safety.fixer.editing.proof import difference
from orchestrator.memory_safety.fixer.reading.module import UNREADABLE, why_unreadable
from orchestrator.memory_safety.fixer.reading.pragmas import why_left_alone
from orchestrator.memory_safety.fixer.rules.analysis import Analysis
from orchestrator.memory_safety.fixer.rules.classes import analyse, may_hold_classes
from orchestrator.project.pytest_config import settings_for

_DEEP = "too many nested parentheses"
_FRAGILE = re.compile(rb"\f|\r(?!\n)")
"""What libcst drops in some places, and takes for the file's line end in others."""


class Unproved(Exception):
    """There is no edit that can be shown to hold the old file; the reason is the message."""


def fixed(source: Source, top: Path) -> Outcome:
    """The outcome for one file; an edit is only ever one that passed its proof."""
    try:
        analysis = analyse(source, top, asks_heirs=True)
    except UNREADABLE as error:
        if reason := why_left_alone(source):
            return NoChange(source.path, (f"left alone: {reason}",))
        is_asked = settings_for(top, source.path).collects_file(source.path)
        if not (is_asked and may_hold_classes(source.data)):
            return NoChange(source.path, ("no test classes in it, and no Python either",))
        return Refusal(source.path, _why_unreadable(source.data, error))
    if analysis.refusals:
        return Refusal(source.path, "; ".join(analysis.refusals))
    if not analysis.needs_person_or_edit:
        return NoChange(source.path, tuple(analysis.notes))
    return _edited(source, analysis, top)


def _edited(source: Source, analysis: Analysis, top: Path) -> Outcome:
    if _FRAGILE.search(source.data):
        return Refusal(
            source.path, "a form feed or a lone carriage return in it might not survive an edit"
        )
    try:
        data, counts = _proved(source.data, analysis)
        after = analyse(Source(source.path, data, source.options), top)
    except Unproved as error:
        return Refusal(source.path, str(error))
    except RecursionError as error:
        return Refusal(source.path, why_unreadable(error))
    if after.needs_person_or_edit:
        reason = "; ".join(after.refusals) or "a second run would change it again"
        return Refusal(source.path, f"after the edit it would not be as it should: {reason}")
    return Edit(source.path, data, counts, tuple(analysis.notes))


def _proved(data: bytes, analysis: Analysis) -> tuple[bytes, dict[str, int]]:
    """The new bytes, and how much of what was added; by lines where they do, else by libcst.

    Raises:
        Unproved: libcst cannot read the file, or the result is not the old file and the additions.
    """
    with contextlib.suppress(DoesNotFit):
        edited, counts = inserted(data, analysis)
        if difference(data, edited, analysis, counts) is None:
            return edited, counts
    from orchestrator.memory_safety.fixer.editing.transform import transformed_bytes

    try:
        edited, counts = transformed_bytes(data, analysis)
    except UnicodeEncodeError as error:
        text = error.object[error.start : error.end]
        reason = f"{text!r} cannot be written in the encoding of the file, {error.encoding}"
        raise Unproved(reason) from error
    except ValueError as error:
        raise Unproved(f"libcst cannot read it: {_first_line(error)}") from error
    if lost := difference(data, edited, analysis, counts):
        raise Unproved(f"the edit would have changed more than it should: {lost}")
    return edited, counts


def _why_unreadable(data: bytes, error: Exception) -> str:
    if isinstance(error, RecursionError | MemoryError) or _DEEP in str(error):
        return why_unreadable(error)  # libcst, asked below, would not survive it
    where = f"line {error.lineno}: " if isinstance(error, SyntaxError) and error.lineno else ""
    message = why_unreadable(error)
    if "(unicode error)" in message:
        return f"{where}it is not valid Python ({message})"
    if "Missing parentheses in call to 'print'" in message or "use parentheses" in message:
        return f"{where}it is Python 2 ({message})"
    if isinstance(error, SyntaxError) and _is_newer_syntax(data):
        return f"{where}it needs a newer Python than the one that runs orchestrate ({message})"
    return f"{where}it is not valid Python ({message})"


def _is_newer_syntax(data: bytes) -> bool:
    """libcst reads newer grammar than an older interpreter's own parser does."""
    import libcst as cst

    try:
        cst.parse_module(data)
    except (cst.ParserSyntaxError, SyntaxError, UnicodeDecodeError):
        return False
    return True


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0]
