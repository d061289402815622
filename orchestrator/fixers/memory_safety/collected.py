"""Which classes of a file pytest collects, and what runs after each of their tests."""

from __future__ import annotations

import ast
from functools import cache

from orchestrator.fixers.memory_safety.hierarchy import Base, Inside, Module, Outside, linearized
from orchestrator.fixers.memory_safety.names import dotted
from orchestrator.fixers.memory_safety.settings import Settings
from orchestrator.fixers.memory_safety.syntax import ClassNode

_NOT_TESTS = {
    "Enum",
    "IntEnum",
    "StrEnum",
    "Flag",
    "IntFlag",
    "NamedTuple",
    "Protocol",
    "TypedDict",
}

_NOT_CALLABLE = (
    ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.JoinedStr, ast.ListComp, type(None),
)  # fmt: skip


class Collected:
    """Answers for the classes of one module, by the rules of pytest's own collector."""

    def __init__(self, module: Module, settings: Settings) -> None:
        """Look at `module` through the project's naming settings."""
        self._module = module
        self._settings = settings
        self.lineage = cache(self._lineage)

    def is_test_case(self, at: ClassNode) -> bool:
        """Whether it derives from a TestCase of the standard library."""
        return any(isinstance(base, Outside) and base.is_test_case for base in self.lineage(at))

    def teardown_name(self, at: ClassNode) -> str:
        """The method that runs after each of its tests."""
        return "tearDown" if self.is_test_case(at) else "teardown_method"

    def is_named_as_test(self, at: ClassNode) -> bool:
        """Whether pytest would take it for a test class by its name or as a TestCase."""
        return self.is_test_case(at) or self._settings.collects_class(at.node.name)

    def is_collected(self, at: ClassNode) -> bool:
        """Whether pytest makes a collector of it."""
        if at.in_function or (at.outer is not None and not self.is_collected(at.outer)):
            return False
        return self.is_named_as_test(at) and self.obstacle(at) is None

    def has_tests(self, at: ClassNode) -> bool:
        """Whether it is collected and holds tests of its own or by inheritance."""
        is_test_case = self.is_test_case(at)
        return self.is_collected(at) and any(
            self._holds_tests(base.at, is_test_case=is_test_case)
            for base in self.lineage(at)
            if isinstance(base, Inside)
        )

    def has_tests_below(self, at: ClassNode) -> bool:
        """Whether it or a class nested in it has tests."""
        return self.has_tests(at) or any(
            self.has_tests_below(inner) for inner in self._module.classes if inner.outer is at
        )

    def obstacle(self, at: ClassNode) -> str | None:
        """Why pytest passes over a class whose name it would take, or None."""
        if self.is_test_case(at):
            return "it says __test__ = False" if self._opted_out(at) else None
        for base in self.lineage(at):
            if isinstance(base, Outside):
                if base.name.rpartition(".")[2] in _NOT_TESTS:
                    return f"it is a {base.name}"
                continue
            for name in ("__init__", "__new__"):
                if base.at.definitions(name):
                    return f"it has {name}"
            if any(_makes_init(decorator) for decorator in base.at.node.decorator_list):
                return "it is a dataclass"
        if self._is_abstract(at):
            return "it is abstract"
        return "it says __test__ = False" if self._opted_out(at) else None

    def _lineage(self, at: ClassNode) -> list[Base]:
        return linearized(Inside(self._module, at))

    def _opted_out(self, at: ClassNode) -> bool:
        for base in self.lineage(at):
            if isinstance(base, Inside):
                values = [value for name, value in base.at.assigned() if name == "__test__"]
                if values:
                    return isinstance(values[-1], ast.Constant) and not values[-1].value
        return False

    def _is_abstract(self, at: ClassNode) -> bool:
        """As Python does it: an abstract method that nothing nearer to the class defines."""
        defined: set[str] = set()
        for base in self.lineage(at):
            if not isinstance(base, Inside):
                continue
            for function in base.at.functions():
                marks = {(dotted(d) or "").rpartition(".")[2] for d in function.decorator_list}
                if "abstractmethod" in marks and function.name not in defined:
                    return True
                defined.add(function.name)
        return False

    def _holds_tests(self, at: ClassNode, *, is_test_case: bool) -> bool:
        """Methods, and attributes that may be callable; unittest has a prefix of its own."""
        names = {f.name for f in at.functions()}
        names |= {name for name, value in at.assigned() if not isinstance(value, _NOT_CALLABLE)}
        return any(
            self._settings.collects_function(name) or (is_test_case and name.startswith("test"))
            for name in names
        )


def _makes_init(decorator: ast.expr) -> bool:
    """Whether a class decorator is that of a dataclass, or of attrs."""
    name = dotted(decorator.func if isinstance(decorator, ast.Call) else decorator) or ""
    return name.rpartition(".")[2] == "dataclass" or name in _ATTRS


_ATTRS = {"attr.s", "attr.attrs", "attr.define", "attrs.define", "attrs.frozen", "attrs.mutable"}


def why_not_collected(collected: Collected, at: ClassNode) -> str | None:
    """What a person should know of a class that looks like a test class but holds no tests."""
    if not collected.is_named_as_test(at):
        return None
    if obstacle := collected.obstacle(at):
        return f"not collected: {obstacle}"
    outside = [
        base.name
        for base in collected.lineage(at)
        if isinstance(base, Outside) and not base.is_harmless
    ]
    if outside and not collected.is_test_case(at):
        return f"skipped: no tests of its own, and {outside[0]} is not in this repository"
    return None
