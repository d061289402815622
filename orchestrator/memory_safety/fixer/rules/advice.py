"""What a person should hear of a file beside the pattern: nothing of it is ever edited."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from orchestrator.memory_safety.fixer.reading.collected import Collected
from orchestrator.memory_safety.fixer.reading.mocks import MockUse
from orchestrator.memory_safety.fixer.reading.module import Inside, Module
from orchestrator.memory_safety.fixer.reading.names import dotted
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode, Function, statements_below
from orchestrator.memory_safety.fixer.reading.teardown import collects
from orchestrator.memory_safety.fixer.values.findings import Finding, Severity

_WIDE = ("class", "module", "package", "session")
_WORKER = "PYTEST_XDIST_WORKER"
_RIGHT = f'os.environ.get("{_WORKER}") is not None'


def advice(module: Module, mocks: MockUse, collected: Collected) -> Iterator[Finding]:
    """MS006 as warnings, MS007 and MS008 as advice, in no particular order."""
    for node in module.nodes:
        kind = node.__class__
        if kind is ast.Compare or kind is ast.Call:
            yield from _conditions(node)
        elif isinstance(node, Function) and (scope := _wide_scope(node)) and mocks.mentions(node):
            text = f"the {scope}-scoped fixture {node.name} holds mocks beyond a test"
            yield _found(node, "MS008", node.name, text, Severity.ADVICE)
    yield from _held(module, mocks, collected)


def _conditions(node: ast.AST) -> Iterator[Finding]:
    """Conditions that ask whether xdist is at work and cannot know it."""
    if isinstance(node, ast.Compare) and (text := _wrong_comparison(node)):
        yield _found(node, "MS006", "", f"{text}; ask {_RIGHT}", Severity.WARNING)
    if isinstance(node, ast.Call):
        words = [dotted(arg) or getattr(arg, "value", None) for arg in node.args]
        if dotted(node.func) == "hasattr" and tuple(words) in _NEVER_THERE:
            text = f"{words[0]} never has {words[1]!r} in a test; ask {_RIGHT}"
            yield _found(node, "MS006", "", text, Severity.WARNING)
        elif (dotted(node.func) or "").endswith("skipif") and _asks_worker(node.args[:1]):
            text = f"skipif evaluates a string as code, and this is the worker's name; ask {_RIGHT}"
            yield _found(node, "MS006", "", text, Severity.WARNING)


_NEVER_THERE = {("sys", "workerinput"), ("pytest", "xdist"), ("pytest", "workerinput")}


def _wrong_comparison(node: ast.Compare) -> str | None:
    """Why a comparison always or never holds, or None."""
    left, right = node.left, node.comparators[0]
    if isinstance(node.ops[0], ast.In | ast.NotIn) and dotted(right) == "sys.modules":
        value = left.value if isinstance(left, ast.Constant) else None
        always = {"dist": "never", "xdist": "always"}.get(str(value))
        return f"{value!r} is {always} in sys.modules" if always else None
    is_master = isinstance(right, ast.Constant) and right.value == "master"
    if is_master and _asks_worker([left]):
        return "the worker is never called 'master': without workers there is no such variable"
    return None


def _asks_worker(expressions: Sequence[ast.expr]) -> bool:
    """Whether the first of them is a call that reads the name of the worker."""
    return any(
        isinstance(asked, ast.Call)
        and len(asked.args) == 1
        and isinstance(asked.args[0], ast.Constant)
        and asked.args[0].value == _WORKER
        for asked in expressions
    )


def _held(module: Module, mocks: MockUse, collected: Collected) -> Iterator[Finding]:
    """Mocks that pytest keeps for the session: in a module's or a class's namespace, on `self`."""
    for statement in module.tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _makes(statement.value, mocks):
            yield _found(statement, "MS007", "", "a mock at module level lives on", Severity.ADVICE)
    for at in module.classes:
        for name, value in at.assigned():
            if value is not None and _makes(value, mocks):
                yield _held_by_class(at, value, name)
        yield from _held_by_methods(at, mocks, keeps=not _is_emptied(at, collected))


def _held_by_methods(at: ClassNode, mocks: MockUse, *, keeps: bool) -> Iterator[Finding]:
    """Yield each mock that a method assigns to `cls`, and with `keeps` each assigned to `self`."""
    for function in at.functions():
        for node in statements_below(function):
            if isinstance(node, ast.Assign) and _makes(node.value, mocks):
                for name in filter(None, map(dotted, node.targets)):
                    if name.startswith("cls."):
                        yield _held_by_class(at, node, name)
                    elif name.startswith("self.") and keeps:
                        text = (
                            f"pytest keeps the instance, so {name} outlives its test; with "
                            "clear_instance the teardown empties it"
                        )
                        yield _found(node, "MS007", at.qualname, text, Severity.ADVICE)


def _held_by_class(at: ClassNode, node: ast.AST, name: str) -> Finding:
    text = f"{name} is a mock of the class, and lives on"
    return _found(node, "MS007", at.qualname, text, Severity.ADVICE)


def _is_emptied(at: ClassNode, collected: Collected) -> bool:
    """Whether a test's `self` is not kept: a TestCase's, or one that `teardown_method` clears."""
    if collected.is_test_case(at):
        return True
    for base in collected.lineage(at):
        if isinstance(base, Inside) and (found := base.at.definitions("teardown_method")):
            names = [argument.arg for argument in found[-1].args.args[:1]]
            return collects(found[-1], {f"{name}.__dict__.clear" for name in names})
    return False


def _makes(value: ast.AST | None, mocks: MockUse) -> bool:
    return isinstance(value, ast.Call) and mocks.mentions(value.func)


def _wide_scope(function: ast.AST) -> str | None:
    for decorator in getattr(function, "decorator_list", []):
        if isinstance(decorator, ast.Call) and (dotted(decorator.func) or "").endswith("fixture"):
            for word in decorator.keywords:
                if word.arg == "scope" and isinstance(word.value, ast.Constant):
                    return str(word.value.value) if word.value.value in _WIDE else None
    return None


def _found(node: ast.AST, code: str, subject: str, text: str, level: Severity) -> Finding:
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
    return Finding(line, column, code, subject, text, level)
