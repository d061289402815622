"""Which classes of a file pytest collects, and what runs after each of their tests."""

from __future__ import annotations

import ast
import builtins
from functools import cache, cached_property

from orchestrator.memory_safety.fixer.reading.lineage import linearized
from orchestrator.memory_safety.fixer.reading.module import Base, Inside, Module
from orchestrator.memory_safety.fixer.reading.names import dotted
from orchestrator.memory_safety.fixer.reading.outside import Outside
from orchestrator.memory_safety.fixer.reading.syntax import (
    ClassNode,
    Function,
    assignments,
    own_statements,
)
from orchestrator.project.pytest_config import PytestSettings

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

    def __init__(self, module: Module, settings: PytestSettings) -> None:
        """Look at `module` through the project's naming settings."""
        self._module = module
        self._settings = settings
        self.lineage = cache(self._lineage)
        self.has_tests = cache(self._has_tests)

    def is_test_case(self, at: ClassNode) -> bool:
        """Whether it derives from a TestCase of the standard library."""
        return any(isinstance(base, Outside) and base.is_test_case for base in self.lineage(at))

    def teardown_name(self, at: ClassNode) -> str:
        """The method that runs after each of its tests."""
        return "tearDown" if self.is_test_case(at) else "teardown_method"

    def is_named_as_test(self, at: ClassNode) -> bool:
        """Whether pytest would take it for a test class: by its name, a TestCase, or `__test__`."""
        return (
            self.is_test_case(at)
            or any(map(self._settings.collects_class, self._names_of(at)))
            or self._says_of_test(at) is True
        )

    def _names_of(self, at: ClassNode) -> set[str]:
        """The names it is found by in its module: its own, and others it is assigned to."""
        if at.outer is not None:
            return {at.node.name}
        return {at.node.name, *self._aliases.get(at.node.name, ())}

    @cached_property
    def _aliases(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for node in own_statements(self._module.tree):
            for name, value in assignments(node):
                if isinstance(value, ast.Name):
                    found.setdefault(value.id, set()).add(name)
        return found

    def is_collected(self, at: ClassNode) -> bool:
        """Whether pytest makes a collector of it."""
        if at.in_function or (at.outer is not None and not self._is_looked_into(at.outer)):
            return False
        return self.is_named_as_test(at) and self.obstacle(at) is None

    def _is_looked_into(self, outer: ClassNode) -> bool:
        """Whether pytest looks for test classes in it, or in a class that derives from it."""
        return any(
            self.is_collected(other) and not self.is_test_case(other)
            for other in [outer, *self.derived(outer)]
        )

    def derived(self, at: ClassNode) -> list[ClassNode]:
        """The classes of the module that have it among their bases, however far up."""
        return self._derived.get(at, [])

    @cached_property
    def _derived(self) -> dict[ClassNode, list[ClassNode]]:
        found: dict[ClassNode, list[ClassNode]] = {}
        for other in self._module.classes:
            for base in self.lineage(other)[1:]:
                if isinstance(base, Inside) and base.module is self._module:
                    found.setdefault(base.at, []).append(other)
        return found

    def nested(self, at: ClassNode) -> list[Inside]:
        """The classes nested in it and in its bases, however deep, wherever they are defined."""
        found = []
        for base in self.lineage(at):
            if isinstance(base, Inside):
                for inner in base.module.classes:
                    if inner.outer is base.at:
                        found.append(Inside(base.module, inner))
                        found += self.nested(inner) if base.module is self._module else []
        return found

    def _has_tests(self, at: ClassNode) -> bool:
        """Whether it is collected and holds tests of its own or by inheritance."""
        if not self.is_collected(at):
            return False
        is_test_case, bound = self.is_test_case(at), set[str]()
        for base in self.lineage(at):
            if isinstance(base, Inside):
                tests, others = self._tests_in(base.at, is_test_case=is_test_case)
                if tests - bound:
                    return True
                bound |= tests | others
        return False

    def own_tests(self, at: ClassNode) -> list[Function]:
        """The tests that its own body defines, where it is collected; each name once."""
        if not self.is_collected(at):
            return []
        names, _ = self._tests_in(at, is_test_case=self.is_test_case(at))
        return list({f.name: f for f in at.functions() if f.name in names}.values())

    def has_tests_below(self, at: ClassNode) -> bool:
        """Whether it or a class nested in it has tests."""
        return self.has_tests(at) or any(
            inner.module is self._module and self.has_tests(inner.at) for inner in self.nested(at)
        )

    def obstacle(self, at: ClassNode) -> str | None:
        """Why pytest passes over a class whose name it would take, or None."""
        deleted = self._deleted.get(at.qualname, 0)
        if deleted > at.node.lineno:
            return f"it is deleted on line {deleted}"
        if self._says_of_test(at) is False:
            return "it says __test__ = False"
        if self._is_abstract(at):
            return "it is abstract"
        return None if self.is_test_case(at) else self._why_no_instance(at)

    def _why_no_instance(self, at: ClassNode) -> str | None:
        """Why pytest, which calls a test class without arguments, leaves it out."""
        for base in self.lineage(at):
            if isinstance(base, Outside):
                if base.name.rpartition(".")[2] in _NOT_TESTS or _is_builtin_with_init(base.name):
                    return f"it is a {base.name}"
                continue
            bound = {function.name for function in base.at.functions()}
            bound |= {name for name, _ in base.at.assigned()}
            if made := bound & {"__init__", "__new__"}:
                return f"it has {min(made)}"
            if any(_makes_init(d, base.module) for d in base.at.node.decorator_list):
                return "it is a dataclass"
        return None

    @cached_property
    def _deleted(self) -> dict[str, int]:
        """The names that the module deletes, each with the line: an idiom that hides a base."""
        return {
            name: node.lineno
            for node in own_statements(self._module.tree)
            if isinstance(node, ast.Delete)
            for target in node.targets
            if (name := dotted(target))
        }

    def _lineage(self, at: ClassNode) -> list[Base]:
        return linearized(Inside(self._module, at))

    def _says_of_test(self, at: ClassNode) -> bool | None:
        """What the nearest `__test__` says; None where there is none, or it is no literal."""
        for base in self.lineage(at):
            if isinstance(base, Inside):
                values = [value for name, value in base.at.assigned() if name == "__test__"]
                if values:
                    return bool(values[-1].value) if isinstance(values[-1], ast.Constant) else None
        return None

    def _is_abstract(self, at: ClassNode) -> bool:
        """Whether it has an abstract method that no class before it in the MRO defines."""
        defined: set[str] = set()
        for base in self.lineage(at):
            if not isinstance(base, Inside):
                continue
            for function in base.at.functions():
                marks = {(dotted(d) or "").rpartition(".")[2] for d in function.decorator_list}
                if "abstractmethod" in marks and function.name not in defined:
                    return any(map(_may_be_abc, self.lineage(at)))
                defined.add(function.name)
            defined |= {name for name, _ in base.at.assigned()}
        return False

    def _tests_in(self, at: ClassNode, *, is_test_case: bool) -> tuple[set[str], set[str]]:
        """The tests that its own body binds, and what else it binds; what may be callable counts.

        unittest has a prefix of its own.
        """
        names = {f.name for f in at.functions() if not _is_no_method(f)}
        assigned = list(at.assigned())
        names |= {name for name, value in assigned if not isinstance(value, _NOT_CALLABLE)}
        for node in at.statements:
            if isinstance(node, ast.ImportFrom):
                names |= {alias.asname or alias.name for alias in node.names}
        if is_test_case:
            tests = {name for name in names if name.startswith("test") or name == "runTest"}
        else:
            tests = set(filter(self._settings.collects_function, names))
        return tests, {name for name, _ in assigned} - tests


def _is_builtin_with_init(name: str) -> bool:
    """Whether it is a class like `dict`, `int` or `ValueError`, which says how it is made."""
    made = getattr(builtins, name, None)
    if not isinstance(made, type):
        return False
    return any(getattr(made, how) is not getattr(object, how) for how in ("__init__", "__new__"))


def _is_no_method(function: Function) -> bool:
    """Whether a decorator makes it a fixture, or a value, however it is called."""
    called = (d.func if isinstance(d, ast.Call) else d for d in function.decorator_list)
    return any((dotted(d) or "").rpartition(".")[2] in _NO_METHODS for d in called)


_NO_METHODS = {"fixture", "property", "cached_property", "setter"}


def _may_be_abc(base: Base) -> bool:
    """Whether a class in a lineage can make it abstract: only a metaclass looks at the marks."""
    if isinstance(base, Inside):
        return any(word.arg == "metaclass" for word in base.at.node.keywords)
    if base.name in _ABCS or base.name.startswith(("collections.abc.", "contextlib.Abstract")):
        return True
    return not (base.is_harmless or base.is_test_case)


_ABCS = {"abc.ABC", "typing.Protocol", "typing_extensions.Protocol"}


def _makes_init(decorator: ast.expr, module: Module) -> bool:
    """Whether a class decorator is that of a dataclass, or of attrs."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    words = decorator.keywords if isinstance(decorator, ast.Call) else []
    if any(w.arg == "init" and getattr(w.value, "value", None) is False for w in words):
        return False
    meant = module.resolved(dotted(called) or "?")
    name = meant.name if isinstance(meant, Outside) else ""
    return name.rpartition(".")[2] == "dataclass" or name in _ATTRS


_ATTRS = {"attr.s", "attr.attrs", "attr.define", "attrs.define", "attrs.frozen", "attrs.mutable"}


def why_not_collected(collected: Collected, at: ClassNode) -> str | None:
    """What a person should know of a class that looks like a test class but holds no tests."""
    if not collected.is_named_as_test(at):
        return None
    if obstacle := collected.obstacle(at):
        return f"not collected: {obstacle}"
    if (outside := unknown_base(collected, at)) and not collected.is_test_case(at):
        return f"skipped: no tests of its own, and {outside.name} {outside.why}"
    return None


def unknown_base(collected: Collected, at: ClassNode) -> Outside | None:
    """The first of its bases of which nothing is known."""
    outside = (base for base in collected.lineage(at) if isinstance(base, Outside))
    return next((b for b in outside if not b.is_harmless and not b.is_test_case), None)


def may_be_test_case(collected: Collected, at: ClassNode) -> Outside | None:
    """The base that may make a TestCase of a class whose name says nothing: one has such a name."""
    if at.in_function or at.outer is not None or collected.is_named_as_test(at):
        return None
    base = unknown_base(collected, at)
    says_so = base and any(word in base.name.rpartition(".")[2] for word in ("Case", "Test"))
    has_tests = any(function.name.startswith("test") for function in at.functions())
    return base if says_so and has_tests else None
