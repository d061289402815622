"""The strength gate: ways to cheat it, each caught; honest refactorings, none caught."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

import pytest
from support import SampleRepo, fixer_plan, make_repo

from orchestrator.base.changes import Change
from orchestrator.base.outcomes import GateResult
from orchestrator.base.paths import RepoPath
from orchestrator.engine.results import Landed
from orchestrator.gates.strength.gate import strength_gate
from orchestrator.gates.strength.ids_of_tests import may_change_ids
from orchestrator.gates.verdict import Verdict

FUNCTION = """\
import pytest
from shop import Cart, CartError


def test_total():
    cart = Cart()
    cart.add(3)
    assert cart.total == 3
    assert len(cart.items) == 1
    with pytest.raises(CartError, match="empty"):
        cart.pay()
"""
CASE = """\
import unittest
from unittest import mock
from shop import Cart


class TestCart(unittest.TestCase):
    def setUp(self):
        self.cart = Cart()

    def test_add(self):
        self.cart.add(3)
        self.assertEqual(self.cart.total, 3)
        self.assertTrue(self.cart.items)
        with self.assertRaises(ValueError):
            self.cart.add(-1)

    def test_calls(self):
        log = mock.Mock()
        self.cart.report(log)
        log.info.assert_called_once_with("total 0")
"""


def verdict(before: str, after: str, top: Path, **files: str) -> Verdict:
    for name, text in files.items():
        (top / f"{name}.py").write_text(text)
    change = Change(RepoPath("tests/test_it.py"), before.encode(), after.encode())
    return strength_gate([change], top=top)


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new)
    return text


CHEATS = {
    "a test is deleted": (CASE, CASE[: CASE.index("    def test_calls")], "is lost"),
    "a test is renamed away": (FUNCTION, replaced(FUNCTION, ("test_total", "check_total")), "is lost"),
    "skipped by a mark": (FUNCTION, replaced(FUNCTION, ("def test", "@pytest.mark.skip\ndef test")), "newly skipped"),
    "skipped by a condition": (
        FUNCTION, replaced(FUNCTION, ("def test", "@pytest.mark.skipif(True, reason='x')\ndef test")), "newly skipped"),
    "expected to fail": (FUNCTION, replaced(FUNCTION, ("def test", "@pytest.mark.xfail\ndef test")), "newly skipped"),
    "skipped by the module": (FUNCTION, replaced(FUNCTION, ("\n\ndef", "pytestmark = [pytest.mark.skip]\n\ndef")), "newly skipped"),
    "skipped from inside": (FUNCTION, replaced(FUNCTION, ("    cart = Cart()", "    pytest.skip('later')\n    cart = Cart()")), "newly skipped"),
    "skipped by unittest": (CASE, replaced(CASE, ("    def test_add", "    @unittest.skip('x')\n    def test_add")), "newly skipped"),
    "expected to fail by unittest": (
        CASE, replaced(CASE, ("    def test_add", "    @unittest.expectedFailure\n    def test_add")), "newly skipped"),
    "the class is no test any more": (CASE, replaced(CASE, ("    def setUp", "    __test__ = False\n\n    def setUp")), "newly skipped"),
    "a set of parameters is skipped": (
        "import pytest\n@pytest.mark.parametrize('x', [1, 2])\ndef test_x(x):\n    assert x\n",
        "import pytest\n@pytest.mark.parametrize('x', [1, pytest.param(2, marks=pytest.mark.xfail)])\ndef test_x(x):\n    assert x\n",
        "newly skipped"),
    "an assertion is deleted": (FUNCTION, replaced(FUNCTION, ("    assert cart.total == 3\n", "")), "asserts less: 2 of 3"),
    "a call of the mock is not checked": (CASE, replaced(CASE, (".assert_called_once_with", "")), "asserts less: 0 of 1"),
    "an assertion is always true": (FUNCTION, replaced(FUNCTION, ("assert cart.total == 3", "assert True")), "one is true whatever happens"),
    "or True": (FUNCTION, replaced(FUNCTION, ("cart.total == 3", "cart.total == 3 or True")), "one is true whatever happens"),
    "an assertion compares a thing with itself": (
        FUNCTION, replaced(FUNCTION, ("cart.total == 3", "cart.total == cart.total")), "one is true whatever happens"),
    "an assertion of a tuple": (FUNCTION, replaced(FUNCTION, ("assert cart.total == 3", "assert (cart.total == 3, 'x')")), "one is true whatever happens"),
    "assertTrue of a constant": (CASE, replaced(CASE, ("assertTrue(self.cart.items)", "assertTrue(1)")), "one is true whatever happens"),
    "assertEqual of one thing": (
        CASE, replaced(CASE, ("assertEqual(self.cart.total, 3)", "assertEqual(self.cart.total, self.cart.total)")), "whatever happens"),
    "returned before": (FUNCTION, replaced(FUNCTION, ("    assert cart.total", "    return\n    assert cart.total")), "asserts less: 0 of 3"),
    "under if False": (FUNCTION, replaced(FUNCTION, ("    assert cart.total == 3\n", "    if False:\n        assert cart.total == 3\n")), "asserts less: 2 of 3"),
    "its failure is swallowed": (
        FUNCTION, replaced(FUNCTION, ("    assert cart.total == 3\n", "    try:\n        assert cart.total == 3\n    except AssertionError:\n        pass\n")),
        "asserts less: 2 of 3"),
    "its failure is suppressed": (
        FUNCTION, replaced(FUNCTION, ("    assert cart.total == 3\n", "    with suppress(Exception):\n        assert cart.total == 3\n")), "asserts less: 2 of 3"),
    "in a function nobody calls": (
        FUNCTION, replaced(FUNCTION, ("    assert cart.total == 3\n", "    def later():\n        assert cart.total == 3\n")), "asserts less: 2 of 3"),
    "only truth is left of an equality": (FUNCTION, replaced(FUNCTION, ("assert cart.total == 3", "assert cart.total")), "compares less: 1 of 2"),
    "assertTrue of two values": (CASE, replaced(CASE, ("assertEqual(self.cart.total, 3)", "assertTrue(self.cart.total, 3)")), "compares less: 0 of 1"),
    "only that it is something": (CASE, replaced(CASE, ("assertEqual(self.cart.total, 3)", "assertIsNotNone(self.cart.total)")), "compares less: 0 of 1"),
    "a call with anything": (CASE, replaced(CASE, ('.assert_called_once_with("total 0")', ".assert_called_once()")), "compares less: 0 of 1"),
    "a broader exception": (FUNCTION, replaced(FUNCTION, ("raises(CartError", "raises(Exception")), "broader exception"),
    "a broader builtin": (CASE, replaced(CASE, ("assertRaises(ValueError)", "assertRaises(Exception)")), "broader exception"),
    "a base class of the project": (FUNCTION, replaced(FUNCTION, ("raises(CartError", "raises(ShopError"), ("CartError\n", "CartError, ShopError\n")), "broader exception"),
    "one more exception": (FUNCTION, replaced(FUNCTION, ("raises(CartError", "raises((CartError, OSError)")), "broader exception"),
    "no text expected any more": (FUNCTION, replaced(FUNCTION, (', match="empty"', "")), "no longer its text"),
    "nothing raised any more, and more asserted": (
        FUNCTION, replaced(FUNCTION, ('    with pytest.raises(CartError, match="empty"):\n        cart.pay()\n', "    assert cart\n    assert cart.pay\n")), "broader exception"),
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_a_weaker_test_is_caught(name: str, tmp_path: Path) -> None:
    before, after, told = CHEATS[name]
    shop = "class ShopError(Exception): pass\nclass CartError(ShopError): pass\n"
    found = verdict(before, after, tmp_path, shop=shop)
    assert found.kind is GateResult.RED
    assert any(told in blame.what for blame in found.blames), [b.what for b in found.blames]
    assert verdict(before, before, tmp_path).kind is GateResult.PASSED


HONEST = {
    "unittest to assert": (CASE, replaced(
        CASE, ("self.assertEqual(self.cart.total, 3)", "assert self.cart.total == 3"), ("self.assertTrue(self.cart.items)", "assert self.cart.items"),
        ("self.assertRaises(ValueError)", "pytest.raises(ValueError)"))),
    "a helper in the file": (FUNCTION, replaced(
        FUNCTION, ("    assert cart.total == 3\n    assert len(cart.items) == 1\n", "    _holds(cart)\n"),
        ("def test_total", "def _holds(cart):\n    assert cart.total == 3\n    assert len(cart.items) == 1\n\n\ndef test_total"))),
    "a helper of the class, in its base": (CASE, replaced(
        CASE, ("        self.assertEqual(self.cart.total, 3)\n        self.assertTrue(self.cart.items)\n", "        self._holds()\n"),
        ("class TestCart(unittest.TestCase):", "class Base(unittest.TestCase):\n    def _holds(self):\n        assert self.cart.total == 3\n"
         "        assert self.cart.items\n\n\nclass TestCart(Base):"))),
    "a helper given up": (
        "def assert_ok(r):\n    assert r.a == 1\n    assert r.b == 2\n\n\ndef test_x(r):\n    assert_ok(r)\n",
        "def test_x(r):\n    assert r.a == 1\n    assert r.b == 2\n"),
    "two assertions in one": (
        "def test_x(a, b):\n    assert a == 1\n    assert b == 2\n    assert a < b\n    assert b < 9\n",
        "def test_x(a, b):\n    assert a == 1 and b == 2\n    assert a < b < 9\n"),
    "a pair compared at once": (
        "def test_x(a, b):\n    assert a == 1\n    assert b == 2\n", "def test_x(a, b):\n    assert (a, b) == (1, 2)\n"),
    "one assertion in two": (
        "def test_x(a, b):\n    assert a == 1 and b\n", "def test_x(a, b):\n    assert a == 1\n    assert b\n"),
    "a narrower exception with its text": (
        "def test_x():\n    with pytest.raises(Exception):\n        f()\n", "def test_x():\n    with pytest.raises(ValueError, match='x'):\n        f()\n"),
    "an alias of an exception": (
        "import socket\ndef test_x():\n    with pytest.raises(IOError):\n        f()\n    with pytest.raises(socket.timeout):\n        f()\n",
        "def test_x():\n    with pytest.raises(OSError):\n        f()\n    with pytest.raises(TimeoutError):\n        f()\n"),
    "a regular expression of unittest": (
        "class T(C):\n    def test_x(self):\n        with self.assertRaisesRegex(KeyError, 'x'):\n            f()\n",
        "class T(C):\n    def test_x(self):\n        with pytest.raises(KeyError, match='x'):\n            f()\n"),
    "a mark instead of a decorator of unittest": (
        "import unittest\nclass T(C):\n    @unittest.skipIf(X, 'x')\n    def test_x(self):\n        assert f()\n",
        "import pytest\nclass T(C):\n    @pytest.mark.skipif(X, reason='x')\n    def test_x(self):\n        assert f()\n"),
    "a skip less": ("@pytest.mark.skip\ndef test_x():\n    assert f()\n", "def test_x():\n    assert f()\n"),
    "a calls list instead of a call of the mock": (CASE, replaced(
        CASE, ('log.info.assert_called_once_with("total 0")', 'assert log.info.call_args_list == [mock.call("total 0")]'))),
    "a loop over parameters": (
        "def test_x():\n    for x in (1, 2):\n        assert f(x)\n",
        "import pytest\n@pytest.mark.parametrize('x', [1, 2])\ndef test_x(x):\n    assert f(x)\n"),
    "setUp to a fixture, and formats to f-strings": (CASE, replaced(
        CASE, ("    def setUp(self):", "    @pytest.fixture(autouse=True)\n    def cart_(self):"), ('"total 0"', 'f"total {0}"'))),
    "a test more": (FUNCTION, FUNCTION + "\n\ndef test_more():\n    pass\n"),
    "assertTrue of a comparison": (
        "class T(C):\n    def test_x(self):\n        self.assertTrue(a == 1 and b)\n", "class T(C):\n    def test_x(self):\n        assert a == 1\n        assert b\n"),
    "comparisons with True and with nothing": (
        "def test_x(a, b):\n    assert a == True\n    assert len(b) == 0\n    assert b == []\n", "def test_x(a, b):\n    assert a\n    assert not b\n    assert not b\n"),
    "a regular expression": (
        "class T(C):\n    def test_x(self):\n        self.assertRegex(a, 'x')\n", "class T(C):\n    def test_x(self):\n        assert re.search('x', a)\n"),
    "almost equal": (
        "class T(C):\n    def test_x(self):\n        self.assertAlmostEqual(a, 0.5)\n        self.assertCountEqual(b, c)\n",
        "class T(C):\n    def test_x(self):\n        assert a == pytest.approx(0.5)\n        assert sorted(b) == sorted(c)\n"),
    "a renamed exception": (
        "from lib import OldError\ndef test_x():\n    with pytest.raises(OldError):\n        f()\n",
        "from lib import NewError\ndef test_x():\n    with pytest.raises(NewError):\n        f()\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_refactoring_is_not_caught(name: str, tmp_path: Path) -> None:
    before, after = HONEST[name]
    found = verdict(before, after, tmp_path)
    assert found.kind is GateResult.PASSED, [blame.what for blame in found.blames]


@pytest.mark.parametrize(
    ("files", "broader"),
    [
        pytest.param({"lib/__init__.py": "from .errors import Old, New\n", "lib/errors.py": "class New(Exception): pass\nclass Old(New): pass\n"}, True, id="re-exported"),
        pytest.param({"lib/__init__.py": "from lib.a import Old\nfrom lib.b import New\n", "lib/a.py": "from lib.b import New as N\nclass Mid(N): pass\nclass Old(Mid): pass\n", "lib/b.py": "class New(Exception): pass\n"}, True, id="through three modules"),
        pytest.param({"lib/__init__.py": "class New(Exception): pass\nclass Old(Exception): pass\n"}, False, id="not related"),
        pytest.param({}, False, id="nowhere to be found"),
    ],
)  # fmt: skip
def test_bases_are_followed_through_the_modules_of_the_project(
    files: Mapping[str, str], broader: bool, tmp_path: Path
) -> None:
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    text = "import pytest\nfrom lib import Old\ndef test_x():\n    with pytest.raises(Old):\n        f()\n"
    found = verdict(text, text.replace("Old", "New"), tmp_path)
    assert (found.kind is GateResult.RED) is broader


SETS = """\
import pytest


@pytest.mark.parametrize("x", SETS)
def test_x(x):
    assert x
"""


@pytest.mark.parametrize(
    ("after", "lost"),
    [
        pytest.param(SETS.replace("SETS", "[1, 2]"), ["test_x[3]"], id="a set of parameters less"),
        pytest.param(SETS.replace("SETS", "[1, 2, 4]"), [], id="another set of parameters"),
        pytest.param(SETS.replace("SETS", "[1, 2, 3, 4]"), [], id="one more"),
        pytest.param(
            SETS.replace("SETS", "[1, 2, 3]") + "\ncollect_ignore = 1\ndel test_x\n",
            ["test_x[1]", "test_x[2]", "test_x[3]"], id="deleted after its definition",
        ),
    ],
)  # fmt: skip
def test_ids_are_compared_by_pytest_itself(after: str, lost: list[str], tmp_path: Path) -> None:
    before = SETS.replace("SETS", "[1, 2, 3]") + "\n\ndef test_y():\n    assert 1 + 1 == 2\n"
    repo = rewriting(tmp_path / "r", before, after + "\n\ndef test_y():\n    assert 1 + 1 == 2\n")
    result = repo.next_batch(trust=True)
    assert isinstance(result, Landed)
    blamed = [b.test_id for taken in result.found.rejected for b in taken.blames]
    assert blamed == [f"tests/test_it.py::{name}" for name in lost]


def test_a_test_that_is_skipped_while_it_runs_is_caught(tmp_path: Path) -> None:
    """No tree shows it: the skip is behind a helper of another module."""
    before = "from helper import ready\n\n\ndef test_x():\n    ready(1)\n    assert 1 + 1 == 2\n"
    repo = rewriting(
        tmp_path / "r", before, before.replace("ready(1)", "ready(0)"),
        **{"tests/helper.py": "import pytest\n\n\ndef ready(x):\n    x or pytest.skip('no')\n"},
    )  # fmt: skip
    result = repo.next_batch(trust=True)
    assert isinstance(result, Landed)
    (taken,) = result.found.rejected
    assert "is skipped with the edit and was not before" in taken.blames[0].what


def test_a_person_may_allow_a_weaker_test_and_says_why(tmp_path: Path) -> None:
    before = "def test_x():\n    assert 1 + 1 == 2\n    assert 2 + 2 == 4\n"
    after = "def test_x():\n    assert 1 + 1 == 2\n"
    repo = rewriting(tmp_path / "r", before, after)
    plan = repo.read("migration_plan.yaml").replace(
        "verify:\n",
        "verify:\n  allow: [{test: 'tests/test_it.py::*', reason: it was said twice}]\n",
    )
    repo.write("migration_plan.yaml", plan)
    repo.commit("allow it")
    ended = repo.run("next-batch", "--trust", "--python", sys.executable)
    assert ended.code == 0, ended.err
    assert "allowed: tests/test_it.py::test_x asserts less: 1 of 2: it was said twice" in ended.err
    assert repo.read("tests/test_it.py") == after


def rewriting(top: Path, before: str, after: str, **files: str) -> SampleRepo:
    """A repository whose fixer turns one test file into `after`."""
    tool = f"import sys\nopen(sys.argv[1], 'w').write({after!r})\n"
    plan = fixer_plan(
        ["tests/test_it.py"],
        fixer='fixer: command\noptions: {run: "{python} tool.py {files}"}',
    )
    held = {".gitignore": "__pycache__/\n", "tool.py": tool, "tests/test_it.py": before, **files}
    return make_repo(top, held, plan=plan)


BODY = "import pytest\nfrom typing import List\n\n\n@pytest.mark.parametrize('x', [1])\ndef test_x(x: List):\n    a = 1\n"


@pytest.mark.parametrize(
    ("path", "after", "may"),
    [
        pytest.param("tests/test_a.py", BODY.replace("a = 1", "a = 2"), False, id="a body of a test"),
        pytest.param("tests/test_a.py", BODY.replace("x: List", "x: list").replace("from typing import List\n", ""), False, id="annotations"),
        pytest.param("tests/test_a.py", BODY.replace("'x'", '"x"'), False, id="quotes"),
        pytest.param("tests/test_a.py", BODY.replace("[1]", "[2]"), True, id="parameters"),
        pytest.param("tests/test_a.py", BODY + "X = 1\n", True, id="a statement of the module"),
        pytest.param("tests/test_a.py", BODY.replace("def test_x", "def tast_x"), True, id="a name"),
        pytest.param("lib.py", BODY.replace("a = 1", "a = 2"), True, id="a body elsewhere"),
        pytest.param("lib.py", BODY.replace("'x'", '"x"'), False, id="layout elsewhere"),
        pytest.param("pytest.ini", "x", True, id="configuration"),
    ],
)  # fmt: skip
def test_only_what_cannot_change_ids_saves_a_collection(path: str, after: str, may: bool) -> None:
    assert may_change_ids([Change(RepoPath(path), BODY.encode(), after.encode())]) is may
    assert may_change_ids([Change(RepoPath(path), None, after.encode())])


def test_what_cannot_be_parsed_is_left_to_other_gates(tmp_path: Path) -> None:
    text = textwrap.dedent("def test_x(: pass\n")
    assert verdict(text, text, tmp_path).kind is GateResult.PASSED
    assert verdict("def test_x(): pass\n", text, tmp_path).kind is GateResult.PASSED
