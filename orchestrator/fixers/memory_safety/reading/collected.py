"""Which classes of a file pytest collects, and what runs after each of their tests."""

from __future__ import annotations

import ast
import builtins
from functools import cache, cached_property

from orchestrator.fixers.memory_safety.reading.lineage import linearized
from orchestrator.fixers.memory_safety.reading.module import Base, Inside, Module, Outside
from orchestrator.fixers.memory_safety.reading.names import dotted
from orchestrator.fixers.memory_safety.reading.settings import Settings
from orchestrator.fixers.memory_safety.reading.syntax import ClassNode, Function, own_statements

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
            or self._settings.collects_class(at.node.name)
            or self._says_of_test(at) is True
        )

    def is_collected(self, at: ClassNode) -> bool:
        """Whether pytest makes a collector of it."""
        if at.in_function or (at.outer is not None and not self.is_collected(at.outer)):
            return False
        return self.is_named_as_test(at) and self.obstacle(at) is None

    def _has_tests(self, at: ClassNode) -> bool:
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
        if deleted := self._deleted.get(at.qualname):
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
            for name in ("__init__", "__new__"):
                if base.at.definitions(name):
                    return f"it has {name}"
            if any(_makes_init(decorator) for decorator in base.at.node.decorator_list):
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
        """As Python does it: an abstract method that nothing nearer to the class defines."""
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

    def _holds_tests(self, at: ClassNode, *, is_test_case: bool) -> bool:
        """Methods, and attributes that may be callable; unittest has a prefix of its own."""
        names = {f.name for f in at.functions() if not _is_no_method(f)}
        names |= {name for name, value in at.assigned() if not isinstance(value, _NOT_CALLABLE)}
        if is_test_case:
            return any(name.startswith("test") or name == "runTest" for name in names)
        return any(map(self._settings.collects_function, names))


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
    return base.name in _ABCS or not (base.is_harmless or base.is_test_case)


_ABCS = {"abc.ABC", "typing.Protocol", "typing_extensions.Protocol"}


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
