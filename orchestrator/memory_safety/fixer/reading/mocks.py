"""Tells whether the tests of a class can touch a mock: by name, fixture, decorator or helper."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from functools import cache, cached_property
from pathlib import Path
from weakref import WeakKeyDictionary

from orchestrator.base.reading import read_regular
from orchestrator.memory_safety.fixer.reading.lineage import linearized
from orchestrator.memory_safety.fixer.reading.module import Inside, Module, Value
from orchestrator.memory_safety.fixer.reading.names import dotted
from orchestrator.memory_safety.fixer.reading.syntax import (
    ClassNode,
    Function,
    nodes_below,
    own_statements,
)
from orchestrator.project.pytest_config import PytestSettings, settings_for

_MODULES = ("unittest.mock", "mock", "pytest_mock", "asynctest", "asyncmock", "mockito", "flexmock")
_FIXTURES = frozenset(
    {"mocker", "class_mocker", "module_mocker", "package_mocker", "session_mocker"}
)
"""The fixtures of pytest-mock."""
_STARRED = {
    "Mock", "MagicMock", "AsyncMock", "NonCallableMock", "NonCallableMagicMock", "PropertyMock",
    "patch", "create_autospec", "mock_open", "seal",
}  # fmt: skip
"""What `from unittest.mock import *` brings, as far as it makes mocks."""
_MOCK = "unittest.mock"
"""A mock that is reached by its dotted name."""
_EVERYWHERE = {
    "pytestmark", "setup_module", "setUpModule", "pytest_runtest_setup", "pytest_runtest_call",
    "pytest_runtest_protocol",
}  # fmt: skip
"""Names whose definitions concern every test of a module, or below a conftest file."""


class MockUse:
    """Answers for one module. A name counts as a mock's where its definition mentions one.

    What the file itself says is looked at first; its conftest files, plugins and the helpers it
    imports only where that leaves the question open. Code that is none of the tests' is asked what
    it says itself, and not what it imports.
    """

    def __init__(self, module: Module) -> None:
        """Look at `module`; nothing is read before it is asked."""
        self._module = module
        self._said: dict[ast.AST, frozenset[str]] = {}
        self._follows = _is_of_tests(module.path, module.top)
        self._helpers: dict[str, Module | None] = {}
        self._open: set[str] = set()
        self._answers: dict[str, frozenset[str]] = {}

    def touches(self, at: ClassNode) -> bool:
        """Whether a test of the class, or of a base in the repository, can touch a mock."""
        said = self._mentioned(at.node)
        if not self._own_names.isdisjoint(said) or self._for_every_test(self._own_names):
            return True
        if not self.names.isdisjoint(said | self._used_everywhere) or self.autouse:
            return True
        return any(
            use_of(base.module).mentions(base.at.node)
            for base in linearized(Inside(self._module, at))[1:]
            if isinstance(base, Inside)
        )

    def mentions(self, node: ast.AST) -> bool:
        """Whether anything below `node` is a name that means mocks."""
        said = self._mentioned(node)
        return not (self._own_names.isdisjoint(said) and self.names.isdisjoint(said))

    @property
    def autouse(self) -> frozenset[str]:
        """The fixtures and setups that touch mocks and run for every test of the module."""
        return self._answer("autouse", self._autouse, frozenset())

    @property
    def names(self) -> frozenset[str]:
        """The names of the module that mean mocks, wherever they come from."""
        return self._answer("names", self._all_names, self._own_names)

    @property
    def fixtures(self) -> frozenset[str]:
        """The functions that touch mocks: its own, imported ones, those of its plugins."""
        return self._answer("fixtures", self._all_fixtures, frozenset())

    def _answer(
        self, question: str, work_out: Callable[[], frozenset[str]], meanwhile: frozenset[str]
    ) -> frozenset[str]:
        """The answer, computed once; `meanwhile` if asked while computing (circular imports)."""
        if question in self._open:
            return meanwhile
        if question not in self._answers:
            self._open.add(question)
            self._answers[question] = work_out()
            self._open.discard(question)
        return self._answers[question]

    def _autouse(self) -> frozenset[str]:
        own = self._for_every_test(self.names)
        imported = self._imported_from_helpers(lambda use: use.autouse)
        return (own | imported).union(*(use.autouse for use in self._sources_of_fixtures))

    def _all_fixtures(self) -> frozenset[str]:
        own = {
            name
            for name, node in self._definitions
            if (isinstance(node, Function) or _makes_fixture(node)) and self.mentions(node)
        }
        imported = self._imported_from_helpers(lambda use: use.fixtures)
        return (imported | own).union(*(use.fixtures for use in self._plugins))

    @cached_property
    def _own_names(self) -> frozenset[str]:
        """Imported from a module of mocks, or defined here with the help of one."""
        imported = {here for here, there in self._module.all_imports.items() if _is_mocks(there)}
        if any(map(_is_mocks, self._module.stars)):
            imported |= _STARRED
        return self._with_definitions({_MOCK, *_FIXTURES} | imported)

    def _all_names(self) -> frozenset[str]:
        known = set(self._own_names)
        for use in self._sources_of_fixtures:
            known |= use.fixtures
        known |= self._imported_from_helpers(lambda use: use.names)
        return self._with_definitions(known | self._attributes_of_helpers())

    def _with_definitions(self, names: set[str]) -> frozenset[str]:
        """`names`, and those that are defined with the help of one of them."""
        known = set(names)
        while new := {
            name
            for name, node in self._definitions
            if name not in known and not known.isdisjoint(self._mentioned(node))
        }:
            known |= new
        return frozenset(known)

    def _for_every_test(self, names: frozenset[str]) -> frozenset[str]:
        """What runs for every test and mentions one of `names`."""
        return frozenset(
            name
            for name, node in self._definitions
            if (name in _EVERYWHERE or self._is_autouse(node))
            and not names.isdisjoint(self._mentioned(node))
        )

    def _is_autouse(self, node: ast.AST) -> bool:
        """Whether it is, or is decorated by, a call with `autouse`; also through another name."""
        for called in [*getattr(node, "decorator_list", []), node]:
            if isinstance(called, ast.Name | ast.Attribute):
                meant = self._module.resolved(dotted(called) or "?")
                call: ast.AST = meant.node if isinstance(meant, Value) else called
            else:
                call = called
            if isinstance(call, ast.Call) and _says_autouse(call):
                return True
        return False

    @cached_property
    def _used_everywhere(self) -> frozenset[str]:
        return frozenset(self._settings.usefixtures)

    @cached_property
    def _settings(self) -> PytestSettings:
        path = self._module.path.relative_to(self._module.top).as_posix()
        return settings_for(self._module.top, path)

    @cached_property
    def _sources_of_fixtures(self) -> list[MockUse]:
        """The conftest files above the module, nearest first, and the plugins it names."""
        if not self._follows:
            return []
        paths = [path for path in _conftest_paths(self._module) if path != self._module.path]
        found = [self._module.at_path(path) for path in paths if path.is_file()]
        return [*(use_of(module) for module in found if module), *self._plugins]

    @cached_property
    def _plugins(self) -> list[MockUse]:
        if not self._follows:
            return []
        names = [*_plugins(self._module.tree), *self._settings.plugins]
        found = [self._module.imported(name) for name in names]
        return [use_of(module) for module in found if module and module.path != self._module.path]

    def _imported_from_helpers(self, of: Callable[[MockUse], frozenset[str]]) -> frozenset[str]:
        """The names among `of` a helper module, as they are called here."""
        found: set[str] = set()
        for here, there in self._module.all_imports.items():
            module_name, _, name = there.rpartition(".")
            dots = there[: len(there) - len(there.lstrip("."))]
            source = self._helper(module_name or dots)
            if source is not None and name in of(use_of(source)):
                found.add(here)
        for origin in self._module.stars:
            if (source := self._helper(origin)) is not None:
                found |= of(use_of(source))
        return frozenset(found)

    def _attributes_of_helpers(self) -> set[str]:
        """The names that mean mocks in modules that are imported as such: `fakes.make`."""
        modules = list(self._module.all_imports.items())
        modules += [(path.rpartition(".")[2], path) for path in self._module.imported_paths]
        return {
            f"{here}.{name}"
            for here, there in modules
            if (helper := self._helper(there)) is not None
            for name in use_of(helper).names
        }

    def _helper(self, name: str) -> Module | None:
        """The module of that name where it is here, and may have a mock to give."""
        if name not in self._helpers:
            self._helpers[name] = self._found_helper(name)
        return self._helpers[name]

    def _found_helper(self, name: str) -> Module | None:
        if not (self._follows and name) or name.startswith(("pytest", "unittest")):
            return None
        path = next(self._module.paths_of(name), None)
        if path is None or path == self._module.path:
            return None
        follows = _is_of_tests(path, self._module.top) or _may_mock(path)
        return self._module.imported(name) if follows else None

    @cached_property
    def _definitions(self) -> list[tuple[str, ast.AST]]:
        return list(_definitions(self._module.tree))

    def _mentioned(self, node: ast.AST) -> frozenset[str]:
        if node not in self._said:
            self._said[node] = frozenset(_words(self._module.nodes_under(node)))
        return self._said[node]


_USES: WeakKeyDictionary[Module, MockUse] = WeakKeyDictionary()


def use_of(module: Module) -> MockUse:
    """What `module` says of its names, worked out once."""
    if module not in _USES:
        _USES[module] = MockUse(module)
    return _USES[module]


def _words(nodes: Sequence[ast.AST]) -> Iterator[str]:
    """Every name and parameter, the last two names of each attribute, and fixtures asked for."""
    for node in nodes:
        if isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Attribute):
            inner = node.value
            if isinstance(inner, ast.Name):
                yield f"{inner.id}.{node.attr}"
            elif isinstance(inner, ast.Attribute):
                yield f"{inner.attr}.{node.attr}"
        elif isinstance(node, ast.Call) and _asks_by_name(node.func):
            values = [*node.args, *(word.value for word in node.keywords)]
            said = [str(v.value) for v in values if isinstance(v, ast.Constant)]
            yield from said
            if len(said) < len(values):  # the name comes from somewhere near
                yield from (str(n.value) for n in nodes if isinstance(n, ast.Constant))


def _asks_by_name(function: ast.expr) -> bool:
    """Whether it is `usefixtures` or `request.getfixturevalue`."""
    return isinstance(function, ast.Attribute | ast.Name) and (dotted(function) or "").endswith(
        ("usefixtures", "getfixturevalue")
    )


def _is_mocks(name: str) -> bool:
    return any(name == module or name.startswith(f"{module}.") for module in _MODULES)


def _definitions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Every function, class and assigned name of a module, with what defines it."""
    for node in own_statements(tree):
        if isinstance(node, Function | ast.ClassDef):
            yield node.name, node
            for decorator in node.decorator_list:
                yield from ((name, node) for name in _fixture_names(decorator))
            for inner in own_statements(node):
                if isinstance(inner, ast.Global):
                    yield from ((name, node) for name in inner.names)
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from ((name, node.value) for name in _names_in(target))
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            yield from ((name, node.value) for name in _names_in(node.target))
        elif isinstance(node, ast.With):
            for item in node.items:
                if item.optional_vars is not None:
                    names = _names_in(item.optional_vars)
                    yield from ((name, item.context_expr) for name in names)


def _names_in(target: ast.expr) -> Iterator[str]:
    """The names that an assignment to `target` binds."""
    return (node.id for node in nodes_below(target) if isinstance(node, ast.Name))


def _plugins(tree: ast.Module) -> Iterator[str]:
    """What a module names in `pytest_plugins`."""
    for name, value in _definitions(tree):
        if name == "pytest_plugins":
            for node in nodes_below(value):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def _fixture_names(decorator: ast.expr) -> Iterator[str]:
    if isinstance(decorator, ast.Call):
        for word in decorator.keywords:
            if word.arg == "name" and isinstance(word.value, ast.Constant):
                yield str(word.value.value)


def _says_autouse(call: ast.Call) -> bool:
    """Whether a fixture is told to run for every test; what is no literal may be true."""
    return any(
        word.arg == "autouse" and getattr(word.value, "value", True) is not False
        for word in call.keywords
    )


def _makes_fixture(node: ast.AST) -> bool:
    """Whether it is `pytest.fixture(function)`."""
    return isinstance(node, ast.Call) and (dotted(node.func) or "").endswith("fixture")


@cache
def _may_mock(path: Path) -> bool:
    """Whether a look at the bytes of a file leaves it open that it touches a mock."""
    try:
        data = read_regular(path)
    except OSError:
        return False
    return b"mock" in data or b"Mock" in data


def _is_of_tests(path: Path, top: Path) -> bool:
    """Whether a file is a test or a helper of tests, by its name or a folder's."""
    parts = path.relative_to(top).parts
    return len(parts) == 1 or parts[0] == "t" or any("test" in part.lower() for part in parts)


def _conftest_paths(module: Module) -> Iterator[Path]:
    for folder in module.path.parents:
        yield folder / "conftest.py"
        if folder == module.top:
            return
