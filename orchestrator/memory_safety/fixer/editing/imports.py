"""Puts a line `import NAME` where an import sorter would leave it; no other line changes."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import takewhile

from orchestrator.memory_safety.fixer.reading.syntax import Function, first_line

FUTURE, STANDARD, OTHER, LOCAL = range(4)
IsLocal = Callable[[str], bool]
"""Whether a top-level name is a package or module of the repository itself."""


@dataclass(frozen=True, slots=True)
class _Row:
    """The statements that share lines at module level, by the first of them; lines count from 1."""

    statement: ast.stmt
    section: int | None
    first: int
    last: int


_BOM = b"\xef\xbb\xbf"


def with_imports(data: bytes, names: Sequence[str], is_local: IsLocal) -> bytes:
    """`data` with `import NAME` for each of `names`, in its first block of imports.

    Sections are those of isort (future, standard library, the rest, the repository's own); inside a
    section `import x` stands before `from x import y`, in alphabetical order. A block that mixes
    sections without an empty line between them gets none.
    """
    start = _BOM if data.startswith(_BOM) else b""
    data = data.removeprefix(_BOM)
    for name in names:
        data = _with_import(data, name, is_local)
    return start + data


def line_end(lines: Sequence[bytes]) -> bytes:
    """The line end of the first line that has one; a newline where none has."""
    ends = (line[len(line.rstrip(b"\r\n")) :] for line in lines)
    return next((end for end in ends if end), b"\n")


def _with_import(data: bytes, name: str, is_local: IsLocal) -> bytes:
    lines = data.splitlines(keepends=True)
    rows, newline = _rows(ast.parse(data), is_local), line_end(lines)
    at, has_block = _place(rows, name)
    before = rows[at - 1] if at else None
    following = rows[at] if at < len(rows) else None
    where = _leading_from(rows, at, lines)
    line = f"import {name}".encode("ascii") + newline
    if following is None or not is_import(following.statement):
        below = _blanks_below(following, lines, where, is_first=not has_block)
        joins = before is not None and before.section == section_of(name)
        new = [*([newline] if before and not joins else []), line, *[newline] * below]
    elif before is not None and is_import(before.statement) and where == following.first:
        new = [line]  # sections are not kept apart here
    elif before is not None and before.section == section_of(name):
        new = [line, *([] if _is_blank(lines, where) else [newline])]
    else:
        top, where = where, _after_last_blank(lines, where, following)
        is_missing = before is not None and where == top
        differs = following.section != section_of(name)
        new = [*([newline] if is_missing else []), line, *([newline] if differs else [])]
    return b"".join([*lines[: where - 1], *new, *lines[where - 1 :]])


def _blanks_below(
    following: _Row | None, lines: Sequence[bytes], top: int, *, is_first: bool
) -> int:
    """How many empty lines are missing between an import and what is no import below it.

    A class or function wants two. Where imports were there before, some is as good as two.
    """
    if following is None:
        return 0
    there = sum(1 for _ in takewhile(partial(_is_blank, lines), range(top, following.first)))
    wanted = 2 if isinstance(following.statement, Function | ast.ClassDef) else 1
    return max(0, wanted - there) if is_first or not there else 0


def is_import(statement: ast.stmt) -> bool:
    """Whether it is an import of either kind."""
    return isinstance(statement, ast.Import | ast.ImportFrom)


def section_of(name: str) -> int:
    """The section of the module `name`."""
    return STANDARD if name in sys.stdlib_module_names else OTHER


def section(statement: ast.stmt, is_local: IsLocal) -> int | None:
    """Which section an import statement belongs to; None for anything else."""
    if isinstance(statement, ast.ImportFrom):
        if statement.level or statement.module is None:
            return LOCAL
        top = statement.module.split(".")[0]
        if top == "__future__":
            return FUTURE
    elif isinstance(statement, ast.Import):
        top = statement.names[0].name.split(".")[0]
    else:
        return None
    known = section_of(top)
    return LOCAL if known == OTHER and is_local(top) else known


def _rows(tree: ast.Module, is_local: IsLocal) -> list[_Row]:
    rows: list[_Row] = []
    for statement in tree.body:
        first, last = first_line(statement), statement.end_lineno or statement.lineno
        if rows and rows[-1].last == first:
            rows[-1] = replace(rows[-1], last=last)
        else:
            rows.append(_Row(statement, section(statement, is_local), first, last))
    return rows


def _place(rows: Sequence[_Row], name: str) -> tuple[int, bool]:
    """The index before which the import goes, and whether there are imports there to join."""
    start = 1 if rows and _is_docstring(rows[0].statement) else 0
    while start < len(rows) and rows[start].section == FUTURE:
        start += 1
    at = start
    while at < len(rows) and _goes_after(name, rows[at]):
        at += 1
    return at, at > start or (at < len(rows) and is_import(rows[at].statement))


def _goes_after(name: str, row: _Row) -> bool:
    if row.section is None or row.section != section_of(name):
        return row.section is not None and row.section < section_of(name)
    return isinstance(row.statement, ast.Import) and row.statement.names[0].name < name


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


def _after_last_blank(lines: Sequence[bytes], top: int, following: _Row) -> int:
    """The line after the last empty one above a row; `top` where there is none."""
    blanks = [n for n in range(top, following.first) if _is_blank(lines, n)]
    return blanks[-1] + 1 if blanks else top
