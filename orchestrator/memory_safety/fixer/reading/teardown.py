"""What one teardown method does, and whether a line can be appended to it."""

from __future__ import annotations

import ast
import copy
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from orchestrator.memory_safety.fixer.reading.names import bound_in, dotted, local_collects
from orchestrator.memory_safety.fixer.reading.syntax import Function, own_nodes

_HOLDERS = (ast.stmt, ast.ExceptHandler, ast.match_case)
"""Nodes that hold statements, which are looked at one by one."""

_ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)


def collects(function: Function, expressions: Collection[str]) -> bool:
    """Whether it calls one of `expressions` whenever it runs.

    What follows a `return` or `raise`, stands under a condition, in a loop, an `except` or a nested
    function does not count.
    """
    local = bound_in(function)
    wanted = {name for name in expressions if name.partition(".")[0] not in local}
    wanted |= {name for name in expressions if name.endswith(".__dict__.clear")}
    wanted |= local_collects(function)
    return any(name in wanted for name in _called(function))


def never_runs(function: Function) -> bool:
    """Whether pytest calls it and nothing of it happens: it is never awaited, or never iterated."""
    is_generator = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own_nodes(function))
    return isinstance(function, ast.AsyncFunctionDef) or is_generator


def calls_super(function: Function) -> bool:
    """Whether it calls the method of the same name of its base, in code that can run."""
    return f"super().{function.name}" in _called(function)


def calls_some_base(function: Function) -> bool:
    """Whether it may call a method of its own name: of `super()`, of a base, by `getattr`."""
    nodes = [node for node in own_nodes(function) if isinstance(node, ast.Attribute)]
    named = any(n.attr == function.name and dotted(n.value) != "self" for n in nodes)
    return named or may_call_base_with_arguments(function)


def leaves_early(function: Function) -> bool:
    """Whether a line added at the end might not be reached; it then belongs in a `finally`.

    A teardown that leaves early *after* it called `gc.collect()`, or before its line that calls it,
    is left as its author wrote it.
    """
    return any(map(_leaves, own_nodes(function)))


def _leaves(node: ast.AST) -> bool:
    """Whether it is a return or a raise, or a call that is nothing but a raise."""
    if isinstance(node, ast.Call):
        return dotted(node.func) in _RAISING
    return isinstance(node, ast.Return | ast.Raise)


_RAISING = {
    "pytest.skip", "pytest.fail", "pytest.xfail", "pytest.exit", "self.fail", "self.skipTest",
    "sys.exit",
}  # fmt: skip


def does_more_than_collect(function: Function) -> bool:
    """Whether it does anything that is lost when it is not called, or harmful when called twice.

    A call of its base's method is the base's matter.
    """
    base = f"super().{function.name}("
    for statement in function.body:
        is_constant = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
        if is_constant or isinstance(statement, ast.Pass):
            continue
        text = ast.unparse(statement)
        if not text.endswith("collect()") and not text.startswith(base):
            return True
    return False


def may_call_base_with_arguments(function: Function) -> bool:
    """Whether it gives arguments to the base's method, or gets hold of it by `getattr`."""
    for node in own_nodes(function):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr == function.name:
            if node.args or node.keywords:
                return True
        elif dotted(node.func) == "getattr" and any(
            getattr(argument, "value", None) == function.name for argument in node.args
        ):
            return True
    return False


def why_not_appendable(function: Function, collect_name: str) -> str | None:
    """Why a line that collects cannot be added so that it runs after every test, or None."""
    inside = list(own_nodes(function))
    if isinstance(function, ast.AsyncFunctionDef):
        return "is async, and pytest never awaits it"
    if any(isinstance(node, ast.Yield | ast.YieldFrom) for node in inside):
        return "is a generator"
    if any("fixture" in ast.unparse(decorator) for decorator in function.decorator_list):
        return "is a fixture"
    if collect_name in bound_in(function):
        return f"gives {collect_name} a meaning of its own"
    return None


@dataclass(frozen=True, slots=True)
class Signature:
    """The parameters of a method after the first, and the arguments that hand them on."""

    parameters: str
    arguments: str


def signature(function: Function) -> Signature | None:
    """How a method that overrides `function` is written; None where it has to be understood.

    A default is repeated where it is a literal. A decorator means more than a plain call of the
    base can repeat, but for `override`, and for one of a `tearDown`, which has no arguments.
    """
    given = function.args
    defaults = [*given.defaults, *(default for default in given.kw_defaults if default)]
    is_generator = any(isinstance(n, ast.Yield | ast.YieldFrom) for n in own_nodes(function))
    named = [*given.posonlyargs, *given.args]
    if is_generator or isinstance(function, ast.AsyncFunctionDef) or not named:
        return None
    if not all(isinstance(default, ast.Constant) for default in defaults):
        return None
    if not all(_keeps_meaning(decorator, function.name) for decorator in function.decorator_list):
        return None
    bare = copy.deepcopy(given)
    for argument in ast.walk(bare):
        if isinstance(argument, ast.arg):
            argument.annotation = None
    rest = ast.unparse(bare).removeprefix(named[0].arg).removeprefix(", ")
    arguments = [argument.arg for argument in named[1:]]
    arguments += [f"*{given.vararg.arg}"] if given.vararg else []
    arguments += [f"{argument.arg}={argument.arg}" for argument in given.kwonlyargs]
    arguments += [f"**{given.kwarg.arg}"] if given.kwarg else []
    return Signature(rest, ", ".join(arguments))


def _keeps_meaning(decorator: ast.expr, name: str) -> bool:
    called = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
    last = called.rpartition(".")[2]
    plain = name == "tearDown" and last not in {"staticmethod", "classmethod", "fixture"}
    return last == "override" or plain


def _called(function: Function) -> Iterator[str]:
    for statement in _live(function.body):
        for node in _own_expressions(statement):
            if isinstance(node, ast.Call) and (name := _callee(node.func)):
                yield name


def _callee(function: ast.expr) -> str | None:
    """`gc.collect`, or `super().name` for a call of the base's method."""
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call):
        return f"super().{function.attr}" if dotted(function.value.func) == "super" else None
    return dotted(function)


def _live(block: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a block, and of the blocks inside, that can be reached."""
    for statement in block:
        yield statement
        for inner in _blocks(statement):
            yield from _live(inner)
        if _always_leaves(statement):
            return


def _always_leaves(statement: ast.stmt) -> bool:
    """Whether nothing after it in its block can be reached."""
    raises = isinstance(statement, ast.Expr) and _leaves(statement.value)
    if raises or isinstance(statement, _ENDS):
        return True
    ways = _ways_through(statement)
    return bool(ways) and all(any(map(_always_leaves, way)) for way in ways)


def _ways_through(statement: ast.stmt) -> list[list[ast.stmt]]:
    """The blocks of which one is gone through, whatever happens; none where it may be none."""
    if isinstance(statement, ast.With | ast.AsyncWith):
        return [statement.body]
    if isinstance(statement, ast.If):
        if isinstance(statement.test, ast.Constant):
            return [statement.body if statement.test.value else statement.orelse]
        return [statement.body, statement.orelse]
    if isinstance(statement, ast.Try):
        handlers = [handler.body for handler in statement.handlers]
        tried = [*statement.body, *statement.orelse]
        return [way + statement.finalbody for way in [tried, *handlers]]
    return []


def _blocks(statement: ast.stmt) -> Iterator[list[ast.stmt]]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    if isinstance(statement, ast.If | ast.While) and isinstance(statement.test, ast.Constant):
        yield statement.body if statement.test.value else statement.orelse
        return
    if isinstance(statement, ast.With):  # a context manager may swallow what is raised inside
        yield statement.body if _swallows_nothing(statement) else statement.body[:1]
    if isinstance(statement, ast.Try):  # what follows a line that raised is not reached
        yield statement.body[:1] if statement.handlers else statement.body
        yield statement.finalbody


def _swallows_nothing(statement: ast.With) -> bool:
    managers = (item.context_expr for item in statement.items)
    called = (manager.func if isinstance(manager, ast.Call) else manager for manager in managers)
    return not any((dotted(name) or "").endswith(("suppress", "raises")) for name in called)


def _own_expressions(statement: ast.stmt) -> Iterator[ast.AST]:
    """The expressions of one statement, without those of statements or functions inside it."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    todo = [n for n in ast.iter_child_nodes(statement) if not isinstance(n, _HOLDERS)]
    while todo:
        node = todo.pop()
        yield node
        if isinstance(node, ast.BoolOp):
            todo.append(node.values[0])
        elif isinstance(node, ast.IfExp):
            todo.append(node.test)
        elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            todo.append(node.generators[0].iter)  # what it does for each may be done for none
        elif not isinstance(node, ast.Lambda):
            todo.extend(ast.iter_child_nodes(node))
