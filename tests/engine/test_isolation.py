"""A batch lands without the files that fail, and says of each one what it is."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import BREAKS, FILES, PASSING, PLAN, PYPROJECT, SampleRepo, make_repo, plan_with

from orchestrator.base.outcomes import FailureCause, GateResult, TargetOutcome
from orchestrator.engine.next_batch import Ending
from orchestrator.engine.results import Landed, Stopped
from orchestrator.errors import Exit

"""Passes as it is; once a teardown collects garbage it fails, and spoils every later test."""

FLAKY = """\
import pathlib


class TestFlaky:
    def test_one(self):
        count = pathlib.Path(__file__).parents[1] / ".git" / "count"
        number = int(count.read_text()) if count.exists() else 0
        count.write_text(str(number + 1))
        assert number % 2
"""
"""Fails every other time."""

HANGS = """\
import gc
import time


class TestHangs:
    def test_one(self):
        gc.collect = lambda: time.sleep(1000)
"""

CRASHES = """\
import gc
import os


class TestCrashes:
    def test_one(self):
        gc.collect = lambda: os.kill(os.getpid(), 11)
"""

RED_BEFORE = """\
class TestRed:
    def test_one(self): assert 1 == 2
    def test_two(self): pass
"""

EIGHT = {
    "tests/test_good_one.py": PASSING,
    "tests/test_good_two.py": PASSING,
    "tests/test_good_three.py": PASSING,
    "tests/test_breaks.py": BREAKS,
    "tests/test_flaky.py": FLAKY,
    "tests/test_hangs.py": HANGS,
    "tests/test_crashes.py": CRASHES,
    "tests/test_red_before.py": RED_BEFORE,
}


def repo_of(top: Path, files: dict[str, str], *, verify: str = "", more: str = "") -> SampleRepo:
    """One batch over every test file of `files`."""
    plan = plan_with([path for path in files if "/test_" in path], verify=verify, top=more)
    return make_repo(
        top, {"pyproject.toml": PYPROJECT, ".gitignore": "__pycache__/\n", **files}, plan=plan
    )


def landed(repo: SampleRepo, *, strict: bool = False) -> Landed:
    result = repo.next_batch(strict=strict)
    assert isinstance(result, Landed), result
    assert (repo.changes, repo.leftovers) == ("", [])
    return result


def done(result: Landed) -> dict[str, str]:
    return {
        entry.path.removeprefix("tests/test_").removesuffix(".py"): entry.done
        for entry in result.entries
    }


def faults(result: Landed) -> dict[str, FailureCause]:
    return {
        t.name.removeprefix("tests/test_").removesuffix(".py"): t.fault
        for t in result.found.rejected
    }


@pytest.mark.parametrize(
    ("policy", "out"),
    [("warn", {}), ("fail", {"flaky": FailureCause.FLAKY})],
    ids=["flaky-warn", "flaky-fail"],
)
def test_fault_75_76_each_of_eight_files_is_named_for_what_it_is(
    policy: str, out: dict[str, FailureCause], tmp_path: Path
) -> None:
    repo = repo_of(tmp_path / "r", EIGHT, verify=f"  test_timeout_s: 3\n  flaky: {policy}")
    result = landed(repo)
    assert faults(result) == {
        "breaks": FailureCause.CULPRIT, "hangs": FailureCause.CULPRIT, "crashes": FailureCause.CULPRIT, **out,
    }  # fmt: skip
    test = result.record.gates[-1]
    assert test.failed_before == ("tests/test_red_before.py::TestRed::test_one",)
    assert test.flaky == (() if out else ("tests/test_flaky.py::TestFlaky::test_one",))
    for path, text in EIGHT.items():
        name = path.removeprefix("tests/test_").removesuffix(".py")
        assert (repo.read(path) == text) == (name in faults(result)), path
    assert f"{8 - len(result.found.rejected)} of 8 files" in result.commit.subject
    assert result.exit_code is Exit.RED
    why = {str(entry.path): entry.reason or "" for entry in result.entries}
    assert (
        "never ended: no sign of life for 3 s; not without the edit" in why["tests/test_hangs.py"]
    )
    assert "the interpreter died of SIGSEGV; not without the edit" in why["tests/test_crashes.py"]
    assert "the collector is out of order" in why["tests/test_breaks.py"]


def test_fault_74_what_failed_before_is_found_out_and_named(tmp_path: Path) -> None:
    repo = repo_of(tmp_path / "r", {"tests/test_red.py": RED_BEFORE, "tests/test_b.py": PASSING})
    result = landed(repo)
    assert (result.exit_code, done(result)) == (Exit.DONE, {"red": "edited", "b": "edited"})
    body = repo.git.text("log", "-1", "--format=%B")
    assert (
        "4 tests of these files, none newly failing; 1 failed before:\n- tests/test_red.py::TestRed::test_one"
        in body
    )


def test_strict_holds_old_failures_against_a_file(tmp_path: Path) -> None:
    repo = repo_of(tmp_path / "r", {"tests/test_red.py": RED_BEFORE, "tests/test_b.py": PASSING})
    result = landed(repo, strict=True)
    assert done(result) == {"red": "quarantined", "b": "edited"}


OTHERWISE = """\
import gc


class TestRed:
    def test_one(self):
        gc.collect = None
        assert 1 == 2
"""


def test_a_failure_that_becomes_another_one_is_the_edits_doing(tmp_path: Path) -> None:
    repo = repo_of(tmp_path / "r", {"tests/test_red.py": OTHERWISE})
    result = landed(repo)
    assert done(result) == {"red": "quarantined"}
    assert "failed before the edit too, but otherwise" in str(result.entries[0].reason)


SKIPS_MARKED = """\
import pytest


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.skip(reason="grouped tests run at night"))
"""
LEAVES_OUT_MARKED = """\
def pytest_collection_modifyitems(items):
    items[:] = [item for item in items if not item.get_closest_marker("xdist_group")]
"""


@pytest.mark.parametrize(
    ("conftest", "why"),
    [
        pytest.param(SKIPS_MARKED, "is skipped with the edit and was not before", id="skipped"),
        pytest.param(
            LEAVES_OUT_MARKED, "is left out with the edit and was not before", id="left out"
        ),
    ],
)
def test_fault_73_tests_that_no_longer_run_are_never_green(
    conftest: str, why: str, tmp_path: Path
) -> None:
    files = {
        "tests/conftest.py": conftest,
        "tests/test_a.py": PASSING + "\n\ndef test_free(): pass\n",
    }
    result = landed(repo_of(tmp_path / "r", files))
    assert done(result) == {"a": "quarantined"}
    assert why in str(result.entries[0].reason)


@pytest.mark.parametrize(
    ("verify", "became"), [("", "quarantined"), ("  untested: land", "edited")]
)
def test_tests_that_a_conftest_skipped_before_as_well_verify_nothing(
    verify: str, became: str, tmp_path: Path
) -> None:
    conftest = SKIPS_MARKED.replace('if item.get_closest_marker("xdist_group"):', "if 1:")
    files = {"tests/conftest.py": conftest, "tests/test_a.py": PASSING, "tests/test_b.py": PASSING}
    files["tests/conftest.py"] = conftest.replace("if 1:", "if 'test_a' in item.nodeid:")
    repo = repo_of(tmp_path / "r", files, verify=verify)
    result = landed(repo)
    assert done(result) == {"a": became, "b": "edited"}
    entry = result.entries[0]
    if became == "edited":
        assert entry.tests == 0
        assert "No test looked at:\n- tests/test_a.py" in repo.git.text("log", "-1", "--format=%B")
    else:
        assert entry.reason == "without tests: no test of it ran: every test skipped"
    (gate,) = [gate for gate in result.record.gates if gate.gate == "test"]
    assert (gate.count, gate.skipped) == ((2, 2) if became == "edited" else (2, None))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param(
            "import os\nclass TestA:\n    def test(self): os._exit(0)\n",
            "exit code 0",
            id="fault-79 exits",
        ),
        pytest.param(
            "import time\nclass TestA:\n    def test(self): time.sleep(99)\n",
            "never ended",
            id="fault-77 hangs",
        ),
        pytest.param(
            "import nowhere\nclass TestA:\n    def test(self): pass\n",
            "could not before",
            id="fault-72 not collected",
        ),
    ],
)
def test_a_file_nobody_could_judge_before_either_is_taken_out_as_that(
    text: str, why: str, tmp_path: Path
) -> None:
    files = {"tests/test_bad.py": text, "tests/test_b.py": PASSING}
    result = landed(repo_of(tmp_path / "r", files, verify="  test_timeout_s: 3"))
    assert done(result) == {"bad": "quarantined", "b": "edited"}
    assert faults(result) == {"bad": FailureCause.CANNOT_JUDGE}
    assert why in str(result.entries[0].reason)
    assert result.exit_code is Exit.CANNOT_JUDGE


USES = """\
import os


class TestUses:
    def test_count(self):
        assert int(os.environ.get("MARKED", "0")) < 2
"""
COUNTS = """\
import os
import pathlib


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    marked = [p for p in here.glob("test_part*.py") if "xdist_group" in p.read_text()]
    os.environ["MARKED"] = str(len(marked))
"""


def test_a_file_that_spoils_a_test_it_does_not_hold_is_found_by_bisection(tmp_path: Path) -> None:
    """The red test is in a file no batch edits; two of the parts together turn it red."""
    parts = {f"tests/test_part{n}.py": PASSING for n in range(4)}
    conftest = COUNTS.replace("Path(__file__).parent", "Path(__file__).parent / 'tests'")
    plan = plan_with([f"{path}\n            tests: [check]" for path in parts])
    files = {
        "pyproject.toml": PYPROJECT,
        ".gitignore": "__pycache__/\n",
        "conftest.py": conftest,
        "check/test_uses.py": USES,
    }
    result = landed(make_repo(tmp_path / "r", {**files, **parts}, plan=plan))
    assert list(done(result).values()).count("quarantined") == 3
    assert list(done(result).values()).count("edited") == 1


def test_a_record_keeps_the_edit_that_was_taken_back(tmp_path: Path) -> None:
    repo = repo_of(tmp_path / "r", {"tests/test_bad.py": BREAKS, "tests/test_b.py": PASSING})
    result = landed(repo)
    entry = next(e for e in result.entries if e.done is TargetOutcome.QUARANTINED)
    assert entry.patch is not None
    (repo.top / "it.patch").write_bytes(entry.patch.to_bytes())
    repo.git.run("apply", "it.patch")
    assert "xdist_group" in repo.read("tests/test_bad.py")
    assert entry.failure is not None
    assert (entry.failure.gate, entry.failure.tests) == (
        "test", ("tests/test_bad.py::TestBreaks::test_one", "tests/test_bad.py::TestBreaks::test_two"),
    )  # fmt: skip
    (log,) = (repo.top / ".git/orchestrate/logs/first/one").glob("test_bad.py-*.log")
    assert "the collector is out of order" in log.read_text()


def test_fault_92_a_token_of_the_environment_is_kept_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DEPLOY_TOKEN", "hunter2-hunter2")
    text = BREAKS.replace('"the collector is out of order"', 'os.environ["DEPLOY_TOKEN"]').replace(
        "import gc", "import gc\nimport os"
    )
    repo = repo_of(tmp_path / "r", {"tests/test_bad.py": text, "tests/test_b.py": PASSING})
    ended = repo.run("next-batch", "--python", __import__("sys").executable)
    assert ended.code == 1
    assert "[DEPLOY_TOKEN]" in ended.err
    everything = ended.out + ended.err + repo.git.text("log", "-p", "-1")
    for file in (repo.top / ".git/orchestrate").rglob("*"):
        everything += file.read_text() if file.is_file() else ""
    assert "hunter2" not in everything


def test_a_file_that_was_given_up_is_not_tried_again_until_it_changes(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_b.py": BREAKS})
    first = landed(repo)
    assert first.next is not None
    assert first.next.name == "first/two"
    landed(repo)
    repo.write("tests/test_b.py", PASSING)
    repo.commit("the cause is gone")
    again = landed(repo)
    assert [entry.path for entry in again.entries] == ["tests/test_b.py"]
    assert done(again) == {"b": "edited"}
    kept = {entry.path: entry.done for entry in again.record.targets}
    assert kept == {"tests/test_a.py": "edited", "tests/test_b.py": "edited"}
    body = repo.git.text("log", "-1", "--format=%B")
    assert "Changed 1 of 1 file:" in body


def test_all_goes_on_batch_after_batch(repo: SampleRepo) -> None:
    series = repo.next_batches()
    assert (series.ending, series.exit_code) == (Ending.ALL_DONE, Exit.DONE)
    assert [result.place.name for result in series.results] == ["first/one", "first/two"]
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_limit_ends_the_series(repo: SampleRepo) -> None:
    series = repo.next_batches(limit=1)
    assert (series.ending, len(series.results)) == (Ending.LIMIT, 1)


def test_the_line_is_stopped_when_too_many_files_are_taken_out(tmp_path: Path) -> None:
    plan = PLAN.replace("phases:", "verify: {stop_after: 1}\nphases:")
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_b.py": BREAKS}, plan=plan)
    series = repo.next_batches()
    assert (series.ending, len(series.results), series.exit_code) == (Ending.TOO_MANY, 1, Exit.RED)
    assert repo.next_batches().ending is Ending.ALL_DONE


def test_a_series_ends_where_nothing_can_be_judged(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", {**FILES, "conftest.py": "import os\nos._exit(3)\n"})
    head = repo.head
    series = repo.next_batches()
    assert (series.ending, series.exit_code) == (Ending.STOPPED, Exit.CANNOT_JUDGE)
    (result,) = series.results
    assert isinstance(result, Stopped)
    assert result.found.verdicts[-1].kind is GateResult.CANNOT_JUDGE
    assert (repo.head, repo.changes, repo.leftovers) == (head, "", [])


BASE = "class TestBase:\n    def test_b(self): assert True\n"
USER = """\
from tests import test_base as base


class TestUser:
    def test_d(self): assert 'teardown_method' not in vars(base.TestBase)
"""


def test_a_file_whose_edit_breaks_another_ones_test_is_the_one_that_is_taken_out(
    tmp_path: Path,
) -> None:
    files = {"tests/__init__.py": "", "tests/test_base.py": BASE, "tests/test_user.py": USER}
    repo = repo_of(tmp_path / "r", files)
    result = landed(repo)
    assert done(result) == {"base": "quarantined", "user": "edited"}
    status = repo.workspace().status()
    assert [str(t.target.path) for _, t in status.unresolved()] == ["tests/test_base.py"]


LATE_SKIPS = [
    pytest.param(
        "import pytest\n\n\nclass TestA:\n    def test(self):\n        if hasattr(self, 'teardown_method'): pytest.skip('no service')\n",
        "skipped",
        id="skips itself",
    ),
    pytest.param(
        "import pytest\n\n\nclass TestA:\n    @pytest.mark.xfail\n    def test(self): assert not hasattr(self, 'teardown_method')\n",
        "xfailed",
        id="fails as expected now",
    ),
]


@pytest.mark.parametrize(("text", "word"), LATE_SKIPS)
def test_fault_73_a_test_that_skips_or_fails_as_expected_since_the_edit_is_never_green(
    text: str, word: str, tmp_path: Path
) -> None:
    result = landed(repo_of(tmp_path / "r", {"tests/test_a.py": text, "tests/test_b.py": PASSING}))
    assert done(result) == {"a": "quarantined", "b": "edited"}
    assert f"is {word} with the edit and was not before" in str(result.entries[0].reason)


def test_a_configuration_pytest_refuses_blames_nobody(tmp_path: Path) -> None:
    repo = repo_of(
        tmp_path / "r", {"tests/test_a.py": PASSING}, verify="  pytest_args: [--no-such-option]"
    )
    head = repo.head
    result = repo.next_batch(trust=True)
    assert isinstance(result, Stopped)
    assert (result.found.verdicts[-1].kind, list(result.found.verdicts[-1].blames)) == (
        GateResult.CANNOT_JUDGE,
        [],
    )
    assert (repo.head, repo.changes) == (head, "")


def test_a_new_failing_subtest_is_not_hidden_by_an_old_one(tmp_path: Path) -> None:
    text = """\
import unittest


class TestA(unittest.TestCase):
    def test(self):
        for name, right in (("old", False), ("new", "gc.coll" + "ect" not in open(__file__).read())):
            with self.subTest(name):
                assert right
"""
    result = landed(repo_of(tmp_path / "r", {"tests/test_a.py": text, "tests/test_b.py": PASSING}))
    assert done(result) == {"a": "quarantined", "b": "edited"}


def test_ids_that_change_from_run_to_run_block_nothing(tmp_path: Path) -> None:
    text = "import uuid\nimport pytest\n\n\nclass TestA:\n    @pytest.mark.parametrize('x', [str(uuid.uuid4())])\n    def test(self, x): assert 0\n"
    result = landed(repo_of(tmp_path / "r", {"tests/test_a.py": text, "tests/test_b.py": PASSING}))
    assert done(result) == {"a": "edited", "b": "edited"}
    assert len(result.record.gates[-1].flaky) == 1


def test_fault_92_secrets_in_ids_and_paths_of_this_machine_are_in_no_commit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN", "s3cr3t-value-42")
    ids = "import os\nimport pytest\n\n\nclass TestA:\n    @pytest.mark.parametrize('t', [os.environ['API_TOKEN']])\n    def test(self, t): assert 0\n"
    path = "class TestB:\n    def test(self, tmp_path):\n        assert not hasattr(self, 'teardown_method'), f'{tmp_path}/x and {object()}'\n"
    repo = repo_of(tmp_path / "r", {"tests/test_a.py": ids, "tests/test_b.py": path})
    result = landed(repo)
    assert done(result) == {"a": "edited", "b": "quarantined"}
    committed = repo.git.text("log", "-1", "--format=%B") + repo.read("reports/first/one.json")
    assert "s3cr3t" not in committed
    assert "[API_TOKEN]" in committed
    assert str(tmp_path) not in committed
    assert "object at" not in committed
    assert "AssertionError at" in committed


def test_a_test_that_patches_json_for_its_whole_run_does_no_harm(tmp_path: Path) -> None:
    conftest = "import json\nimport pytest\n\n\n@pytest.fixture(autouse=True)\ndef fake(monkeypatch): monkeypatch.setattr(json, 'dumps', lambda *a, **k: 'fake')\n"
    result = landed(
        repo_of(tmp_path / "r", {"tests/conftest.py": conftest, "tests/test_a.py": PASSING})
    )
    assert done(result) == {"a": "edited"}


def test_a_failure_is_shown_again_and_the_file_is_as_it_was(tmp_path: Path) -> None:
    picky = (
        "class TestPicky:\n    def test_bare(self):\n"
        "        assert 'teardown_method' not in vars(type(self))\n"
    )
    repo = make_repo(tmp_path / "repo", {**FILES, "tests/test_a.py": picky})
    assert repo.run("next-batch", "--python", sys.executable).code == 1
    assert "rerun:  orchestrate show tests/test_a.py --run" in repo.run("unresolved").out
    ended = repo.run("show", "tests/test_a.py", "--run", "--trust")
    assert ended.code == 1
    assert "teardown_method" in ended.out
    assert "tests/test_a.py: the command ended with exit code 1; the file is as it was" in ended.out
    assert repo.read("tests/test_a.py") == picky
    assert repo.changes == ""
    assert repo.leftovers == []
    none = repo.run("show", "tests/test_b.py", "--run")
    assert none.code == 2
    assert "no edit of tests/test_b.py was rolled back" in none.err
