"""More ways to weaken a test, and to write it otherwise: by kinds that the gate tells apart."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import fixer_plan, make_repo
from test_strength import rewriting, verdict

from orchestrator.base.changes import Change
from orchestrator.base.outcomes import GateResult
from orchestrator.base.paths import RepoPath
from orchestrator.engine.results import Landed
from orchestrator.gates.strength.gate import ModuleSide, read_with, strength_gate

HEAD = "import asyncio\nimport contextlib\nimport unittest\nimport warnings\nimport pytest\n\nXS = [1, 2, 3]\n\n\n"
CHECK = "async def check(x):\n    assert x == 3\n\n\n"
EACH = "def each(xs):\n    for x in xs:\n        assert x > 0\n        yield x\n\n\n"


def code(*lines: str, head: str = "") -> str:
    """A module with one test of these lines."""
    return f"{HEAD}{head}def test_x(self=None, xs=XS):\n" + "".join(
        f"    {line}\n" for line in lines
    )


CHEATS: dict[str, tuple[str, str]] = {
    # an assertion of a block without its block
    "raises without a block": (code("with pytest.raises(ValueError):", "    int('x')"), code("pytest.raises(ValueError)", "int('1')")),
    "raises without its callable": (code("pytest.raises(ValueError, int, 'x')"), code("pytest.raises(ValueError)")),
    "assertRaises without its callable": (code("self.assertRaises(ValueError, int, 'x')"), code("self.assertRaises(ValueError)")),
    "assertRaisesRegex without its callable": (code("self.assertRaisesRegex(ValueError, 'x', int, 'x')"), code("self.assertRaisesRegex(ValueError, 'x')")),
    "warns without a block": (code("with pytest.warns(UserWarning):", "    warnings.warn('x')"), code("pytest.warns(UserWarning)", "warnings.warn('x')")),
    "assertWarns that nobody enters": (code("with self.assertWarns(UserWarning):", "    warnings.warn('x')"), code("seen = self.assertWarns(UserWarning)", "warnings.warn('x')")),
    "assertLogs that nobody enters": (code("with self.assertLogs('a'):", "    f()"), code("self.assertLogs('a')", "f()")),
    "deprecated_call without a block": (code("with pytest.deprecated_call():", "    f()"), code("pytest.deprecated_call()", "f()")),
    "a group that nobody enters": (code("with pytest.RaisesGroup(ValueError):", "    f()"), code("pytest.RaisesGroup(ValueError)", "f()")),
    # comparisons that came out wider
    "== to >=": (code("assert len(xs) == 3"), code("assert len(xs) >= 0")),
    "== to <=": (code("assert len(xs) == 3"), code("assert len(xs) <= 99")),
    "== to !=": (code("assert xs[0] == 1"), code("assert xs[0] != 9")),
    "== to in": (code("assert xs[0] == 1"), code("assert xs[0] in range(9)")),
    "is to in": (code("assert xs is XS"), code("assert xs in [XS, 2]")),
    "== to isinstance": (code("assert xs == [1, 2, 3]"), code("assert isinstance(xs, list)")),
    "== to truth": (code("assert len(xs) == 3"), code("assert len(xs)")),
    "assertEqual to assertGreater": (code("self.assertEqual(len(xs), 3)"), code("self.assertGreater(len(xs), 0)")),
    "assertEqual to assertIn": (code("self.assertEqual(xs[0], 1)"), code("self.assertIn(xs[0], xs)")),
    "assertEqual to assertTrue": (code("self.assertEqual(xs[0], 1)"), code("self.assertTrue(xs[0], 1)")),
    "a call compared to a call at all": (code("self.log.assert_called_once_with(1)"), code("assert self.log.call_count > 0")),
    "one of two comparisons wider": (code("assert xs[0] == 1", "assert xs[1] == 2"), code("assert xs[0] == 1", "assert xs[1] > 1")),
    # what never runs
    "a coroutine that is not run": (code("asyncio.run(check(max(xs)))", head=CHECK), code("check(max(xs))", head=CHECK)),
    "a coroutine kept and not run": (code("asyncio.run(check(max(xs)))", head=CHECK), code("todo = check(max(xs))", head=CHECK)),
    "an await dropped": (
        code("pass", head=CHECK) + "\n\nasync def test_y():\n    await check(3)\n",
        code("pass", head=CHECK) + "\n\nasync def test_y():\n    check(3)\n"),
    "a generator that nobody runs": (code("list(each(xs))", head=EACH), code("each(xs)", head=EACH)),
    "a helper that is named and not called": (
        code("holds(xs)", head="def holds(xs):\n    assert xs == [1]\n\n\n"), code("holds", head="def holds(xs):\n    assert xs == [1]\n\n\n")),
    "a loop over nothing": (code("for x in xs:", "    assert x == 1"), code("for x in []:", "    assert x == 1")),
    "under a condition that never holds": (code("assert xs == [1]"), code("if False:", "    assert xs == [1]")),
    "behind a return": (code("assert xs == [1]"), code("return", "assert xs == [1]")),
    "in a function that nobody calls": (code("assert xs == [1]"), code("def later():", "    assert xs == [1]")),
    "in a lambda": (code("self.assertEqual(xs, [1])"), code("later = lambda: self.assertEqual(xs, [1])")),
    "in a try that passes over it": (code("assert xs == [1]"), code("try:", "    assert xs == [1]", "except AssertionError:", "    pass")),
    "where it is suppressed": (code("assert xs == [1]"), code("with contextlib.suppress(AssertionError):", "    assert xs == [1]")),
    # what is true whatever happens
    "assert True": (code("assert xs == [1]"), code("assert True")),
    "a tuple": (code("assert xs == [1], 'm'"), code("assert (xs == [1], 'm')")),
    "compared with itself": (code("assert xs == [1]"), code("assert xs == xs")),
    "or true": (code("assert xs == [1]"), code("assert xs == [1] or True")),
    # exceptions
    "a broader exception": (code("with pytest.raises(ValueError):", "    f()"), code("with pytest.raises(Exception):", "    f()")),
    "one of several exceptions": (code("with pytest.raises(ValueError):", "    f()"), code("with pytest.raises((ValueError, KeyError)):", "    f()")),
    "the text of an exception is dropped": (
        code("with pytest.raises(ValueError) as got:", "    f()", "assert str(got.value) == 'no'"), code("with pytest.raises(ValueError):", "    f()")),
    "a match in place of another assertion": (
        code("assert xs == [1]", "with pytest.raises(ValueError):", "    f()"), code("with pytest.raises(ValueError, match='x'):", "    f()")),
    "no failure where nothing is raised": (
        code("try:", "    f()", "except ValueError:", "    pass", "else:", "    assert False, 'no error'"),
        code("try:", "    f()", "except ValueError:", "    pass", "else:", "    print('no error')")),
    "an error in place of an assertion": (code("assert xs == [1]"), code("if xs != [1]:", "    raise ValueError(xs)")),
}  # fmt: skip


@pytest.mark.parametrize("name", CHEATS)
def test_a_weaker_test_is_caught(name: str, tmp_path: Path) -> None:
    before, after = CHEATS[name]
    found = verdict(before, after, tmp_path)
    assert found.kind is GateResult.RED
    assert verdict(before, before, tmp_path).kind is GateResult.PASSED


FAILS = ("try:", "    f()", "except ValueError:", "    pass", "else:")
GOT = ("with pytest.raises(ValueError) as got:", "    f()")
HONEST: dict[str, tuple[str, str]] = {
    # ways to fail
    "assert False to raise": (code(*FAILS, "    assert False, 'no error'"), code(*FAILS, "    raise AssertionError('no error')")),
    "assert False to raise, bare": (code(*FAILS, "    assert False"), code(*FAILS, "    raise AssertionError")),
    "assert False to fail": (code(*FAILS, "    assert False, 'no error'"), code(*FAILS, "    pytest.fail('no error')")),
    "raise to fail": (code(*FAILS, "    raise AssertionError('no')"), code(*FAILS, "    pytest.fail('no')")),
    "self.fail to raise": (code(*FAILS, "    self.fail('no')"), code(*FAILS, "    raise self.failureException('no')")),
    "a try to raises": (code(*FAILS, "    assert False"), code("with pytest.raises(ValueError):", "    f()")),
    # the same exception, more exactly
    "its text to match": (code(*GOT, "assert str(got.value) == 'no shop'"), code("with pytest.raises(ValueError, match='^no shop$'):", "    f()")),
    "a part of its text to match": (code(*GOT, "assert 'shop' in str(got.value)"), code("with pytest.raises(ValueError, match='shop'):", "    f()")),
    "two parts of its text to match": (
        code(*GOT, "assert 'a' in str(got.value)", "assert 'b' in str(got.value)"), code("with pytest.raises(ValueError, match='a.*b'):", "    f()")),
    "excinfo of unittest to match": (
        code("with self.assertRaises(ValueError) as got:", "    f()", "self.assertEqual(str(got.exception), 'no')").replace("self.assertEqual(str(got.exception), 'no')", "assert str(got.exception) == 'no'"),
        code("with pytest.raises(ValueError, match='no'):", "    f()")),
    "a narrower exception": (code("with pytest.raises(Exception):", "    f()"), code("with pytest.raises(ValueError):", "    f()")),
    "a callable to a block": (code("self.assertRaises(ValueError, int, 'x')"), code("with pytest.raises(ValueError):", "    int('x')")),
    "a block to a callable": (code("with pytest.raises(ValueError):", "    int('x')"), code("pytest.raises(ValueError, int, 'x')")),
    "a block kept in a name": (code("with pytest.raises(ValueError):", "    f()"), code("fails = pytest.raises(ValueError)", "with fails:", "    f()")),
    "a block entered by a stack": (
        code("with pytest.raises(ValueError):", "    f()"), code("with contextlib.ExitStack() as stack:", "    stack.enter_context(pytest.raises(ValueError))", "    f()")),
    # the same comparison
    "assertEqual to ==": (code("self.assertEqual(len(xs), 3)"), code("assert len(xs) == 3")),
    "assertGreater to >": (code("self.assertGreater(len(xs), 3)"), code("assert len(xs) > 3")),
    "assertIn to in": (code("self.assertIn(1, xs)"), code("assert 1 in xs")),
    "assertIsNone to is": (code("self.assertIsNone(xs)"), code("assert xs is None")),
    "two bounds to a chain": (code("assert xs[0] > 0", "assert xs[0] < 9"), code("assert 0 < xs[0] < 9")),
    "a bound to the value": (code("assert len(xs) > 2"), code("assert len(xs) == 3")),
    "membership to the value": (code("assert xs[0] in (1, 2)"), code("assert xs[0] == 1")),
    "an or to membership": (code("assert xs[0] == 1 or xs[0] == 2"), code("assert xs[0] in {1, 2}")),
    "the other way round": (code("assert 3 == len(xs)"), code("assert len(xs) == 3")),
    "is None to not": (code("assert xs is None"), code("assert not xs")),
    "almost equal": (code("self.assertAlmostEqual(xs[0], 1.0)"), code("assert xs[0] == pytest.approx(1.0)")),
    # the same helper
    "a coroutine run otherwise": (code("asyncio.get_event_loop().run_until_complete(check(3))", head=CHECK), code("asyncio.run(check(3))", head=CHECK)),
    "a coroutine kept and run": (code("asyncio.run(check(3))", head=CHECK), code("todo = check(3)", "asyncio.run(todo)", head=CHECK)),
    "asyncio.run to await": (
        f"{HEAD}{CHECK}def test_y():\n    asyncio.run(check(3))\n", f"{HEAD}{CHECK}async def test_y():\n    await check(3)\n"),
    "a generator run otherwise": (code("list(each(xs))", head=EACH), code("for _ in each(xs): pass", head=EACH)),
    "a loop unrolled": (code("for x in (1, 2):", "    assert x == 1"), code("assert 1 == XS[0]", "assert 2 == XS[1]")),
    "a message more": (code("assert xs == [1]"), code("assert xs == [1], 'the first'")),
    "a warning expected more exactly": (code("with pytest.warns(UserWarning):", "    f()"), code("with pytest.warns(UserWarning, match='x'):", "    f()")),
}  # fmt: skip


@pytest.mark.parametrize("name", HONEST)
def test_what_says_as_much_is_not_caught(name: str, tmp_path: Path) -> None:
    before, after = HONEST[name]
    found = verdict(before, after, tmp_path)
    assert found.kind is GateResult.PASSED, [blame.what for blame in found.blames]


NAMED = "def should_add():\n    assert 1 + 1 == 2\n"
BY_A_PLUGIN = "import pytest\n\n\ndef pytest_pycollect_makeitem(collector, name, obj):\n    if name.startswith('spec_'):\n        return pytest.Function.from_parent(collector, name=name)\n"


@pytest.mark.parametrize(
    ("before", "files"),
    [
        (NAMED, {"pytest.ini": "[pytest]\npython_functions = should_*\n"}),
        (NAMED, {"pyproject.toml": "[tool.pytest.ini_options]\npython_functions = ['should']\n"}),
        (NAMED.replace("should", "spec"), {"conftest.py": BY_A_PLUGIN}),
    ],
    ids=["a pattern", "a prefix", "a plug-in"],
)
def test_what_pytest_takes_for_a_test_is_compared(
    before: str, files: dict[str, str], tmp_path: Path
) -> None:
    repo = rewriting(tmp_path / "r", before, before.replace("1 + 1 == 2", "True"), **files)
    result = repo.next_batch(trust=True)
    assert isinstance(result, Landed)
    (taken,) = result.found.rejected
    assert taken.gate == "strength"
    assert "asserts less: 0 of 1" in taken.blames[0].what


def test_tests_that_are_no_functions_are_counted(tmp_path: Path) -> None:
    conftest = "import pytest\n\n\nclass Made(pytest.Item):\n    def runtest(self): pass\n\n\ndef pytest_collection_modifyitems(session, items):\n    items.append(Made.from_parent(items[0].parent, name='made'))\n"
    before = "def test_x():\n    assert 1 + 1 == 2\n"
    repo = rewriting(tmp_path / "r", before, f"{before}# more\n", **{"conftest.py": conftest})
    result = repo.next_batch(trust=True)
    assert isinstance(result, Landed)
    notes = [note for one in result.found.verdicts for note in one.notes]
    assert "1 test not compared: no function of the file is called so" in notes


NEWER = "type Pair[T] = tuple[T, T]\n\n\ndef test_x():\n    assert sum([1, 2]) == 3\n"


def newer_python() -> Path | None:
    """A Python on this machine that knows more syntax than this one, where there is one."""
    versions = Path(sys.base_prefix).parent
    for python in sorted(versions.glob("3.1[2-9]*/bin/python3")):
        asked = [str(python), "-c", "import sys; sys.exit(sys.version_info < (3, 12))"]
        if subprocess.run(asked, check=False, capture_output=True).returncode == 0:
            return python
    return None


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python parses it itself")
def test_what_nobody_here_can_read_is_said(tmp_path: Path) -> None:
    after = NEWER.replace("sum([1, 2]) == 3", "True")
    change = Change(RepoPath("tests/test_it.py"), NEWER.encode(), after.encode())
    found = strength_gate([change], top=tmp_path)
    assert found.notes == [
        "tests/test_it.py: no test was compared: it did not parse before the edit"
    ]


@pytest.mark.skipif(sys.version_info >= (3, 12), reason="this Python parses it itself")
@pytest.mark.skipif(newer_python() is None, reason="no newer Python is installed")
@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        pytest.param(NEWER, NEWER.replace("sum([1, 2]) == 3", "True"), GateResult.RED, id="both sides"),
        pytest.param(
            NEWER.replace("type Pair[T]", "Pair").replace("tuple[T, T]", "tuple"),
            NEWER.replace("sum([1, 2]) == 3", "True"), GateResult.RED, id="since the edit",
        ),
        pytest.param(NEWER, NEWER.replace("[1, 2]", "[2, 1]"), GateResult.PASSED, id="as strong"),
        pytest.param(
            "def test_x(x):\n    assert f'{x!r:{'>'}}' == 'a'\n",
            "def test_x(x):\n    assert f'{x!r:{'>'}}'\n", GateResult.RED, id="in a string",
        ),
        pytest.param(
            f"import pytest\n{NEWER}    with pytest.raises(ValueError): f()\n",
            f"import pytest\n{NEWER}    with pytest.raises(Exception): f()\n", GateResult.RED, id="raised",
        ),
    ],
)  # fmt: skip
def test_newer_syntax_is_read_by_the_projects_python(
    before: str, after: str, kind: GateResult, tmp_path: Path
) -> None:
    python = newer_python()
    assert python is not None

    def read(path: str, data: bytes) -> ModuleSide | None:
        return read_with(python, data, cwd=tmp_path, timeout_s=60)

    change = Change(RepoPath("tests/test_it.py"), before.encode(), after.encode())
    found = strength_gate([change], top=tmp_path, read=read)
    assert (found.kind, found.count) == (kind, 1)


def test_the_tests_of_a_batch_are_named_where_none_of_a_file_ran(tmp_path: Path) -> None:
    """The plan decides whether a source file lands of which no test ran."""
    files = {
        "lib.py": "X = 1\n",
        "other.py": "X = 1\n",
        "tests/test_lib.py": "import lib\n\n\ndef test_x():\n    assert lib.X\n",
    }
    files["tool.py"] = (
        "import sys\nfor p in sys.argv[1:]:\n    t = open(p).read()\n    open(p, 'w').write(t if t.endswith('#\\n') else t + '#\\n')\n"
    )
    plan = fixer_plan(
        ["lib.py", "other.py"], fixer="fixer: command\noptions: {run: '{python} tool.py {files}'}"
    )
    tests = "verify:\n  tests: {lib.py: [tests], other.py: []}\n"
    for number, (policy, done) in enumerate(
        {"": "edited", "refuse": "quarantined", "land": "edited"}.items()
    ):
        more = f"  untested: {policy}\n" if policy else ""
        repo = make_repo(
            tmp_path / str(number),
            {".gitignore": "__pycache__/\n", **files},
            plan=plan.replace("verify:\n", tests + more),
        )
        result = repo.next_batch(trust=True)
        assert isinstance(result, Landed)
        first = result.record.targets[0]
        assert (first.done, first.tests) == ("edited", 1)
        assert result.record.targets[1].done == done
        body = repo.git.text("log", "-1", "--format=%B")
        assert ("No test looked at:\n- other.py" in body) is (done == "edited")
        assert "Verified by 1 test of tests, none newly failing." in body
