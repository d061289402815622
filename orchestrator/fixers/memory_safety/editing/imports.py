"""Puts a line `import NAME` where an import sorter would leave it; no other line changes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.fixers.memory_safety.reading.syntax import first_line

FUTURE, STANDARD, OTHER = range(3)


@dataclass(frozen=True, slots=True)
class _Row:
    """The statements that share lines at module level, by the first of them; lines count from 1."""

    statement: ast.stmt
    first: int
    last: int


_BOM = b"\xef\xbb\xbf"


def with_imports(data: bytes, names: Sequence[str]) -> bytes:
    """`data` with `import NAME` for each of `names`, in its first block of imports.

    Sections are those of isort (future, standard library, the rest); inside a section `import x`
    stands before `from x import y`, in alphabetical order.
    """
    start = _BOM if data.startswith(_BOM) else b""
    data = data.removeprefix(_BOM)
    for name in names:
        data = _with_import(data, name)
    return start + data


def line_end(lines: Sequence[bytes]) -> bytes:
    """How the first line that has an end does end."""
    ends = (line[len(line.rstrip(b"\r\n")) :] for line in lines)
    return next((end for end in ends if end), b"\n")


def _with_import(data: bytes, name: str) -> bytes:
    lines = data.splitlines(keepends=True)
    rows, newline = _rows(ast.parse(data)), line_end(lines)
    at, has_block = _place(rows, name)
    before = rows[at - 1] if at else None
    following = rows[at] if at < len(rows) else None
    top = _leading_from(rows, at, lines)
    line = f"import {name}".encode("ascii") + newline
    blank = newline
    gap = following is not None and not _is_blank(lines, top) and has_gap_below(following, name)
    if not has_block:
        apart = following is not None and not _begins_blank(lines, top, following)
        new = [*([blank] if before else []), line, *([blank] if apart else [])]
        where = top
    elif before and is_import(before.statement) and section(before.statement) == section_of(name):
        new = [line, *([blank] if gap else [])]
        where = top
    elif following is not None and is_import(following.statement):
        where = _after_last_blank(lines, top, following)
        differs = section(following.statement) != section_of(name)
        missing = before is not None and where == top
        new = [*([blank] if missing else []), line, *([blank] if differs else [])]
    else:
        apart = following is not None and not _begins_blank(lines, top, following)
        new = [blank, line, *([blank] if apart else [])]
        where = top
    return b"".join([*lines[: where - 1], *new, *lines[where - 1 :]])


def has_gap_below(following: _Row, name: str) -> bool:
    """Whether an empty line belongs between an import of `name` and what follows it."""
    return section(following.statement) != section_of(name)


def is_import(statement: ast.stmt) -> bool:
    """Whether it is an import of either kind."""
    return isinstance(statement, ast.Import | ast.ImportFrom)


def section_of(name: str) -> int:
    """The section of the module `name`."""
    return STANDARD if name in sys.stdlib_module_names else OTHER


def section(statement: ast.stmt) -> int | None:
    """Which section an import statement belongs to; None for anything else."""
    if isinstance(statement, ast.ImportFrom):
        if statement.level or statement.module is None:
            return OTHER
        top = statement.module.split(".")[0]
        return FUTURE if top == "__future__" else section_of(top)
    if isinstance(statement, ast.Import):
        return section_of(statement.names[0].name.split(".")[0])
    return None


def _rows(tree: ast.Module) -> list[_Row]:
    rows: list[_Row] = []
    for statement in tree.body:
        first, last = first_line(statement), statement.end_lineno or statement.lineno
        if rows and rows[-1].last == first:
            rows[-1] = _Row(rows[-1].statement, rows[-1].first, last)
        else:
            rows.append(_Row(statement, first, last))
    return rows


def _place(rows: Sequence[_Row], name: str) -> tuple[int, bool]:
    """The index before which the import goes, and whether there are imports there to join."""
    start = 1 if rows and _is_docstring(rows[0].statement) else 0
    while start < len(rows) and section(rows[start].statement) == FUTURE:
        start += 1
    at = start
    while (
        at < len(rows) and is_import(rows[at].statement) and _goes_after(name, rows[at].statement)
    ):
        at += 1
    return at, at > start or (at < len(rows) and is_import(rows[at].statement))


def _goes_after(name: str, statement: ast.stmt) -> bool:
    there = section(statement)
    if there is None or there != section_of(name):
        return there is not None and there < section_of(name)
    return isinstance(statement, ast.Import) and statement.names[0].name < name


def _is_docstring(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _leading_from(rows: Sequence[_Row], at: int, lines: Sequence[bytes]) -> int:
    """The line where what belongs to the row at `at` begins: its comments and empty lines.

    Everything before the first statement is the file's own head, but for a comment right above it.
    """
    if at:
        return rows[at - 1].last + 1
    first = rows[0].first
    blanks = [n for n in range(1, first) if _is_blank(lines, n)]
    return blanks[-1] + 1 if blanks and not _is_docstring(rows[0].statement) else first


def _is_blank(lines: Sequence[bytes], number: int) -> bool:
    return number <= len(lines) and not lines[number - 1].strip()


def _begins_blank(lines: Sequence[bytes], top: int, following: _Row) -> bool:
    return top < following.first and _is_blank(lines, top)


def _after_last_blank(lines: Sequence[bytes], top: int, following: _Row) -> int:
    """The line after the last empty one above a row; `top` where there is none."""
    blanks = [n for n in range(top, following.first) if _is_blank(lines, n)]
    return blanks[-1] + 1 if blanks else top
