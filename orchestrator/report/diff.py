"""Writes edits as unified diffs that `git apply` takes, whatever bytes the file holds."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # `check` and `fix` show diffs, and start without the model of a record
    from orchestrator.progress.record import Patch


def unified(path: str, before: bytes, after: bytes) -> str:
    """The diff of one file; bytes that are no UTF-8 are kept as surrogates."""
    return "".join(_lines_of_diff(path, before, after))


def patch(path: str, before: bytes, after: bytes) -> Patch:
    """The diff of one file, as a record keeps it."""
    from orchestrator.progress.record import Patch

    data = unified(path, before, after).encode("utf-8", "surrogateescape")
    try:
        return Patch(text=data.decode("utf-8"))
    except UnicodeDecodeError:
        return Patch(text=data.decode("latin-1"), encoding="latin-1")


def _lines_of_diff(path: str, before: bytes, after: bytes) -> Iterator[str]:
    yield f"diff --git a/{path} b/{path}\n"
    old, new = (_lines(data) for data in (before, after))
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[str]:
    return [line.decode("utf-8", "surrogateescape") for line in data.splitlines(keepends=True)]
