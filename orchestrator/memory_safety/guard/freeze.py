"""The fixture of a conftest that keeps what is imported out of the sight of each gc.collect()."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from orchestrator.memory_safety.fixer.editing.imports import with_imports
from orchestrator.memory_safety.guard.parts import Cannot

_FIXTURE = """\
@pytest.fixture(scope="module", autouse=True)
def _freeze_what_is_imported() -> None:
    \"\"\"Keep what is imported out of the sight of each gc.collect().\"\"\"
    gc.unfreeze()
    gc.collect()
    gc.freeze()
"""
_NAMES = ("gc", "pytest")


def freezing(data: bytes, path: str, top: Path) -> bytes | None:
    """The conftest with the fixture; None where it freezes already.

    Raises:
        Cannot: it is no Python, or its names `gc` and `pytest` mean something else.
    """
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError) as error:
        raise Cannot(f"{path} is no Python: {error}") from error
    if freezes(tree):
        return None
    imported = {alias.name for node in tree.body for alias in _plain_imports(node)}
    for name in _NAMES:
        if name in set(_rebound(tree)):
            raise Cannot(f"{path}: the name {name!r} is not the module of that name everywhere")
    missing = [name for name in _NAMES if name not in imported]
    newline = b"\r\n" if b"\r\n" in data else b"\n"
    edited = _with_imports(data, missing, top, newline)
    head = edited.rstrip(b"\r\n \t") + newline * 3 if edited.strip() else b""
    edited = head + _FIXTURE.encode().replace(b"\n", newline)
    added = len(missing) + 1
    if len(ast.parse(edited).body) != len(tree.body) + added or not _holds(edited, tree):
        raise Cannot(f"{path}: what is there would not be the same after the edit")
    return edited


def freezes(tree: ast.Module) -> bool:
    """Whether `gc.freeze()` is called anywhere in a file, by whatever name gc has there."""
    names = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
        if alias.name == "gc"
    }
    return any(
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "freeze"
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id in names
        for node in ast.walk(tree)
    )


def _with_imports(data: bytes, missing: list[str], top: Path, newline: bytes) -> bytes:
    if ast.parse(data).body:
        return with_imports(data, missing, lambda name: (top / name).exists()) if missing else data
    head = data.rstrip() + newline * 2 if data.strip() else b""  # comments alone
    return head + b"import gc" + newline * 2 + b"import pytest" + newline


def _holds(edited: bytes, tree: ast.Module) -> bool:
    """Whether every statement of before is still there, in its order."""
    now = iter([ast.dump(node) for node in ast.parse(edited).body])
    return all(ast.dump(node) in now for node in tree.body)


def _plain_imports(node: ast.stmt) -> Iterator[ast.alias]:
    if isinstance(node, ast.Import):
        yield from (alias for alias in node.names if alias.asname is None)


def _rebound(tree: ast.Module) -> Iterator[str]:
    """The names that are given a meaning, or lose it, by anything but `import NAME`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            is_plain = isinstance(node, ast.Import)
            yield from (a.asname or a.name for a in node.names if a.asname or not is_plain)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Name):
            if not isinstance(node.ctx, ast.Load):
                yield node.id
        elif isinstance(node, ast.Global | ast.Nonlocal):
            yield from node.names
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name
