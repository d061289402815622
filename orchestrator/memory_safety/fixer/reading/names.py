"""Under which names a module reaches `gc.collect` and `pytest.mark`, what rebinds them."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.memory_safety.fixer.reading.syntax import own_nodes


@dataclass(frozen=True, slots=True)
class PatternNames:
    """How to write the three things the pattern needs; None where the module must import first."""

    collect: str | None
    """The expression that is called, such as `gc.collect`."""
    mark: str | None
    """The expression before `.xdist_group`, such as `pytest.mark`."""
    os: str | None
    """The name of the module `os`."""
    rebound: frozenset[str]
    """Names bound at module or class level, or as a parameter, by anything but their own import."""
    rebound_outside: frozenset[str]
    """Those among them that mean something else where a class's decorators are evaluated."""


def names_of(tree: ast.Module, nodes: Sequence[ast.AST]) -> PatternNames:
    """What a module's own top-level imports offer; `nodes` are all of `tree`.

    An import in a function, below `if TYPE_CHECKING` or in a `try` does not count: the name may not
    be there when a teardown runs.
    """
    collect, mark, os, in_time = None, None, None, True
    for statement in tree.body:
        collect = _collect_from(statement) or collect
        in_time = in_time and not isinstance(statement, ast.ClassDef)
        if in_time:  # a decorator is evaluated where it stands
            mark = _mark_from(statement) or mark
            os = _os_from(statement) or os
    others = _other_imports(nodes)
    outside = others.union(*(node.names for node in nodes if isinstance(node, ast.Global)))
    outside |= {name for inner in own_nodes(tree) for name in _bound_by(inner)}
    inside = {name for node in nodes for name in _bindings_in(node)}
    return PatternNames(collect, mark, os, frozenset(outside | inside), frozenset(outside))


def local_collects(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The expressions that collect garbage by virtue of imports inside `function`."""
    found = (_collect_from(node) for node in own_nodes(function))
    return {name for name in found if name}


def dotted(expression: ast.expr) -> str | None:
    """`a.b.c` for a chain of attributes of a name, else None."""
    parts: list[str] = []
    while isinstance(expression, ast.Attribute):
        parts.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    return ".".join([expression.id, *reversed(parts)])


def _collect_from(statement: ast.AST) -> str | None:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if alias.name == "gc":
                return f"{alias.asname or 'gc'}.collect"
    if isinstance(statement, ast.ImportFrom) and statement.module == "gc" and not statement.level:
        for alias in statement.names:
            if alias.name == "collect":
                return alias.asname or "collect"
    return None


def _os_from(statement: ast.AST) -> str | None:
    if isinstance(statement, ast.Import):
        return next((a.asname or "os" for a in statement.names if a.name == "os"), None)
    return None


def _mark_from(statement: ast.AST) -> str | None:
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            if alias.name == "pytest":
                return f"{alias.asname or 'pytest'}.mark"
    if isinstance(statement, ast.ImportFrom) and statement.module == "pytest":
        for alias in statement.names:
            if alias.name == "mark":
                return alias.asname or "mark"
    return None


def _other_imports(nodes: Sequence[ast.AST]) -> set[str]:
    """Names that are imported from modules other than their own."""
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    own = {a.asname or a.name for n in imports for a in n.names if n.module in {"gc", "pytest"}}
    others = {
        a.asname or a.name for n in imports for a in n.names if n.module not in {"gc", "pytest"}
    }
    return others - own


def _bindings_in(node: ast.AST) -> Iterator[str]:
    """What the body of a class binds, or a parameter."""
    if isinstance(node, ast.arg):
        yield node.arg
    elif isinstance(node, ast.ClassDef):
        for inner in own_nodes(node):
            yield from _bound_by(inner)


def _bound_by(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store | ast.Del):
        yield node.id
    elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Import):
        for alias in node.names:
            name = alias.asname or alias.name.partition(".")[0]
            if name != alias.name and (name in _OWN or alias.name not in _OWN):
                yield name
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


_OWN = {"gc", "os", "pytest"}


def bound_in(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """Names that mean something of its own inside a function, imports of theirs included."""
    names = {argument.arg for argument in ast.walk(function.args) if isinstance(argument, ast.arg)}
    for node in own_nodes(function):
        names |= set(_bound_by(node))
        if isinstance(node, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.Global | ast.Nonlocal):
            names |= set(node.names)
    return names
