"""Measures every test of a module: what it asserts and expects, and whether it is skipped."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.gates.strength.expressions import (
    Compared,
    Raises,
    comparisons,
    comparisons_of_call,
    is_assertion,
    is_failure,
    is_skip_call,
    opens_block,
    raises_of,
    skip_marks,
    suppresses,
    swallows,
    weight,
    weight_of_call,
)

Function = ast.FunctionDef | ast.AsyncFunctionDef
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_MOST_CALLS = 1_000
"""How many calls of helpers are followed from one test."""

_JUMPS = (ast.Return, ast.Raise, ast.Continue, ast.Break)


@dataclass(slots=True)
class Strength:
    """What holds a test: how much it asserts, how much of it is vacuous, skips, expected errors.

    `compared` are the assertions that say what a value is.
    """

    assertions: int = 0
    compared: Compared = field(default_factory=Compared)
    vacuous: int = 0
    skips: int = 0
    raises: list[Raises] = field(default_factory=list)
    texts: Compared = field(default_factory=Compared)
    """Assertions about what an expected exception says: `match=` says the same."""


IsTest = Callable[[str, str], bool]
"""Whether a function is a test: by its name, and its id below the file."""


def by_default(name: str, id_: str) -> bool:
    """Whether pytest and unittest take a function for a test, as they are without configuration."""
    return name.startswith(("test", "runTest"))


def measured(tree: ast.Module, is_test: IsTest = by_default) -> dict[str, Strength]:
    """Every test of a module by its id below the file: `test_a`, `TestB::test_c`."""
    names = _Names(tree)
    marks = sum(map(skip_marks, _pytestmarks(tree.body))) + _switched_off(tree.body)
    found: dict[str, Strength] = {}
    for prefix, node, classes in _tests(tree.body, "", ()):
        if not is_test(node.name, f"{prefix}{node.name}"):
            continue
        strength = Strength(skips=marks)
        for cls in classes:
            strength.skips += sum(map(skip_marks, [*cls.decorator_list, *_pytestmarks(cls.body)]))
            strength.skips += _switched_off(cls.body)
        strength.skips += sum(map(skip_marks, node.decorator_list))
        _TestReader(names, classes, strength).function(node)
        found[f"{prefix}{node.name}"] = strength
    return found


def _tests(
    body: Sequence[ast.stmt], prefix: str, classes: tuple[ast.ClassDef, ...]
) -> Iterator[tuple[str, Function, tuple[ast.ClassDef, ...]]]:
    for node in _flat(body):
        if isinstance(node, ast.ClassDef):
            yield from _tests(node.body, f"{prefix}{node.name}::", (*classes, node))
        elif isinstance(node, _FUNCTIONS):
            yield prefix, node, classes


def _flat(body: Sequence[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module or class, those under `if` and `try` included."""
    for node in body:
        if isinstance(node, ast.If):
            yield from _flat([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            handled = [statement for handler in node.handlers for statement in handler.body]
            yield from _flat([*node.body, *handled, *node.orelse, *node.finalbody])
        elif isinstance(node, ast.With):
            yield from _flat(node.body)
        else:
            yield node


def _pytestmarks(body: Sequence[ast.stmt]) -> Iterator[ast.expr]:
    for node in _flat(body):
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AugAssign | ast.AnnAssign):
            targets = [node.target]
        if any(isinstance(t, ast.Name) and t.id == "pytestmark" for t in targets):
            value = getattr(node, "value", None)
            if value is not None:
                yield value


def _switched_off(body: Sequence[ast.stmt]) -> int:
    """Whether `__test__ = False` stands there."""
    for node in _flat(body):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            names = [t.id for t in node.targets if isinstance(t, ast.Name)]
            if "__test__" in names and not node.value.value:
                return 1
    return 0


def _unused(function: Function) -> Iterator[ast.Call]:
    """The calls of a function whose value nobody uses, or whose name is never read again."""
    read = {
        node.id
        for node in ast.walk(function)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }
    for node in ast.walk(function):
        match node:
            case ast.Expr(value=ast.Call() as call):
                yield call
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call() as call):
                if name not in read:
                    yield call


def _is_lazy(function: Function) -> bool:
    """Whether a call alone runs nothing of it: a coroutine, or a generator."""
    if isinstance(function, ast.AsyncFunctionDef):
        return True
    inner = {
        id(n)
        for f in ast.walk(function)
        if f is not function and isinstance(f, _FUNCTIONS)
        for n in ast.walk(f)
    }
    return any(
        isinstance(node, ast.Yield | ast.YieldFrom) and id(node) not in inner
        for node in ast.walk(function)
    )


def _expects(context: ast.expr) -> bool:
    """Whether `with` this context expects an exception, as `with pytest.raises(...)` does."""
    return isinstance(context, ast.Call) and raises_of(context) is not None


class _Names:
    """The functions and classes of a module, for calls of helpers."""

    def __init__(self, tree: ast.Module) -> None:
        nodes = list(_flat(tree.body))
        self.functions = {node.name: node for node in nodes if isinstance(node, _FUNCTIONS)}
        self.classes = {node.name: node for node in nodes if isinstance(node, ast.ClassDef)}

    def method(self, classes: Sequence[ast.ClassDef], name: str) -> Function | None:
        """A method of a class, or of its bases in the same module."""
        todo, seen = list(classes[-1:]), set()
        while todo:
            cls = todo.pop(0)
            if cls.name in seen:
                continue
            seen.add(cls.name)
            own = {node.name: node for node in _flat(cls.body) if isinstance(node, _FUNCTIONS)}
            if name in own:
                return own[name]
            bases = [base.id for base in cls.bases if isinstance(base, ast.Name)]
            todo += [self.classes[base] for base in bases if base in self.classes]
        return None


class _TestReader:
    """Adds up one test: its live statements, and those of the helpers it calls."""

    def __init__(self, names: _Names, classes: Sequence[ast.ClassDef], strength: Strength) -> None:
        self._names = names
        self._classes = classes
        self._strength = strength
        self._entered: set[int] = set()
        self._calls_left = _MOST_CALLS
        self._idle: set[int] = set()
        """Calls whose value nobody uses: of a coroutine, they run nothing."""
        self._caught: set[str] = set()
        """Names of expected exceptions."""

    def function(self, node: Function, local: Mapping[str, Function] | None = None) -> None:
        if id(node) in self._entered or self._calls_left == 0:
            return
        self._calls_left -= 1
        self._entered.add(id(node))
        mine = {n.name: n for n in ast.walk(node) if isinstance(n, _FUNCTIONS) and n is not node}
        self._idle |= {id(call) for call in _unused(node)}
        self._body(node.body, {**(local or {}), **mine})
        self._entered.discard(id(node))

    def _body(self, body: Sequence[ast.stmt], local: Mapping[str, Function]) -> None:
        """The statements up to the first that leaves; what stands behind it never runs."""
        for node in body:
            self._statement(node, local)
            if isinstance(node, _JUMPS):
                return

    def _statement(self, node: ast.stmt, local: Mapping[str, Function]) -> None:
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                return  # counted where it is called
            case ast.Assert(test=test):
                self._assert(test, local)
            case ast.Raise() if is_failure(node):
                self._strength.assertions += 1
                self._parts(node, local)
            case ast.For(iter=ast.List(elts=[]) | ast.Tuple(elts=[])):
                self._body(node.orelse, local)
            case ast.If(test=ast.Constant(value=value)):
                self._body(node.body if value else node.orelse, local)
            case ast.While(test=ast.Constant(value=value)) if not value:
                self._body(node.orelse, local)
            case ast.Try() | ast.TryStar():
                self._try(node, local)
            case ast.With() | ast.AsyncWith():
                self._with(node, local)
            case _:
                self._parts(node, local)

    def _assert(self, test: ast.expr, local: Mapping[str, Function]) -> None:
        amount, compared = weight(test), comparisons(test)
        self._strength.assertions += amount
        self._strength.compared += compared
        self._strength.vacuous += amount == 0
        if self._caught & {node.id for node in ast.walk(test) if isinstance(node, ast.Name)}:
            rest = max(0, amount - compared.full - compared.bare)
            self._strength.texts += compared + Compared(bare=rest)
        self._expressions(test, local)

    def _with(self, node: ast.With | ast.AsyncWith, local: Mapping[str, Function]) -> None:
        for item in node.items:
            self._expressions(item.context_expr, local)
            if isinstance(item.optional_vars, ast.Name) and _expects(item.context_expr):
                self._caught.add(item.optional_vars.id)
        if not any(suppresses(item.context_expr) for item in node.items):
            self._body(node.body, local)

    def _try(self, node: ast.Try | ast.TryStar, local: Mapping[str, Function]) -> None:
        if not swallows(node.handlers):
            self._body(node.body, local)
        for handler in node.handlers:
            self._body(handler.body, local)
        self._body(node.orelse, local)
        self._body(node.finalbody, local)

    def _parts(self, node: ast.stmt, local: Mapping[str, Function]) -> None:
        for name, value in ast.iter_fields(node):
            if isinstance(value, ast.expr):
                self._expressions(value, local)
            elif isinstance(value, list) and name in {"body", "orelse"}:
                self._body(value, local)
            elif isinstance(value, list):
                for item in value:
                    if isinstance(item, ast.match_case):
                        self._body(item.body, local)
                    elif isinstance(item, ast.expr):
                        self._expressions(item, local)

    def _expressions(self, root: ast.expr, local: Mapping[str, Function]) -> None:
        todo: list[ast.AST] = [root]
        while todo:
            node = todo.pop()
            if isinstance(node, ast.Lambda):
                continue
            if isinstance(node, ast.Call):
                self._call(node, local)
            todo += ast.iter_child_nodes(node)

    def _call(self, call: ast.Call, local: Mapping[str, Function]) -> None:
        if is_skip_call(call):
            self._strength.skips += 1
        helper = self._helper(call, local)
        if id(call) in self._idle and (opens_block(call) or (helper and _is_lazy(helper))):
            return
        if helper is not None:
            before = self._strength.assertions
            self.function(helper, local)
            if self._strength.assertions > before or not is_assertion(call):
                return
        if is_assertion(call):
            amount = weight_of_call(call)
            self._strength.assertions += amount
            self._strength.compared += comparisons_of_call(call)
            self._strength.vacuous += amount == 0
            if (raises := raises_of(call)) is not None:
                self._strength.raises.append(raises)

    def _helper(self, call: ast.Call, local: Mapping[str, Function]) -> Function | None:
        match call.func:
            case ast.Name(id=name):
                return local.get(name) or self._names.functions.get(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name):
                return self._names.method(self._classes, name)
            case _:
                return None
