"""One file of the repository, and what the names in it stand for, there and in other files."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from orchestrator.base.reading import read_regular
from orchestrator.memory_safety.fixer.reading.names import PatternNames, dotted, names_of
from orchestrator.memory_safety.fixer.reading.outside import TEST_CASES, Outside
from orchestrator.memory_safety.fixer.reading.syntax import (
    ClassNode,
    Function,
    assignments,
    classes_of,
    is_for_types,
    nodes_below,
    own_statements,
    statements_below,
)

_NEVER_HERE = ("pytest.", "unittest.mock.")
"""Names that are looked up often, and are never a file of the repository."""
_MAX_STEPS = 8


UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
"""What `ast.parse` raises for bytes that are not Python this interpreter reads."""


def why_unreadable(error: Exception) -> str:
    """The reason behind one of `UNREADABLE`; the parser's own for what it cannot hold is empty."""
    if isinstance(error, RecursionError | MemoryError):
        return "it is nested too deeply"
    return error.msg if isinstance(error, SyntaxError) else str(error)


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


@dataclass(frozen=True, slots=True)
class Value:
    """What a name is bound to in a module, where that is no class and no other name."""

    module: Module
    node: ast.expr | Function


@dataclass(slots=True)
class Parsed:
    """Other files of the repository, each parsed once; None where one does not parse."""

    modules: dict[Path, Module | None] = field(default_factory=dict)
    _listings: dict[Path, frozenset[str]] = field(default_factory=dict)

    def listing(self, folder: Path) -> frozenset[str]:
        """The names in a folder, read once; none where there is no such folder."""
        if folder not in self._listings:
            try:
                self._listings[folder] = frozenset(os.listdir(folder))  # noqa: PTH208 - names, not paths
            except OSError:
                self._listings[folder] = frozenset()
        return self._listings[folder]


@dataclass(eq=False)
class Module:
    """One parsed file of the repository, and the classes its names stand for."""

    path: Path
    top: Path
    data: bytes = field(repr=False)
    tree: ast.Module
    cache: Parsed = field(default_factory=Parsed, repr=False)
    _nodes: dict[ast.AST, list[ast.AST]] = field(default_factory=dict, repr=False)
    _imported: dict[str, Module | None] = field(default_factory=dict, repr=False)
    orders: dict[ClassNode, list[Base]] = field(default_factory=dict, repr=False)

    @cached_property
    def classes(self) -> list[ClassNode]:
        """Every class statement of the file, in source order."""
        return classes_of(self.tree)

    @cached_property
    def _classes_by_name(self) -> dict[str, list[ClassNode]]:
        found: dict[str, list[ClassNode]] = {}
        for at in self.classes:
            if not at.in_function:
                found.setdefault(at.qualname, []).append(at)
        return found

    @cached_property
    def nodes(self) -> list[ast.AST]:
        """Every node of the file, statement by statement."""
        found: list[ast.AST] = [self.tree]
        for statement in self.tree.body:
            found += self.nodes_under(statement)
        return found

    def nodes_under(self, node: ast.AST) -> list[ast.AST]:
        """`node` and every node below it, gathered once."""
        if node not in self._nodes:
            self._nodes[node] = nodes_below(node)
        return self._nodes[node]

    @cached_property
    def names(self) -> PatternNames:
        """Under which names it reaches what the pattern needs."""
        return names_of(self.tree, self.nodes)

    @cached_property
    def imports(self) -> dict[str, str]:
        """Name here → dotted name there, at module level; leading dots are kept."""
        return _imports(own_statements(self.tree))

    @cached_property
    def all_imports(self) -> dict[str, str]:
        """The same with those in functions."""
        return _imports(statements_below(self.tree)) | self.imports

    @cached_property
    def _unclear(self) -> dict[str, set[str | None]]:
        """Names that are bound more than once at module level, and not all of it always.

        Each with what it may stand for: a dotted name, or None for anything else.
        """
        places: dict[str, list[tuple[bool, str | None]]] = {}
        for node, is_sure in _at_run_time(self.tree.body, is_sure=True):
            for name, meant in _bound_names(node):
                places.setdefault(name, []).append((is_sure, meant))
        return {
            name: {meant for _, meant in found}
            for name, found in places.items()
            if len(found) > 1 and not all(is_sure for is_sure, _ in found)
        }

    def _clear(self, name: str) -> Outside | None:
        """What an unclear name stands for after all: the same, or a TestCase, in every case."""
        meanings = self._unclear[name]
        if len(meanings) == 1 or all(meant in TEST_CASES for meant in meanings):
            found = min(filter(None, meanings), default=None)
            return Outside(found) if found in TEST_CASES else None
        return Outside(name, f"means more than one thing in {self.path.name}")

    @cached_property
    def stars(self) -> list[str]:
        """The modules everything is imported from, nearest last."""
        return [
            "." * node.level + (node.module or "")
            for node in self.nodes
            if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
        ]

    @cached_property
    def imported_paths(self) -> list[str]:
        """The dotted modules of plain imports such as `import a.b.c`."""
        return [
            alias.name
            for node in self.nodes
            if isinstance(node, ast.Import)
            for alias in node.names
            if "." in alias.name and alias.asname is None
        ]

    @cached_property
    def _bindings(self) -> dict[str, ast.expr | Function]:
        """Name → the last value or function it is bound to at module level."""
        found: dict[str, ast.expr | Function] = {}
        for node in own_statements(self.tree):
            if isinstance(node, Function):
                found[node.name] = node
            found |= {name: value for name, value in assignments(node) if value is not None}
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
        meant = self.resolved(name, before=user)
        return Outside(name) if isinstance(meant, Value) else meant

    def resolved(
        self, name: str, *, before: ClassNode | None = None, depth: int = _MAX_STEPS
    ) -> Base | Value:
        """What a dotted name stands for at module level (at the place of the class `before`).

        Assignments of one name to another, imports and re-exports are followed, a few steps deep.
        """
        first, dot, rest = name.partition(".")
        is_unclear = first in self._unclear and (before is None or before.outer is None)
        if is_unclear and (meant := self._clear(first)) is not None:
            return meant
        if here := self._class_called(name, before):
            return Inside(self, here)
        absolute = f"{self.imports.get(first, first)}{dot}{rest}"
        is_known = absolute in TEST_CASES or absolute.startswith(_NEVER_HERE)
        if depth == 0 or is_known or first in self.imports:
            elsewhere = depth > 0 and not is_known
            found = self._resolved_elsewhere(absolute, depth - 1) if elsewhere else None
            return found or Outside(absolute)
        if (bound := self._bindings.get(first)) is None:
            return self._resolved_by_star(absolute, depth - 1) or Outside(absolute)
        alias = None if isinstance(bound, Function) else dotted(bound)
        if alias and alias != first:
            return self.resolved(f"{alias}{dot}{rest}", before=before, depth=depth - 1)
        return Outside(absolute) if rest else Value(self, bound)

    def _class_called(self, name: str, before: ClassNode | None) -> ClassNode | None:
        wanted = [name]
        if before is not None and before.outer is not None:  # the body around it comes first
            wanted.insert(0, f"{before.outer.qualname}.{name}")
        for qualname in wanted:
            if here := self._classes_by_name.get(qualname, []):
                break
        if before is not None:
            here = [c for c in here if c.ordinal < before.ordinal]
        return here[-1] if here else None

    def _resolved_elsewhere(self, absolute: str, depth: int) -> Base | Value | None:
        """What a name of another module stands for; None where that module is not here."""
        parts = absolute.lstrip(".").split(".")
        dots = absolute[: len(absolute) - len(absolute.lstrip("."))]
        for length in range(len(parts) - 1, -1 if dots else 0, -1):
            if module := self.imported(dots + ".".join(parts[:length])):
                return module.resolved(".".join(parts[length:]), depth=depth)
        return None

    def _resolved_by_star(self, name: str, depth: int) -> Base | Value | None:
        for origin in reversed(self.stars):
            absolute = f"{origin}.{name}"
            if absolute in TEST_CASES:
                return Outside(absolute)
            module = self.imported(origin)
            meant = module.resolved(name, depth=depth) if module else None
            if not (meant is None or (isinstance(meant, Outside) and meant.name == name)):
                return meant
        return None

    def imported(self, name: str) -> Module | None:
        """The module of the repository that an import here calls `name`, or None."""
        if name not in self._imported:
            found = (self.at_path(path) for path in self.paths_of(name))
            self._imported[name] = next((module for module in found if module), None)
        return self._imported[name]

    def is_local(self, name: str) -> bool:
        """Whether a top-level name is a package or module of the repository itself."""
        for folder in self.path.parents:
            for root in (folder, folder / "src"):
                if not self.cache.listing(root).isdisjoint((name, f"{name}.py")):
                    return True
            if folder == self.top:
                break
        return False

    def paths_of(self, name: str) -> Iterator[Path]:
        """The files that an import here of the module `name` could mean, nearest first."""
        for stem in self._candidates(name):
            for path in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
                if path.name in self.cache.listing(path.parent):
                    yield path

    def at_path(self, path: Path) -> Module | None:
        """The module in the file `path`, parsed once; None where there is none that parses."""
        if path not in self.cache.modules:
            self.cache.modules[path] = self._parsed(path)
        return self.cache.modules[path]

    def looked_at(self) -> list[str]:
        """The other files of the repository that what is said of this one may depend on.

        Paths from the top: conftest files above it, what it imports from here, and what those do.
        """
        seen: set[Path] = set()
        rest = [self]
        for module in rest:  # it grows as it is read
            for path in module._next_to_it:  # noqa: SLF001 - another of the same class
                if path not in seen:
                    seen.add(path)
                    if (parsed := self.cache.modules.get(path)) is not None:
                        rest.append(parsed)
        return sorted(path.relative_to(self.top).as_posix() for path in seen - {self.path})

    @cached_property
    def _next_to_it(self) -> list[Path]:
        """The conftest files above it, and every file that one of its imports may mean."""
        found = []
        for folder in self.path.parents:
            if "conftest.py" in self.cache.listing(folder):
                found.append(folder / "conftest.py")
            if folder == self.top:
                break
        names = {*self.all_imports.values(), *self.stars, *self.imported_paths, *self._imported}
        names |= {name.rpartition(".")[0] for name in names}
        for name in filter(None, names):
            found += self.paths_of(name) if name.strip(".") else ()
        return found

    def _candidates(self, name: str) -> Iterator[Path]:
        """Where the file of a module could be, without its suffix, nearest first."""
        level = len(name) - len(name.lstrip("."))
        parts = [part for part in name.split(".") if part]
        if level:
            folder = self.path.parents[level - 1]
            yield folder.joinpath(*parts) if parts else folder / "__init__"
            return
        for folder in self.path.parents:
            for root in (folder, folder / "src"):
                names = self.cache.listing(root)
                if parts[0] in names or f"{parts[0]}.py" in names:
                    yield root.joinpath(*parts)
            if folder == self.top:
                return

    def _parsed(self, path: Path) -> Module | None:
        if not path.is_file():
            return None
        try:
            data = read_regular(path)
            tree = ast.parse(data, filename=str(path))
        except (OSError, *UNREADABLE):
            return None
        return Module(path, self.top, data, tree, self.cache)


def _imports(statements: Iterable[ast.stmt]) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in statements:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.asname or alias.name.split(".")[0]
                found[name] = alias.name if alias.asname else name
        elif isinstance(node, ast.ImportFrom):
            origin = "." * node.level + (node.module or "")
            glue = "" if origin.endswith(".") or not origin else "."
            found |= {a.asname or a.name: f"{origin}{glue}{a.name}" for a in node.names}
    return found


def _at_run_time(block: Iterable[ast.stmt], *, is_sure: bool) -> Iterator[tuple[ast.stmt, bool]]:
    """The statements of a module that may run, each with whether it always does."""
    for node in block:
        if isinstance(node, ast.If) and is_for_types(node.test):
            yield from _at_run_time(node.orelse, is_sure=is_sure)
            continue
        yield node, is_sure
        if not isinstance(node, Function | ast.ClassDef):
            yield from ((child, False) for child in own_statements(node))


def _bound_names(node: ast.stmt) -> Iterator[tuple[str, str | None]]:
    """The names a statement binds, each with the dotted name it then stands for.

    A plain `import a.b` and `import a.c` bind the same thing, and are left out.
    """
    if isinstance(node, Function | ast.ClassDef):
        yield node.name, None
    elif isinstance(node, ast.ImportFrom | ast.Import):
        plain = {alias.name for alias in node.names if not alias.asname}
        for name, meant in _imports([node]).items():
            if isinstance(node, ast.ImportFrom) or name not in plain:
                yield name, meant
    for name, value in assignments(node):
        yield name, dotted(value) if value is not None else None
