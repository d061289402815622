"""Finds out which exceptions are broader than which, from source and the standard library."""

from __future__ import annotations

import ast
import builtins
import importlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

from orchestrator.base.reading import read_regular

_BROADEST = frozenset({"Exception", "BaseException"})
_NOT_IMPORTED = frozenset({"antigravity", "this", "idlelib", "turtledemo", "tkinter", "lib2to3"})
_DEPTH = 8


class Ancestry:
    """Looks exceptions up by the names a module gives them.

    `roots` are the folders modules are found in, the project's first. Nothing of the project is
    imported: classes are found by their syntax trees, as far as plain imports lead.
    """

    def __init__(self, roots: Sequence[Path]) -> None:
        """Look below `roots`."""
        self._roots = roots
        self._trees: dict[Path, ast.Module | None] = {}

    def is_broader(self, before: str, after: str) -> bool:
        """Whether the class `after` catches more than `before` did, both by their full names.

        False where nobody knows.
        """
        if before == after or _tail(before) == _tail(after):
            return False
        old, new = _known_class(before), _known_class(after)
        if new is not None and old is not None:
            return issubclass(old, new) and old is not new
        if _tail(after) in _BROADEST:
            return True
        return any(_is(ancestor, after) for ancestor in self._ancestors(before, 0))

    def _ancestors(self, name: str, depth: int) -> Iterator[str]:
        """The full names of what a class is derived from, nearest first."""
        if depth > _DEPTH:
            return
        known = _known_class(name)
        if known is not None:
            yield from (cls.__name__ for cls in known.__mro__[1:])
            return
        module, _, attribute = name.rpartition(".")
        located = self._module(module)
        if located is None:
            return
        found, is_package = located
        names = ImportedNames(found, is_package=is_package)
        for node in ast.walk(found):
            if isinstance(node, ast.ClassDef) and node.name == attribute:
                for base in node.bases:
                    full = names.full(ast.unparse(base), within=module)
                    yield full
                    yield from self._ancestors(full, depth + 1)
                return
        imported = names.full(attribute, within=module)
        if imported != f"{module}.{attribute}":
            yield from self._ancestors(imported, depth + 1)

    def _module(self, name: str) -> tuple[ast.Module, bool] | None:
        """The tree of a module, and whether it is that of a package."""
        parts = name.split(".")
        for root in self._roots if name else ():
            package = root.joinpath(*parts, "__init__.py")
            plain = root.joinpath(*parts[:-1], f"{parts[-1]}.py")
            for file in (package, plain):
                if file.is_file() and (tree := self._parsed(file)) is not None:
                    return tree, file is package
        return None

    def _parsed(self, file: Path) -> ast.Module | None:
        if file not in self._trees:
            try:
                self._trees[file] = ast.parse(read_regular(file))
            except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
                self._trees[file] = None
        return self._trees[file]


class ImportedNames:
    """What the names of a module stand for, by its import statements."""

    def __init__(self, tree: ast.Module, *, is_package: bool = False) -> None:
        """Read the imports of `tree`."""
        self._up = 0 if is_package else 1
        self._imports = dict(_imports(tree))
        self._own = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}

    @classmethod
    def of(cls, imports: Mapping[str, tuple[int, str]], own: Sequence[str]) -> ImportedNames:
        """The names of a module that was read elsewhere: what `facts` says of them."""
        names = cls(ast.Module([], []))
        names._imports, names._own = dict(imports), set(own)
        return names

    def facts(self) -> tuple[dict[str, tuple[int, str]], list[str]]:
        """What the imports of the module bring, by name, and the classes it defines."""
        return self._imports, sorted(self._own)

    def full(self, name: str, *, within: str = "") -> str:
        """The dotted name of what `name` is here; relative imports are those of module `within`."""
        head, dot, rest = name.partition(".")
        if head in self._imports:
            level, target = self._imports[head]
            if level and within:
                parts = within.split(".")
                package = parts[: len(parts) - level + 1 - self._up]
                target = ".".join([*package, target])
            return f"{target}{dot}{rest}"
        if within and (head in self._own or not hasattr(builtins, head)):
            return f"{within}.{name}"
        return name


def _imports(tree: ast.Module) -> Iterator[tuple[str, tuple[int, str]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                yield alias.asname or name, (0, name)
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                full = f"{node.module}.{alias.name}" if node.module else alias.name
                yield alias.asname or alias.name, (node.level, full)


def _is(ancestor: str, name: str) -> bool:
    return ancestor == name or _tail(ancestor) == _tail(name)


def _tail(name: str) -> str:
    return name.rpartition(".")[2]


def _known_class(name: str) -> type | None:
    """A class of builtins or of the standard library by its full name."""
    module, _, attribute = name.rpartition(".")
    if not module:
        found = getattr(builtins, attribute, None)
    elif module.partition(".")[0] in sys.stdlib_module_names - _NOT_IMPORTED:
        found = getattr(_imported(module), attribute, None)
    else:
        return None
    return found if isinstance(found, type) else None


@cache
def _imported(module: str) -> object:
    try:
        return importlib.import_module(module)
    except ImportError:
        return None
