"""What is done to a class while it is made: decorators, metaclasses and `__init_subclass__`."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from orchestrator.memory_safety.fixer.reading.lineage import linearized
from orchestrator.memory_safety.fixer.reading.module import Inside, Module, Value
from orchestrator.memory_safety.fixer.reading.names import dotted
from orchestrator.memory_safety.fixer.reading.outside import Outside
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode, Function

_ANEW = {"six.add_metaclass", "future.utils.with_metaclass"}


def why_made_elsewhere(at: ClassNode, module: Module, name: str) -> str | None:
    """Why the method `name` may be set by other code of the repository, or None."""
    for what, code, owner in _makers(at, module):
        if any(_says(node, name) for node in owner.nodes_under(code)):
            return f"{what} may set {name}"
    return None


def makes_it_anew(at: ClassNode, module: Module) -> str | None:
    """The decorator that gives back another class, whose methods are those of this one."""
    for decorator in at.node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        name = dotted(called) or ""
        meant = module.resolved(name) if name else None
        if isinstance(meant, Outside) and meant.name in _ANEW:
            return f"@{name}"
        if isinstance(meant, Value) and isinstance(meant.node, Function):
            nodes = meant.module.nodes_under(meant.node)
            if any(isinstance(node, ast.Call) and _is_type(node.func) for node in nodes):
                return f"@{name}"
    return None


def _makers(at: ClassNode, module: Module) -> Iterator[tuple[str, ast.AST, Module]]:
    """What runs while the class is made, by name, with the module it is in."""
    for decorator in at.node.decorator_list:
        called = decorator.func if isinstance(decorator, ast.Call) else decorator
        if (name := dotted(called)) is not None:
            meant = module.resolved(name)
            if isinstance(meant, Value):
                yield f"@{name}", meant.node, meant.module
            elif isinstance(meant, Inside):
                yield f"@{name}", meant.at.node, meant.module
    for base in linearized(Inside(module, at)):
        if not isinstance(base, Inside):
            continue
        for function in base.at.definitions("__init_subclass__"):
            yield f"{base.at.qualname}.__init_subclass__", function, base.module
        for word in base.at.node.keywords:
            if word.arg == "metaclass" and (name := dotted(word.value)):
                meta = base.module.resolved(name)
                if isinstance(meta, Inside):
                    yield f"the metaclass {name}", meta.at.node, meta.module


def _says(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Attribute):
        return node.attr == name
    return isinstance(node, ast.Constant) and node.value == name


def _is_type(function: ast.expr) -> bool:
    """`type(...)` with which a class is made, or `type(cls)(...)`."""
    if isinstance(function, ast.Call):
        return dotted(function.func) == "type"
    return dotted(function) == "type"
