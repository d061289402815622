"""Puts `import gc` and `import pytest` where an import sorter would leave them."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import libcst as cst

_FUTURE, _STANDARD, _OTHER = range(3)
_Statement = cst.SimpleStatementLine | cst.BaseCompoundStatement


def with_imports(module: cst.Module, names: Sequence[str]) -> cst.Module:
    """The module with `import NAME` for each of `names`, in its first block of imports.

    Sections are those of isort (future, standard library, the rest); inside a section `import x`
    stands before `from x import y`, in alphabetical order.
    """
    if names:
        module = _with_owned_comment(module)
    for name in names:
        module = module.with_changes(body=_with_import(module.body, name))
    return module


def _with_owned_comment(module: cst.Module) -> cst.Module:
    """The module with a comment right above its first statement kept there, not in the header.

    libcst counts everything before the first statement as header; what follows a blank line in it
    speaks of the statement.
    """
    blanks = [i for i, line in enumerate(module.header) if line.comment is None]
    if not module.body or not blanks or _is_docstring(module.body[0]):
        return module
    cut = blanks[-1] + 1
    first = module.body[0]
    lines = [*module.header[cut:], *_leading(first)]
    body = [first.with_changes(leading_lines=lines), *module.body[1:]]
    return module.with_changes(header=module.header[:cut], body=body)


def _with_import(body: Sequence[_Statement], name: str) -> list[_Statement]:
    at, has_block = _place(body, name)
    before, after = list(body[:at]), list(body[at:])
    following = after[0] if after else None
    line: _Statement = cst.SimpleStatementLine([cst.Import([cst.ImportAlias(cst.Name(name))])])
    if not has_block:
        leading = [_blank()] if before else []
        after = [_apart(s) if s is following else s for s in after]
    elif before and _is_import(before[-1]) and _section(before[-1]) == _section_of(name):
        leading = []
        after = [_apart(s) if _needs_gap(s, name) else s for s in after[:1]] + after[1:]
    elif following is not None and _is_import(following):
        leading, rest = _split_leading(following)
        if before and not leading:
            leading = [_blank()]
        if _section(following) != _section_of(name) and not _begins_blank(rest):
            rest = [_blank(), *rest]
        after = [following.with_changes(leading_lines=rest), *after[1:]]
    else:
        leading = [_blank()]
        after = [_apart(s) if s is following else s for s in after]
    return [*before, line.with_changes(leading_lines=leading), *after]


def _place(body: Sequence[_Statement], name: str) -> tuple[int, bool]:
    """The index before which the import goes, and whether there are imports there to join."""
    start = 1 if body and _is_docstring(body[0]) else 0
    while start < len(body) and _section(body[start]) == _FUTURE:
        start += 1
    at = start
    while at < len(body) and _is_import(body[at]) and _goes_after(name, body[at]):
        at += 1
    joined = at > start or (at < len(body) and _is_import(body[at]))
    return at, joined


def _goes_after(name: str, statement: _Statement) -> bool:
    section = _section(statement)
    if section is None or section != _section_of(name):
        return section is not None and section < _section_of(name)
    plain = _plain_name(statement)
    return plain is not None and plain < name


def _needs_gap(statement: _Statement, name: str) -> bool:
    """Whether a blank line belongs between an import of `name` and this statement."""
    return _section(statement) != _section_of(name) and not _begins_blank(_leading(statement))


def _section_of(name: str) -> int:
    return _STANDARD if name in sys.stdlib_module_names else _OTHER


def _section(statement: _Statement) -> int | None:
    """Which section an import statement belongs to; None for anything else."""
    if not _is_import(statement):
        return None
    assert isinstance(statement, cst.SimpleStatementLine)
    first = statement.body[0]
    if isinstance(first, cst.ImportFrom):
        if first.relative or first.module is None:
            return _OTHER
        top = _top_name(first.module)
        return _FUTURE if top == "__future__" else _section_of(top)
    assert isinstance(first, cst.Import)
    return _section_of(_top_name(first.names[0].name))


def _is_import(statement: _Statement) -> bool:
    return isinstance(statement, cst.SimpleStatementLine) and isinstance(
        statement.body[0], cst.Import | cst.ImportFrom
    )


def _is_docstring(statement: _Statement) -> bool:
    return (
        isinstance(statement, cst.SimpleStatementLine)
        and isinstance(statement.body[0], cst.Expr)
        and isinstance(statement.body[0].value, cst.SimpleString | cst.ConcatenatedString)
    )


def _plain_name(statement: _Statement) -> str | None:
    """`x.y` of `import x.y`; None for a `from` import."""
    assert isinstance(statement, cst.SimpleStatementLine)
    first = statement.body[0]
    return (
        cst.Module([]).code_for_node(first.names[0].name) if isinstance(first, cst.Import) else None
    )


def _top_name(name: cst.BaseExpression) -> str:
    while isinstance(name, cst.Attribute):
        name = name.value
    assert isinstance(name, cst.Name)
    return name.value


def _split_leading(statement: _Statement) -> tuple[list[cst.EmptyLine], list[cst.EmptyLine]]:
    """What stands above a statement: up to its last blank line, and the comment it owns."""
    lines = list(_leading(statement))
    blanks = [i for i, line in enumerate(lines) if line.comment is None]
    cut = blanks[-1] + 1 if blanks else 0
    return lines[:cut], lines[cut:]


def _leading(statement: _Statement) -> Sequence[cst.EmptyLine]:
    return getattr(statement, "leading_lines", ())


def _begins_blank(lines: Sequence[cst.EmptyLine]) -> bool:
    return bool(lines) and lines[0].comment is None


def _apart(statement: _Statement) -> _Statement:
    """The statement with a blank line above it and what it owns."""
    leading = _leading(statement)
    if _begins_blank(leading):
        return statement
    return statement.with_changes(leading_lines=[_blank(), *leading])


def _blank() -> cst.EmptyLine:
    return cst.EmptyLine(indent=False)
