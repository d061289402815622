"""Writes edits as unified diffs that `git apply` takes, whatever bytes the file holds."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from orchestrator.base.changes import FILE_MODE, Content


def unified(path: str, before: Content, after: Content, mode: int = FILE_MODE) -> str:
    """The diff of one file; bytes that are no UTF-8 are kept as surrogates.

    `mode` is that of a file that is made or removed.
    """
    return "".join(_lines_of_diff(path, before, after, mode))


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
