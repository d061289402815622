"""Finds the bases of a class, in its file and across the repository, in Python's order."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from orchestrator.fixers.memory_safety.names import Names, dotted, names_of
from orchestrator.fixers.memory_safety.syntax import ClassNode, classes_of, nodes_below

_DJANGO = ("SimpleTestCase", "TransactionTestCase", "TestCase", "LiveServerTestCase")
_DJANGO_MODULES = ("django.test", "django.test.testcases")
_TEST_CASES = {
    "unittest.TestCase", "unittest.IsolatedAsyncioTestCase",
    "unittest.case.TestCase", "unittest.async_case.IsolatedAsyncioTestCase",
    *(f"{module}.{name}" for module in _DJANGO_MODULES for name in _DJANGO),
    "django.contrib.staticfiles.testing.StaticLiveServerTestCase",
    *(f"rest_framework.test.API{name}" for name in _DJANGO),
    "testtools.TestCase", "flask_testing.TestCase",
    "tornado.testing.AsyncTestCase", "tornado.testing.AsyncHTTPTestCase",
    "absl.testing.absltest.TestCase", "absl.testing.parameterized.TestCase",
}  # fmt: skip
"""Known by name: TestCases whose `tearDown` is a plain method that takes part in `super()`."""
_HARMLESS = {
    "object", "abc.ABC", "typing.Generic", "typing_extensions.Generic",
    "typing.Protocol", "typing_extensions.Protocol",
    "enum.Enum", "enum.IntEnum", "enum.StrEnum", "enum.Flag", "enum.IntFlag", "typing.NamedTuple",
    "typing.TypedDict", "Exception", "dict", "list", "str", "int", "tuple", "set",
}  # fmt: skip
"""Bases outside the repository that are known to define no teardown and no test."""
_MAX_REEXPORTS = 8


@dataclass(frozen=True, slots=True)
class Outside:
    """A base that is not in the repository, by the dotted name it is imported from."""

    name: str

    @property
    def is_test_case(self) -> bool:
        """Whether it is a TestCase of the standard library, or a well-known one derived from it."""
        return self.name in _TEST_CASES

    @property
    def is_harmless(self) -> bool:
        """Whether it is known to define neither teardown nor tests."""
        return self.name in _HARMLESS


@dataclass(frozen=True, slots=True)
class Inside:
    """A class of the repository, in the module it is defined in."""

    module: Module
    at: ClassNode

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Inside) and other.at is self.at

    def __hash__(self) -> int:
        return id(self.at)


Base = Inside | Outside


@dataclass(eq=False)
class Module:
    """One parsed file of the repository, and the classes its names stand for."""

    path: Path
    top: Path
    tree: ast.Module
    cache: Parsed = field(default_factory=dict, repr=False)
    orders: dict[ClassNode, list[Base]] = field(default_factory=dict, repr=False)

    @cached_property
    def classes(self) -> list[ClassNode]:
        """Every class statement of the file, in source order."""
        return classes_of(self.tree)

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the file."""
        return nodes_below(self.tree)

    @cached_property
    def names(self) -> Names:
        """Under which names it reaches what the pattern needs."""
        return names_of(self.tree, self.nodes)

    @cached_property
    def imports(self) -> dict[str, str]:
        """Name here → dotted name there; leading dots for relative imports are kept."""
        found: dict[str, str] = {}
        for node in self.nodes:
            if isinstance(node, ast.Import):
                for alias in node.names:
                    name = alias.asname or alias.name.split(".")[0]
                    found[name] = alias.name if alias.asname else name
            elif isinstance(node, ast.ImportFrom):
                origin = "." * node.level + (node.module or "")
                glue = "" if origin.endswith(".") or not origin else "."
                found |= {a.asname or a.name: f"{origin}{glue}{a.name}" for a in node.names}
        return found

    def bases(self, at: ClassNode) -> list[Base]:
        """The direct bases of a class of this module; subscripts such as `Generic[T]` are cut."""
        return [self._base(expression, at) for expression in at.node.bases]

    def _base(self, expression: ast.expr, user: ClassNode) -> Base:
        if isinstance(expression, ast.Subscript):
            expression = expression.value
        name = dotted(expression)
        if name is None:
            return Outside(ast.unparse(expression))
        absolute = self._absolute(name)
        if absolute in _TEST_CASES:  # known by name, also where their source can be found
            return Outside(absolute)
        return self.find(name, before=user) or Outside(absolute)

    def find(
        self, name: str, *, before: ClassNode | None = None, depth: int = _MAX_REEXPORTS
    ) -> Inside | None:
        """The class that `name` stands for in this module (at the place of `before`), or None."""
        wanted = [name]
        if (
            before is not None and before.outer is not None
        ):  # the enclosing class's body comes first
            wanted.insert(0, f"{before.outer.qualname}.{name}")
        for qualname in wanted:
            here = [c for c in self.classes if c.qualname == qualname and not c.in_function]
            if here:
                break
        if before is not None:
            here = [c for c in here if c.ordinal < before.ordinal]
        if here:
            return Inside(self, here[-1])
        if depth == 0 or name.split(".", maxsplit=1)[0] not in self.imports:
            return None
        absolute = self._absolute(name)
        module_name, _, rest = absolute.rpartition(".")
        module = self.imported(module_name) if module_name.strip(".") or module_name else None
        return module.find(rest, depth=depth - 1) if module else None

    def _absolute(self, name: str) -> str:
        first, dot, rest = name.partition(".")
        return f"{self.imports.get(first, first)}{dot}{rest}"

    def imported(self, name: str) -> Module | None:
        """The module of the repository that an import here calls `name`, or None."""
        found = (self.at_path(path) for path in self.paths_of(name))
        return next((module for module in found if module), None)

    def paths_of(self, name: str) -> Iterator[Path]:
        """The files that an import here of the module `name` could mean, nearest first."""
        for stem in self._candidates(name):
            for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
                if path.is_file():
                    yield path

    def at_path(self, path: Path) -> Module | None:
        """The module in the file `path`, parsed once; None where there is none that parses."""
        if path not in self.cache:
            self.cache[path] = self._parsed(path)
        return self.cache[path]

    def _candidates(self, name: str) -> Iterator[Path]:
        """Where the file of a module could be, without its suffix, nearest first."""
        level = len(name) - len(name.lstrip("."))
        parts = [part for part in name.split(".") if part]
        if level:
            folder = self.path.parents[level - 1]
            yield folder.joinpath(*parts) if parts else folder / "__init__"
            return
        for folder in self.path.parents:
            yield folder.joinpath(*parts)
            yield folder.joinpath("src", *parts)
            if folder == self.top:
                return

    def _parsed(self, path: Path) -> Module | None:
        if not path.is_file():
            return None
        try:
            tree = ast.parse(path.read_bytes(), filename=str(path))
        except (SyntaxError, ValueError, RecursionError):
            return None
        return Module(path, self.top, tree, self.cache)


Parsed = dict[Path, Module | None]
"""Other files of the repository, each parsed once; None where one does not parse."""


def linearized(start: Inside) -> list[Base]:
    """The classes Python asks for an attribute, in its order, `start` first.

    Where the order is not consistent (Python would refuse the class), bases in the order written.
    """
    orders = start.module.orders
    if start.at not in orders:
        orders[start.at] = _linearized(start, ())
    return orders[start.at]


def _linearized(start: Inside, path: tuple[ClassNode, ...]) -> list[Base]:
    if start.at in path:
        return [start]
    bases = start.module.bases(start.at)
    below: list[list[Base]] = [
        _known_order(base, (*path, start.at)) if isinstance(base, Inside) else [base]
        for base in bases
    ]
    return [start, *_merged([*below, list(bases)])]


def defined_by_two_bases(module: Module, at: ClassNode, name: str) -> bool:
    """Whether two direct bases of a class come to different definitions of a method."""
    direct = [base for base in module.bases(at) if isinstance(base, Inside)]
    owners = set()
    for base in direct:
        lineage = (b for b in linearized(base) if isinstance(b, Inside))
        owners.add(next((b.at for b in lineage if b.at.definitions(name)), None))
    return len(owners - {None}) > 1


def _known_order(start: Inside, path: tuple[ClassNode, ...]) -> list[Base]:
    """As worked out before, or now; a class that derives from itself ends the walk."""
    if start.at in path:
        return [start]
    orders = start.module.orders
    if start.at not in orders:
        orders[start.at] = _linearized(start, path)
    return orders[start.at]


def _merged(sequences: Sequence[Sequence[Base]]) -> list[Base]:
    """C3, the merge behind Python's method resolution order."""
    rest = [list(sequence) for sequence in sequences if sequence]
    merged: list[Base] = []
    while rest:
        heads = (s[0] for s in rest if not any(s[0] in other[1:] for other in rest))
        head = next(heads, rest[0][0])
        merged.append(head)
        rest = [kept for s in rest if (kept := [base for base in s if base != head])]
    return merged
