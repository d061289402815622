"""Real pytest is asked which classes it collects, in which group, and whether they collect garbage.

All shapes are files of one project, so that pytest starts twice for the lot of them.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from test_cases import EDITS, MORE_EDITS, ROWS, UNCHANGED

from orchestrator.fixers.outcome import Edit, Refusal, Source
from orchestrator.memory_safety.fixer import FIXER
from orchestrator.memory_safety.fixer.reading.mocks import MockUse
from orchestrator.memory_safety.fixer.rules.asked import ClassSelector
from orchestrator.memory_safety.fixer.rules.classes import analyse
from orchestrator.memory_safety.fixer.values.options import Options

HELPERS = """\
import abc
import unittest

import pytest

serial = pytest.mark.xdist_group
database = pytest.mark.xdist_group("db")
several = [pytest.mark.slow, database]


def together(cls):
    return pytest.mark.xdist_group("so")(cls)


class Case(unittest.TestCase): ...


class SharedTests:
    def test_shared(self): ...


class TestShared:
    def test_shared(self): ...


def test_function(self): ...


class Abstract(abc.ABC):
    @abc.abstractmethod
    def build(self): ...


Renamed = Case


class Defaulted:
    def teardown_method(self, method=None): self.gone = method


class Anything:
    def teardown_method(self, *args, **words): self.gone = args


class Positional:
    def teardown_method(self, method: object, /) -> None: self.gone = method


def override(function): return function


class Overrides(unittest.TestCase):
    @override
    def tearDown(self) -> None: self.gone = 1
"""

SHAPES = {
    "plain": "class TestA:\n    def test(self): ...\n",
    "init": "class TestA:\n    def __init__(self): ...\n    def test(self): ...\n",
    "dataclass": "import dataclasses\n\n@dataclasses.dataclass\nclass TestA:\n    x: int = 1\n    def test(self): ...\n",
    "not test": "class TestA:\n    __test__ = False\n    def test(self): ...\n\nclass TestB(TestA):\n    __test__ = True\n",
    "test by flag": "class Suite:\n    __test__ = True\n    def test(self): ...\n\nclass Other(Suite): ...\n",
    "abstract": "import abc\n\nclass TestA(abc.ABC):\n    @abc.abstractmethod\n    def make(self): ...\n    def test(self): ...\n\nclass TestB(TestA):\n    def make(self): ...\n",
    "abstract TestCase": "import abc, unittest\n\nclass A(unittest.TestCase, abc.ABC):\n    @abc.abstractmethod\n    def make(self): ...\n    def test(self): ...\n\nclass B(A):\n    def make(self): ...\n",
    "abstract by assignment": "import abc\n\nclass TestA(abc.ABC):\n    @abc.abstractmethod\n    def make(self): ...\n    def test(self): ...\n\nclass TestB(TestA):\n    make = None\n",
    "abstract without ABC": "import abc\n\nclass TestA:\n    @abc.abstractmethod\n    def make(self): ...\n    def test(self): ...\n",
    "abstract elsewhere": "from helpers import Abstract\n\nclass TestA(Abstract):\n    def test(self): ...\n\nclass TestB(TestA):\n    def build(self): ...\n",
    "runTest": "import unittest\n\nclass A(unittest.TestCase):\n    def runTest(self): ...\n\nclass B(A):\n    def test(self): ...\n",
    "TestCase without tests": "import unittest\n\nclass A(unittest.TestCase):\n    def helper(self): ...\n",
    "TestCase by assignment": "import unittest\n\nBase = unittest.TestCase\n\nclass A(Base):\n    def test(self): ...\n",
    "TestCase by star": "from unittest import *\n\nclass A(TestCase):\n    def test(self): ...\n",
    "TestCase by helper": "import helpers\n\nclass A(helpers.Renamed):\n    def test(self): ...\n",
    "TestCase by helper's star": "from helpers import *\n\nclass A(Case):\n    def test(self): ...\n",
    "tests by star": "from helpers import *\n\nclass TestA(SharedTests): ...\n",
    "mixin": "from helpers import SharedTests\n\nclass TestA(SharedTests): ...\n",
    "imported": "from helpers import TestShared\n",
    "derived from an imported one": "import helpers\n\nclass TestA(helpers.TestShared): ...\n",
    "deleted": "class TestBase:\n    def test(self): ...\n\nclass TestA(TestBase): ...\n\ndel TestBase\n",
    "nested": "class TestA:\n    class TestB:\n        def test(self): ...\n    class Other:\n        def test(self): ...\n",
    "nested in no test": "class Other:\n    class TestB:\n        def test(self): ...\n",
    "in a function": "def test():\n    class TestA:\n        def test(self): ...\n",
    "under if": "if True:\n    class TestA:\n        def test(self): ...\nelse:\n    class TestB: ...\n",
    "in try": "try:\n    class TestA:\n        def test(self): ...\nexcept OSError: ...\n",
    "enum": "import enum\n\nclass TestA(enum.Enum):\n    x = 1\n",
    "no tests": "class TestA:\n    x = 1\n    def helper(self): ...\n",
    "test attribute": "def check(self): ...\n\nclass TestA:\n    test_a = check\n    test_b = 3\n",
    "lambda": "class TestA:\n    test_a = lambda self: None\n",
    "static": "class TestA:\n    @staticmethod\n    def test(): ...\n",
    "class method": "class TestA:\n    @classmethod\n    def test(cls): ...\n",
    "property": "class TestA:\n    @property\n    def test(self): return 1\n",
    "fixture only": "import pytest\n\nclass TestA:\n    @pytest.fixture\n    def test_thing(self): return 1\n",
    "by another name": "class _Impl:\n    def test(self): ...\n\nTestImpl = _Impl\n",
    "inherited nested": "class Shared:\n    class TestInner:\n        def test_i(self): ...\n\nclass TestA(Shared):\n    def test(self): ...\n",
    "two tests at once": "def pair(): return (lambda self: None), (lambda self: None)\n\nclass TestA:\n    test_a, test_b = pair()\n",
    "test from outside": "class TestA:\n    x = 1\n\nTestA.test_x = lambda self: None\n",
    "imported tests": "class TestA:\n    from helpers import test_function\n",
    "deleted and made again": "class TestA:\n    def test_1(self): ...\n\ndel TestA\n\nclass TestA:\n    def test_2(self): ...\n",
    "dataclass without init": "import dataclasses\n\n@dataclasses.dataclass(init=False)\nclass TestA:\n    def test(self): ...\n",
    "dataclass by another name": "from dataclasses import dataclass as data\n\n@data\nclass TestA:\n    a: int = 1\n    def test(self): ...\n",
    "nested in a TestCase": "import unittest\n\nclass TestO(unittest.TestCase):\n    class TestInner:\n        def test_i(self): ...\n    def test(self): ...\n",
    "not test from outside": "class TestBase:\n    def test(self): ...\n\nTestBase.__test__ = False\n",
    "init by lambda": "class TestA:\n    __init__ = lambda self: None\n    def test(self): ...\n",
    "init under a condition": "class TestA:\n    if True:\n        def __init__(self): ...\n    def test(self): ...\n",
    "for types only": "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    class TestA:\n        def test(self): ...\nelse:\n    class TestB:\n        def test(self): ...\n",
    "hidden tests": "class Base:\n    def test_a(self): ...\n\nclass TestOff(Base):\n    test_a = None\n",
    "TestCase with an unknown mixin": "import unittest\nimport json\n\nclass A(json.JSONDecoder, unittest.TestCase):\n    def __init__(self, *a): unittest.TestCase.__init__(self, *a)\n    def test(self): ...\n",
    "typed mixin": "import unittest\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    Base = unittest.TestCase\nelse:\n    Base = object\n\nclass Mixin(Base):\n    def test(self): ...\n\nclass A(Mixin, unittest.TestCase): ...\n",
    "TestCase of two sources": "import unittest\n\ntry:\n    from unittest import IsolatedAsyncioTestCase\nexcept ImportError:\n    from asynctest import TestCase as IsolatedAsyncioTestCase\n\nclass A(IsolatedAsyncioTestCase):\n    async def test(self): ...\n",
    "TestCase behind a standard base": "import abc\nimport unittest\n\nclass Base(unittest.TestCase):\n    def tearDown(self): self.gone = 1\n    def test_base(self): ...\n\nclass A(abc.ABC, Base):\n    def test(self): ...\n",
    "a standard base": "from contextlib import AbstractContextManager\n\nclass TestA(AbstractContextManager):\n    def __exit__(self, *a): ...\n    def test(self): ...\n",
    "skips in its teardown": "import pytest\n\nclass TestA:\n    def teardown_method(self):\n        if not hasattr(self, 'x'):\n            pytest.skip('nothing')\n        self.x.close()\n    def test(self): ...\n",
    "a parameter called mark": "from pytest import mark\n\ndef helper(mark): return mark\n\nclass TestA:\n    @mark.parametrize('x', [1])\n    def test(self, x): ...\n",
    "a field called pytest": "import pytest\n\nclass Exam:\n    pytest = 1\n\nclass TestA:\n    def test(self): ...\n",
    "base with a default": "from helpers import Defaulted\n\nclass TestA(Defaulted):\n    def test(self): ...\n",
    "base with any arguments": "from helpers import Anything\n\nclass TestA(Anything):\n    def test(self): ...\n",
    "base with a positional one": "from helpers import Positional\n\nclass TestA(Positional):\n    def test(self): ...\n",
    "base that overrides": "from helpers import Overrides\n\nclass A(Overrides):\n    def test(self): ...\n",
    "two of one name": "class TestA:\n    def test_1(self): ...\n\nclass TestA:\n    def test_2(self): ...\n",
    "two bases": "class TestA:\n    def test_a(self): ...\n\nclass TestB:\n    def test_b(self): ...\n\nclass TestC(TestA, TestB):\n    def test_c(self): ...\n",
    "generic": "from typing import Generic, TypeVar\n\nT = TypeVar('T')\n\nclass TestA(Generic[T]):\n    def test(self): ...\n\nclass TestB(TestA[int]): ...\n",
    "protocol": "from typing import Protocol\n\nclass TestA(Protocol):\n    def test(self): ...\n",
    "exception": "class TestError(Exception):\n    def test(self): ...\n",
    "dict": "class TestDict(dict):\n    def test(self): ...\n",
    "cached property": "import functools\n\nclass TestA:\n    @functools.cached_property\n    def test(self): return 1\n",
    "named tuple": "from typing import NamedTuple\n\nclass TestA(NamedTuple):\n    test_x: int = 1\n",
    "early return": "class TestA:\n    def teardown_method(self):\n        if True:\n            return\n    def test(self): ...\n",
    "early return in a TestCase": "import unittest\n\nclass A(unittest.TestCase):\n    def tearDown(self):\n        if self.x:\n            return\n        super().tearDown()\n    x = 1\n    def test(self): ...\n",
    "base with arguments": "class Base:\n    def teardown_method(self, method): self.m = method\n\nclass TestA(Base):\n    def test(self): ...\n",
    "own group": "import pytest\n\n@pytest.mark.xdist_group('mine')\nclass TestA:\n    def test(self): ...\n",
    "group by helper": "from helpers import database\n\n@database\nclass TestA:\n    def test(self): ...\n",
    "group by helper called": "import helpers as h\n\n@h.serial('mine')\nclass TestA:\n    def test(self): ...\n",
    "group by list": "from helpers import several\n\npytestmark = several\n\nclass TestA:\n    def test(self): ...\n",
    "group by function": "from helpers import together\n\n@together\nclass TestA:\n    def test(self): ...\n",
    "group with_args": "import pytest\n\nG = pytest.mark.xdist_group\n\n@G.with_args('mine')\nclass TestA:\n    def test(self): ...\n",
    "group of two imports": "from pytest import mark\nimport pytest as pt\n\n@mark.xdist_group('mine')\nclass TestA:\n    def test(self): ...\n\n@pt.mark.xdist_group('mine')\nclass TestB:\n    def test(self): ...\n",
    "group of a base": "import pytest\n\n@pytest.mark.xdist_group('mine')\nclass Base: ...\n\nclass TestA(Base):\n    def test(self): ...\n\nclass TestB(TestA): ...\n",
    "group of a base in another test": "from test_plain import TestA as Base\n\nclass TestB(Base):\n    def test_b(self): ...\n",
}  # fmt: skip
GROUPS = {
    "own group": "mine", "group by helper": "db", "group by helper called": "mine", "group by list": "db",
    "group by function": "so", "group with_args": "mine", "group of two imports": "mine",
    "group of a base": "mine", "group of a base in another test": "plain_tests",
}  # fmt: skip
"""Where it is not the group that is derived from the file's name."""

PLUGIN = """\
import gc
import json
import sys
from pathlib import Path

import pytest

real, calls = gc.collect, []


def counted():
    if "test_" in sys._getframe(1).f_code.co_filename:
        calls.append(1)


gc.collect = counted
tests = {}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    before = len(calls)
    result = yield
    names = getattr(item.cls, "__qualname__", ""), getattr(item.cls, "__module__", "")
    group = [m.args[0] if m.args else m.kwargs.get("name") for m in item.iter_markers("xdist_group")]
    tests.setdefault(Path(item.fspath).name, []).append([*names, len(calls) - before, sorted(set(group))])
    return result


def pytest_sessionfinish(session):
    Path("seen.json").write_text(json.dumps(tests))
"""

Seen = dict[str, list[tuple[str, str, int, list[str]]]]
"""File → of each test: the class it runs in, the module of that, collections, groups."""


def file_of(shape: str) -> str:
    return f"test_{''.join(c if c.isalnum() else '_' for c in shape)}.py"


def run(top: Path) -> Seen:
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "plugin",
         "--continue-on-collection-errors", "--import-mode=importlib"],
        cwd=top, capture_output=True, check=False, env={"PYTHONPATH": str(top), "PATH": ""},
    )  # fmt: skip
    seen: Seen = json.loads((top / "seen.json").read_text())
    return seen


def cases() -> Iterator[tuple[str, str]]:
    yield from SHAPES.items()
    for param in [*EDITS, *ROWS, *MORE_EDITS, *UNCHANGED]:
        yield str(param.id), dedent(str(param.values[0]))


pytestmark = pytest.mark.xdist_group("oracle")  # one worker makes the project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("oracle")
    (top / "pytest.ini").write_text("[pytest]\nmarkers =\n    xdist_group\n    slow\n")
    (top / "helpers.py").write_text(HELPERS)
    (top / "plugin.py").write_text(PLUGIN)
    for shape, text in cases():
        (top / file_of(shape)).write_text(text)
    return top


@pytest.fixture(scope="module")
def before(project: Path) -> Seen:
    return run(project)


@pytest.fixture(scope="module")
def after(project: Path, before: Seen) -> tuple[Seen, dict[str, str]]:
    """What pytest says once every file is fixed; and the files that were refused."""
    refused = {}
    edits = {}
    for path in sorted(project.glob("test_*.py")):
        outcome = FIXER.fix(Source(path.name, path.read_bytes(), {}), project)
        if isinstance(outcome, Edit):
            edits[path] = outcome.data
        elif isinstance(outcome, Refusal):
            refused[path.name] = outcome.reason
    for path, data in edits.items():
        path.write_bytes(data)
    return run(project), refused


@pytest.mark.parametrize("shape", SHAPES)
def test_classes_with_tests_are_those_that_pytest_finds(
    shape: str, project: Path, before: Seen
) -> None:
    file = project / file_of(shape)
    module = analyse(Source(file.name, file.read_bytes()), project).module
    asked = ClassSelector(module, Options("g"), MockUse(module))
    ours = {at.qualname for at in module.classes if asked.collected.has_tests(at)}
    theirs = {name for name, where, *_ in before.get(file.name, []) if where == file.stem and name}
    assert ours == theirs


@pytest.mark.parametrize("shape", SHAPES)
def test_every_test_of_a_class_is_in_one_group_and_collects(
    shape: str, after: tuple[Seen, dict[str, str]], before: Seen
) -> None:
    seen, refused = after
    file = file_of(shape)
    assert file not in refused
    group = GROUPS.get(shape, f"{file.removeprefix('test_').removesuffix('.py')}_tests")
    tests = [test for test in seen.get(file, []) if test[0] and test[1] == file.removesuffix(".py")]
    assert [test[0] for test in seen.get(file, [])] == [test[0] for test in before.get(file, [])]
    for name, _, collections, groups in tests:
        assert groups == [group], name
        assert collections >= 1, name
        assert collections == 1 or "." in name, name  # a nested one runs its outer's hook as well


def test_every_case_that_pytest_can_import_collects_after_each_test(
    after: tuple[Seen, dict[str, str]],
) -> None:
    seen, refused = after
    assert len(seen) > 100
    del seen["test_case_39_in_an_except.py"]  # its own teardown raises
    for file, tests in seen.items():
        for name, module, collections, groups in tests:
            if name and module == file.removesuffix(".py") and file not in refused:
                assert collections >= 1, (file, name)
                assert len(groups) == 1 or "case_2" in file, (file, name)
