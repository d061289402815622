"""What the fixer writes does what it should when real pytest runs it, for any file it is given."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import fixed, outcome_of

from orchestrator.fixers.outcome import Edit, NoChange, Refusal

COUNTING = """\
import gc
import sys
from pathlib import Path

CALLS = []


def counted():
    if sys._getframe(1).f_code.co_filename.endswith("test_it.py"):  # pytest collects too
        CALLS.append(1)
        Path("calls").write_text(str(len(CALLS)))


gc.collect = counted
"""
"""A conftest that counts collections instead of making them."""

SHAPES = {
    "plain": ("class TestA:\n    def test_1(self): ...\n    def test_2(self): ...\n", 2, 2),
    "own teardown": (
        "class TestA:\n    def teardown_method(self, method):\n        self.x = 1\n    def test(self): ...\n", 1, 1),
    # pytest runs an inner class's teardown for the outer class's fixture too: twice for its test
    "nested": (
        "class TestA:\n    def test(self): ...\n    class TestB:\n        def test(self): ...\n", 2, 3),
    "nested only": ("class TestA:\n    class TestB:\n        def test(self): ...\n", 1, 1),
    "TestCase": (
        "import unittest\n\n\nclass A(unittest.TestCase):\n    def test(self): ...\n", 1, 1),
    "TestCase with tearDown": (
        "import unittest\n\n\nclass A(unittest.TestCase):\n"
        "    def tearDown(self):\n        self.x = 1\n    def test(self): ...\n", 1, 1),
    "async TestCase": (
        "import unittest\n\n\nclass A(unittest.IsolatedAsyncioTestCase):\n    async def test(self): ...\n", 1, 1),
    "inherited tests": (
        "class TestBase:\n    def test(self): ...\n\n\nclass TestA(TestBase):\n    def test_2(self): ...\n", 3, 3),
    "mixin": (
        "class Mixin:\n    def test(self): ...\n\n\nclass TestA(Mixin):\n    x = 1\n", 1, 1),
    "base that tears down": (
        "class Base:\n    def teardown_method(self):\n        self.x = 1\n\n\n"
        "class TestA(Base):\n    def test(self): ...\n", 1, 1),
    "one line": ("class Base:\n    def test(self): ...\n\n\nclass TestA(Base): x = 1; y = 2\n", 1, 1),
}  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES)
def test_garbage_is_collected_once_after_each_test(shape: str, tmp_path: Path) -> None:
    text, tests, collections = SHAPES[shape]
    (tmp_path / "conftest.py").write_text(COUNTING)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\nmarkers = xdist_group\naddopts = --strict-markers\n"
    )
    (tmp_path / "test_it.py").write_text(fixed(text, top=tmp_path))
    (tmp_path / "tests/test_it.py").unlink()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert f"{tests} passed" in ended.stdout, ended.stdout
    assert int((tmp_path / "calls").read_text()) == collections


def test_every_class_lands_in_its_group(tmp_path: Path) -> None:
    """Under loadgroup the node id carries the group; workers=2 is enough to see it."""
    text = "class TestA:\n    def test(self): ...\n\n\nclass TestB:\n    def test(self): ...\n"
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    (tmp_path / "test_it.py").write_text(fixed(text, top=tmp_path))
    (tmp_path / "tests/test_it.py").unlink()
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadgroup",
         "-p", "no:cacheprovider", "test_it.py"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.stdout.count("PASSED test_it.py::TestA::test@g") == 1
    assert ended.stdout.count("PASSED test_it.py::TestB::test@g") == 1


IMPORTS = ["import os", "import pytest", "import gc", "from os import path", "import zlib", "import pytest as pt",
           "from pytest import mark", "import gc as g", "from gc import collect", "try:\n    import json\nexcept ImportError:\n    json = None"]  # fmt: skip
HEADERS = [
    "",
    '"""Doc."""\n',
    "# a comment\n\n",
    '"""Doc."""\n\nfrom __future__ import annotations\n',
]
DECORATORS = [
    "",
    "@pytest.mark.skip\n",
    '@pytest.mark.xdist_group("other")\n',
    "# why\n@staticmethod\n# so\n",
]
BASES = ["", "()", "(object)", "(Base)", "(unittest.TestCase)"]
MEMBERS = [
    '    """Doc."""\n', "    x = 1\n", "    def test_1(self): ...\n", "    async def test_2(self):\n        pass\n",
    "\n    # a comment\n    def helper(self):\n        return 1\n", "    def teardown_method(self):\n        self.x = 1\n",
    "    def tearDown(self): self.x = 1\n", "    class TestInner:\n        def test(self): ...\n",
    "    @property\n    def y(self): return 1\n", "    def teardown_method(self, method): gc.collect()\n",
]  # fmt: skip


@st.composite
def modules(draw: st.DrawFn) -> str:
    parts = [draw(st.sampled_from(HEADERS))]
    parts += [
        f"{line}\n" for line in draw(st.lists(st.sampled_from(IMPORTS), max_size=4, unique=True))
    ]
    parts.append("\nimport unittest\n\n\nclass Base:\n    y = 1\n")
    for number in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(["TestA", "TestB", "Helper"]))
        members = draw(st.lists(st.sampled_from(MEMBERS), max_size=4)) or ["    pass\n"]
        decorator, bases = draw(st.sampled_from(DECORATORS)), draw(st.sampled_from(BASES))
        gap = "\n" * draw(st.integers(0, 2))
        parts.append(f"{gap}{decorator}class {name}{number}{bases}:\n")
        parts += members
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    text = "".join(parts)
    return (text if draw(st.booleans()) else text.rstrip("\n")).replace("\n", newline)


@settings(
    max_examples=150, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(modules())
def test_any_file_is_edited_once_and_rightly_or_not_at_all(tmp_path: Path, text: str) -> None:
    outcome = outcome_of(text, top=tmp_path)
    if not isinstance(outcome, Edit):
        assert isinstance(outcome, NoChange | Refusal)
        assert "edit would have changed" not in getattr(outcome, "reason", "")
        return
    ast.parse(outcome.data)
    rest = iter(outcome.data.splitlines())
    one_liner = {line for line in text.encode().splitlines() if b"): self" in line}
    for line in text.encode().splitlines():
        assert line in one_liner or any(item == line for item in rest)
    again = outcome_of(outcome.data, top=tmp_path)
    assert isinstance(again, NoChange), again
