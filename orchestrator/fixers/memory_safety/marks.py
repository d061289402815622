"""Which xdist group a class or a module already belongs to."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.fixers.memory_safety.names import dotted
from orchestrator.fixers.memory_safety.syntax import ClassNode, own_nodes


@dataclass(frozen=True, slots=True)
class Group:
    """A group mark. `name` is None where it is not a literal; `bare` where no name is given."""

    name: str | None
    bare: bool = False


def group_of_class(at: ClassNode, tree: ast.Module, mark: str | None) -> Group | None:
    """The group a class's own decorators or its own `pytestmark` put it in."""
    values = _given_to_pytestmark(at.node)
    return _first([*at.node.decorator_list, *_elements(values)], tree, mark)


def is_skipped_when(condition: str, at: ClassNode) -> bool:
    """Whether a class has a `skipif` with this very condition."""
    wanted = ast.unparse(ast.parse(condition, mode="eval"))
    return any(
        isinstance(decorator, ast.Call)
        and (dotted(decorator.func) or "").endswith("mark.skipif")
        and [ast.unparse(argument) for argument in decorator.args[:1]] == [wanted]
        for decorator in at.node.decorator_list
    )


def group_of_module(tree: ast.Module, mark: str | None) -> Group | None:
    """The group a module-level `pytestmark` puts every test of the file in."""
    return _first(_elements(_given_to_pytestmark(tree)), tree, mark)


def group_of_function(function: ast.AST, tree: ast.Module, mark: str | None) -> Group | None:
    """The group a method's own decorators put it in, or one of its parameter sets."""
    decorators = getattr(function, "decorator_list", [])
    given = [
        word.value
        for decorator in decorators
        for node in ast.walk(decorator)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "marks"
    ]
    return _first([*decorators, *_elements(given)], tree, mark)


def _first(expressions: Iterable[ast.expr], tree: ast.Module, mark: str | None) -> Group | None:
    found = (_group(expression, tree, mark) for expression in expressions)
    return next((group for group in found if group), None)


def _group(expression: ast.expr, tree: ast.Module, mark: str | None) -> Group | None:
    names = {"pytest.mark.xdist_group", f"{mark}.xdist_group"}
    if isinstance(expression, ast.Name):
        aliased = _assigned_at_top(tree, expression.id)
        return (
            _group(aliased, tree, mark) if aliased and not isinstance(aliased, ast.Name) else None
        )
    if dotted(expression) in names:
        return Group(None, bare=True)
    if isinstance(expression, ast.Call) and dotted(expression.func) in names:
        return _named(expression)
    return None


def _named(call: ast.Call) -> Group:
    """xdist reads the first positional argument, else `name`."""
    given = call.args[:1] or [word.value for word in call.keywords if word.arg in {"name", None}]
    if not given:
        return Group(None, bare=True)
    value = given[0]
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return Group(value.value)
    return Group(None)


def _assigned_at_top(tree: ast.Module, name: str) -> ast.expr | None:
    values = (
        s.value for s in tree.body if isinstance(s, ast.Assign) and name in map(dotted, s.targets)
    )
    return next(values, None)


def _targets(node: ast.Assign | ast.AugAssign | ast.AnnAssign) -> list[ast.expr]:
    return node.targets if isinstance(node, ast.Assign) else [node.target]


def _given_to_pytestmark(scope: ast.Module | ast.ClassDef) -> Iterator[ast.expr]:
    """What a namespace assigns to `pytestmark` or adds to it, under a condition too."""
    for node in own_nodes(scope):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            if node.value is not None and "pytestmark" in map(dotted, _targets(node)):
                yield node.value
        elif isinstance(node, ast.Call) and dotted(node.func) in _ADDING:
            yield from node.args


_ADDING = {"pytestmark.append", "pytestmark.extend", "pytestmark.insert"}


def _elements(values: Iterable[ast.expr]) -> Iterator[ast.expr]:
    """The marks in a value: in lists and tuples, joined ones too, in either half of an `if`."""
    for value in values:
        match value:
            case ast.List(elts=parts) | ast.Tuple(elts=parts):
                yield from _elements(parts)
            case ast.BinOp(left=left, right=right):
                yield from _elements([left, right])
            case ast.IfExp(body=body, orelse=orelse):
                yield from _elements([body, orelse])
            case ast.Starred(value=inner):
                yield from _elements([inner])
            case _:
                yield value
