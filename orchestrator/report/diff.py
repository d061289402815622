"""Writes edits as unified diffs that `git apply` takes, whatever bytes the file holds."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from orchestrator.changes import FILE_MODE, Change, Content

if TYPE_CHECKING:  # `check` and `fix` show diffs, and start without the model of a record
    from orchestrator.progress.record import Patch


def unified(path: str, before: Content, after: Content, mode: int = FILE_MODE) -> str:
    """The diff of one file; bytes that are no UTF-8 are kept as surrogates.

    `mode` is that of a file that is made or removed.
    """
    return "".join(_lines_of_diff(path, before, after, mode))


def patch(changes: Iterable[Change]) -> Patch:
    """The diff of changes that belong together, as a record keeps it."""
    from orchestrator.progress.record import Patch

    text = "".join(unified(c.path, c.before, c.after, c.mode) for c in changes)
    data = text.encode("utf-8", "surrogateescape")
    try:
        return Patch(text=data.decode("utf-8"))
    except UnicodeDecodeError:
        return Patch(text=data.decode("latin-1"), encoding="latin-1")


def _lines_of_diff(path: str, before: Content, after: Content, mode: int) -> Iterator[str]:
    yield f"diff --git a/{path} b/{path}\n"
    executable = "755" if mode & 0o100 else "644"
    if before is None:
        yield f"new file mode 100{executable}\n"
    if after is None:
        yield f"deleted file mode 100{executable}\n"
    old, new = (_lines(data or b"") for data in (before, after))
    was = "/dev/null" if before is None else f"a/{path}"
    now = "/dev/null" if after is None else f"b/{path}"
    for line in difflib.unified_diff(old, new, was, now):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[str]:
    return [line.decode("utf-8", "surrogateescape") for line in data.splitlines(keepends=True)]
