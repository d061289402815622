"""Tells whether the tests of a class can touch a mock: by name, fixture, decorator or helper."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

from orchestrator.fixers.memory_safety.reading.lineage import linearized
from orchestrator.fixers.memory_safety.reading.module import Inside, Module
from orchestrator.fixers.memory_safety.reading.names import dotted
from orchestrator.fixers.memory_safety.reading.syntax import ClassNode, Function, nodes_below

_MODULES = ("unittest.mock", "mock", "pytest_mock", "asyncmock", "mockito", "flexmock")
_FIXTURES = frozenset(
    {"mocker", "class_mocker", "module_mocker", "package_mocker", "session_mocker"}
)
"""The fixtures of pytest-mock."""
_MOCK = "unittest.mock"
"""Stands for a mock that is reached by its dotted name."""
_BYTES = (b"mock", b"Mock")


class MockUse:
    """Answers for one module. A name counts as a mock's where its definition mentions one."""

    def __init__(self, module: Module, *, follows: bool = True) -> None:
        """Look at `module`; with `follows` also at its conftest files and imports."""
        self._module = module
        self._follows = follows
        self._known: dict[ast.AST, frozenset[str]] = {}

    def touches(self, at: ClassNode) -> bool:
        """Whether a test of the class, or of a base in the repository, can touch a mock."""
        if self._autouse:
            return True
        for base in linearized(Inside(self._module, at)):
            if isinstance(base, Inside):
                use = self if base.module is self._module else _use_of(base.module)
                if use.mentions(base.at.node):
                    return True
        return False

    def mentions(self, node: ast.AST) -> bool:
        """Whether anything below `node` is a name that means mocks."""
        return not self.names.isdisjoint(self._mentioned(node))

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the module that mean mocks: imported, or defined with the help of one."""
        known = {_MOCK, *_FIXTURES} | self._imported() | self._from_conftests
        definitions = _definitions(self._module.tree)
        words = [(name, self._mentioned(node)) for name, node in definitions]
        while new := {n for n, said in words if n not in known and not known.isdisjoint(said)}:
            known |= new
        return frozenset(known)

    def functions(self) -> Iterator[tuple[str, Function]]:
        """Every function of the module, under each name that asks for it."""
        for name, node in _definitions(self._module.tree):
            if isinstance(node, Function):
                yield name, node

    @cached_property
    def autouse(self) -> bool:
        """Whether a fixture that touches mocks is used by every test of the module or below it."""
        return any(_is_autouse(node) and self.mentions(node) for _, node in self.functions())

    @cached_property
    def _autouse(self) -> bool:
        return self.autouse or any(use.autouse for use in self._conftests)

    @cached_property
    def _conftests(self) -> list[MockUse]:
        """The conftest files whose fixtures the module sees, nearest first."""
        if not self._follows:
            return []
        paths = [path for path in _conftest_paths(self._module) if _may_mock(path)]
        found = (self._module.at_path(path) for path in paths)
        return [_use_of(module) for module in found if module]

    @cached_property
    def _from_conftests(self) -> set[str]:
        return {
            name for use in self._conftests for name, node in use.functions() if use.mentions(node)
        }

    def _imported(self) -> set[str]:
        names = set()
        for here, there in self._module.imports.items():
            if _is_mocks(there) or (self._follows and self._is_mock_elsewhere(there)):
                names.add(here)
        return names

    def _is_mock_elsewhere(self, there: str) -> bool:
        module_name, _, name = there.rpartition(".")
        if not module_name.strip("."):
            return False
        path = next(self._module.paths_of(module_name), None)
        if path is None or not self._is_near(path) or not _may_mock(path):
            return False
        module = self._module.at_path(path)
        return module is not None and name in _use_of(module).names

    def _is_near(self, path: Path) -> bool:
        """Whether a file is a helper of tests: below the same top-level folder as the module."""
        mine = self._module.path.relative_to(self._module.top).parts
        return len(mine) == 1 or path.is_relative_to(self._module.top / mine[0])

    def _mentioned(self, node: ast.AST) -> frozenset[str]:
        """Every name and parameter below `node`, the fixtures it asks for, and `_MOCK`."""
        if node not in self._known:
            self._known[node] = frozenset(_words(node))
        return self._known[node]


_USES: WeakKeyDictionary[Module, MockUse] = WeakKeyDictionary()


def _use_of(module: Module) -> MockUse:
    """What `module` alone says of its names, worked out once."""
    if module not in _USES:
        _USES[module] = MockUse(module, follows=False)
    return _USES[module]


@cache
def _may_mock(path: Path) -> bool:
    """Whether a look at the bytes of a file leaves it open that it touches a mock."""
    try:
        data = path.read_bytes()
    except OSError:
        return False
    return any(word in data for word in _BYTES)


def _words(root: ast.AST) -> Iterator[str]:
    for node in nodes_below(root):
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute):
            if node.attr == "mock" and _is_mocks(dotted(node) or ""):
                yield _MOCK
        elif isinstance(node, ast.Call) and (dotted(node.func) or "").endswith("usefixtures"):
            yield from (str(arg.value) for arg in node.args if isinstance(arg, ast.Constant))


def _is_mocks(name: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in _MODULES)


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Every function, class and assigned name of a module, with what defines it."""
    for node in tree.body:
        if isinstance(node, Function | ast.ClassDef):
            yield node.name, node
            for decorator in getattr(node, "decorator_list", []):
                yield from ((name, node) for name in _fixture_names(decorator))
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((t.id, node.value) for t in targets if isinstance(t, ast.Name))


def _fixture_names(decorator: ast.expr) -> Iterator[str]:
    if isinstance(decorator, ast.Call):
        for word in decorator.keywords:
            if word.arg == "name" and isinstance(word.value, ast.Constant):
                yield str(word.value.value)


def _is_autouse(function: ast.AST) -> bool:
    return any(
        isinstance(decorator, ast.Call)
        and any(
            word.arg == "autouse" and isinstance(word.value, ast.Constant) and word.value.value
            for word in decorator.keywords
        )
        for decorator in getattr(function, "decorator_list", [])
    )


def _conftest_paths(module: Module) -> Iterator[Path]:
    for folder in module.path.parents:
        yield folder / "conftest.py"
        if folder == module.top:
            return
