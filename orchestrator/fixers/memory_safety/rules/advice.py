"""What a person should hear of a file beside the pattern: nothing of it is ever edited."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from orchestrator.fixers.memory_safety.reading.mocks import MockUse
from orchestrator.fixers.memory_safety.reading.module import Module
from orchestrator.fixers.memory_safety.reading.names import dotted
from orchestrator.fixers.memory_safety.reading.syntax import ClassNode, Function, statements_below
from orchestrator.fixers.memory_safety.rules.findings import Finding, Level

_WIDE = ("class", "module", "package", "session")
_WORKER = "PYTEST_XDIST_WORKER"
_RIGHT = f'os.environ.get("{_WORKER}") is not None'


def advice(module: Module, mocks: MockUse) -> Iterator[Finding]:
    """MS006 as warnings, MS007 and MS008 as advice, in no particular order."""
    for node in module.nodes:
        yield from _conditions(node)
        if isinstance(node, Function) and (scope := _wide_scope(node)) and mocks.mentions(node):
            text = f"the {scope}-scoped fixture {node.name} holds mocks beyond a test"
            yield _found(node, "MS008", node.name, text, Level.ADVICE)
    yield from _held(module, mocks)


def _conditions(node: ast.AST) -> Iterator[Finding]:
    """Conditions that ask whether xdist is at work and cannot know it."""
    if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.In | ast.NotIn):
        left, right = node.left, node.comparators[0]
        if isinstance(left, ast.Constant) and dotted(right) == "sys.modules":
            always = {"dist": "never", "xdist": "always"}.get(str(left.value))
            if always:
                text = f"{ast.unparse(left)} is {always} in sys.modules; ask {_RIGHT}"
                yield _found(node, "MS006", "", text, Level.WARNING)
    if isinstance(node, ast.Call) and (dotted(node.func) or "").endswith("skipif") and node.args:
        condition = node.args[0]
        if isinstance(condition, ast.Call) and any(
            isinstance(arg, ast.Constant) and arg.value == _WORKER for arg in condition.args
        ):
            text = f"skipif evaluates a string as code, and this is the worker's name; ask {_RIGHT}"
            yield _found(node, "MS006", "", text, Level.WARNING)


def _held(module: Module, mocks: MockUse) -> Iterator[Finding]:
    """Mocks that pytest keeps for the session: in a module's or a class's namespace, on `self`."""
    for statement in module.tree.body:
        if isinstance(statement, ast.Assign | ast.AnnAssign) and _makes(statement.value, mocks):
            yield _found(statement, "MS007", "", "a mock at module level lives on", Level.ADVICE)
    for at in module.classes:
        if at.outer is None:
            yield from _held_on_self(at, mocks)


def _held_on_self(at: ClassNode, mocks: MockUse) -> Iterator[Finding]:
    for node in statements_below(at.node):
        if isinstance(node, ast.Assign):
            names = [name for target in node.targets if (name := dotted(target) or "")]
            held = [name for name in names if name.startswith("self.")]
            if held and _makes(node.value, mocks):
                text = f"pytest keeps the instance, so {held[0]} outlives its test"
                yield _found(node, "MS007", at.qualname, text, Level.ADVICE)


def _makes(value: ast.AST | None, mocks: MockUse) -> bool:
    return isinstance(value, ast.Call) and mocks.mentions(value.func)


def _wide_scope(function: ast.AST) -> str | None:
    for decorator in getattr(function, "decorator_list", []):
        if isinstance(decorator, ast.Call) and (dotted(decorator.func) or "").endswith("fixture"):
            for word in decorator.keywords:
                if word.arg == "scope" and isinstance(word.value, ast.Constant):
                    return str(word.value.value) if word.value.value in _WIDE else None
    return None


def _found(node: ast.AST, code: str, subject: str, text: str, level: Level) -> Finding:
    line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0) + 1
    return Finding(line, column, code, subject, text, level)
