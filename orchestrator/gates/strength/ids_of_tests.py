"""Tells whether an edit can change which tests there are: what only touches test bodies cannot."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import PurePosixPath

from orchestrator.base.changes import Change, Content

_TYPES_ONLY = frozenset({"typing", "typing_extensions", "collections.abc", "__future__"})


def may_change_ids(changes: Sequence[Change]) -> bool:
    """Whether the ids of tests may be others after these changes; True where nobody knows.

    Of test files everything but bodies and annotations of tests must be the same program; of other
    Python files everything: a function of theirs may make the parameters of a test.
    """
    return any(_may(change) for change in changes)


def _may(change: Change) -> bool:
    if not change.path.endswith(".py") or change.before is None or change.after is None:
        return True
    name = PurePosixPath(change.path).name
    is_test = name.startswith("test_") or name.endswith("_test.py")
    before, after = (_skeleton(data, is_test=is_test) for data in (change.before, change.after))
    return before is None or before != after


def _skeleton(content: Content, *, is_test: bool) -> str | None:
    try:
        tree = ast.parse(content or b"")
        return ast.dump(_Blanked().visit(tree) if is_test else tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


class _Blanked(ast.NodeTransformer):
    """Takes out what cannot matter to pytest's collection."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        if node.name.startswith("test"):
            node.body = [ast.Pass()]
            node.returns = None
            arguments = node.args
            for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
                argument.annotation = None
        return node

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self.visit_FunctionDef(node)  # type: ignore[arg-type]  # it has the same parts

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | None:
        return None if node.module in _TYPES_ONLY else node
