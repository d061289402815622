"""Which xdist group a class or a module already belongs to, however the mark is written."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from orchestrator.memory_safety.fixer.reading.module import Module, Value
from orchestrator.memory_safety.fixer.reading.names import dotted
from orchestrator.memory_safety.fixer.reading.outside import Outside
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode, Function, own_statements

_MARK = "pytest.mark.xdist_group"
_ADDING = {"pytestmark.append", "pytestmark.extend", "pytestmark.insert"}
_MAX_STEPS = 8


@dataclass(frozen=True, slots=True)
class Group:
    """A group mark. `name` is None where it is not a literal; `bare` where no name is given."""

    name: str | None
    bare: bool = False


def groups_of_class(at: ClassNode, module: Module) -> list[Group]:
    """The groups a class's own decorators and its own `pytestmark` put it in."""
    return _all([*at.node.decorator_list, *_given_to_pytestmark(at.node)], module)


def is_skipped_when(condition: str, at: ClassNode) -> bool:
    """Whether a class has a `skipif` with this very condition."""
    wanted = ast.unparse(ast.parse(condition, mode="eval"))
    return any(
        isinstance(decorator, ast.Call)
        and (dotted(decorator.func) or "").endswith("mark.skipif")
        and [ast.unparse(argument) for argument in decorator.args[:1]] == [wanted]
        for decorator in at.node.decorator_list
    )


def groups_of_module(module: Module) -> list[Group]:
    """The groups a module-level `pytestmark` puts every test of the file in."""
    return _all(_given_to_pytestmark(module.tree), module)


def groups_of_function(function: Function, module: Module) -> list[Group]:
    """The groups a method's own decorators put it in, or one of its parameter sets."""
    given = [
        word.value
        for decorator in function.decorator_list
        for node in ast.walk(decorator)
        if isinstance(node, ast.Call)
        for word in node.keywords
        if word.arg == "marks"
    ]
    return _all([*function.decorator_list, *given], module)


def _all(expressions: Iterable[ast.expr], module: Module) -> list[Group]:
    return [group for one in expressions for group in _groups(one, module, _MAX_STEPS)]


def _groups(expression: ast.expr, module: Module, steps: int) -> Iterator[Group]:
    """The groups in a value: a mark, or a name, list or sum of them, in either half of an `if`."""
    match expression:
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            for part in parts:
                yield from _groups(part, module, steps)
        case ast.BinOp(left=left, right=right):
            yield from _groups(left, module, steps)
            yield from _groups(right, module, steps)
        case ast.IfExp(body=body, orelse=orelse):
            yield from _groups(body, module, steps)
            yield from _groups(orelse, module, steps)
        case ast.Starred(value=inner):
            yield from _groups(inner, module, steps)
        case ast.Call(func=function):
            yield from _of_call(expression, function, module, steps)
        case ast.Name() | ast.Attribute():
            yield from _of_name(expression, module, steps)


def _of_call(call: ast.Call, function: ast.expr, module: Module, steps: int) -> Iterator[Group]:
    """The group of `xdist_group("name")`, also by another name or through `with_args`."""
    if isinstance(function, ast.Attribute) and function.attr == "with_args":
        function = function.value
    for group in _groups(function, module, steps):
        yield _named(call) if group.bare else group


def _of_name(name: ast.expr, module: Module, steps: int) -> Iterator[Group]:
    written = dotted(name)
    meant = module.resolved(written) if written and steps else None
    if isinstance(meant, Outside):
        yield from [Group(None, bare=True)] if meant.name == _MARK else []
    elif isinstance(meant, Value):
        if not isinstance(meant.node, Function):
            yield from _groups(meant.node, meant.module, steps - 1)
        elif _mentions_mark(meant.node, meant.module):
            yield Group(None)


def _mentions_mark(function: Function, module: Module) -> bool:
    """Whether a helper that decorates tests puts them in some group."""
    names = (dotted(node) for node in ast.walk(function) if isinstance(node, ast.Attribute))
    return any(
        name.endswith("xdist_group") and module.resolved(name) == Outside(_MARK)
        for name in names
        if name
    )


def _named(call: ast.Call) -> Group:
    """xdist reads the first positional argument, else `name`."""
    given = call.args[:1] or [word.value for word in call.keywords if word.arg in {"name", None}]
    if not given:
        return Group(None, bare=True)
    value = given[0]
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        return Group(value.value)
    return Group(None)


def _given_to_pytestmark(scope: ast.Module | ast.ClassDef) -> Iterator[ast.expr]:
    """What a namespace assigns to `pytestmark` or adds to it, under a condition too."""
    for node in own_statements(scope):
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if node.value is not None and "pytestmark" in map(dotted, targets):
                yield node.value
        elif isinstance(node, ast.Expr) and isinstance(call := node.value, ast.Call):
            yield from call.args if dotted(call.func) in _ADDING else []
