"""What settings and plugins make of a run: everything is run once and told, whatever they say."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import judged as judged_
import pytest
from judged import Judged
from support import called
from test_suite import GOOD, written

from orchestrator.base.outcomes import FailureCause, GateResult
from orchestrator.gates.attribution.before_after import GateRules, IdPolicy
from orchestrator.gates.attribution.suite import Suite
from orchestrator.gates.pytest.run import STAYED
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.verify import Flaky, Verify
from orchestrator.project.interpreter import Interpreter, Wanted, interpreter


@pytest.fixture
def python(tmp_path: Path) -> Interpreter:
    return interpreter(tmp_path, Wanted(option=sys.executable))


def judged(
    top: Path,
    python: Interpreter,
    files: dict[str, str],
    rules: GateRules | None = None,
    **verify: Any,
) -> tuple[list[Verdict], Judged, Sequence[str]]:
    """The verdicts on the test files, with the runs behind them, and what was said meanwhile."""
    found = called(judged_.judged, written(top, files), top, python, rules or GateRules(), verify)
    return found.verdicts, found, found.said


RETRIES = """\
import pytest
from _pytest.runner import runtestprotocol


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_protocol(item, nextitem):
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    for attempt in range({tries}):
        for report in runtestprotocol(item, nextitem=nextitem, log=False):
            if report.failed and attempt < {tries} - 1:
                report.outcome = {outcome!r}
                item.ihook.pytest_runtest_logreport(report=report)
                break
            item.ihook.pytest_runtest_logreport(report=report)
        else:
            break
        item._initrequest()
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    return True
"""
"""As pytest-rerunfailures and pytest-retry do it: each try is reported, failed ones renamed."""
RED = "def test_red(): assert [] == [1]\n"
SECOND = "TRIES = []\n\n\ndef test_second():\n    TRIES.append(1)\n    assert len(TRIES) > 1\n"
IN_SETUP = "import pytest\nTRIES = []\n\n\n@pytest.fixture\ndef dear():\n    TRIES.append(1)\n    assert len(TRIES) > 1\n\n\ndef test_second(dear): pass\n"


@pytest.mark.parametrize("outcome", ["rerun", "retried"])
def test_a_test_that_a_plugin_runs_again_and_is_red_at_last_is_red(
    outcome: str, tmp_path: Path, python: Interpreter
) -> None:
    conftest = RETRIES.format(tries=3, outcome=outcome)
    (_, test), _, said = judged(tmp_path, python, {"conftest.py": conftest, "test_a.py": RED})
    assert (test.kind, test.count) == (GateResult.PASSED, 1)
    assert test.failed_before == ["test_a.py::test_red"]
    assert (
        "1 test did not simply pass (1 failed): the same without the edit? They are run again"
        in said
    )


@pytest.mark.parametrize("text", [SECOND, IN_SETUP], ids=["in the call", "in a fixture"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_test_that_passes_on_a_later_try_is_flaky(
    workers: int, text: str, tmp_path: Path, python: Interpreter
) -> None:
    files = {"conftest.py": RETRIES.format(tries=3, outcome="rerun"), "test_a.py": text}
    (_, test), suite, _ = judged(tmp_path, python, files, workers=workers)
    assert (test.kind, test.flaky) == (GateResult.PASSED, ["test_a.py::test_second"])
    assert suite.runs[0].run.done == 1
    assert len(suite.runs) == 1
    failing, _, _ = judged(tmp_path, python, files, workers=workers, flaky=Flaky.FAIL)
    assert [blame.fault for blame in failing[1].blames] == [FailureCause.FLAKY]


def test_an_outcome_of_a_plugin_that_is_the_last_one_is_no_pass(
    tmp_path: Path, python: Interpreter
) -> None:
    conftest = "import pytest\n\n\n@pytest.hookimpl(hookwrapper=True, tryfirst=True)\ndef pytest_runtest_makereport(call):\n    report = (yield).get_result()\n    if call.when == 'call':\n        report.outcome = 'known bug'\n"
    (_, test), suite, _ = judged(tmp_path, python, {"conftest.py": conftest, "test_a.py": RED})
    assert suite.runs[0].run.outcome_of("test_a.py::test_red") == ("call: known bug",)
    assert test.kind is GateResult.PASSED  # as it was before


TO_THE_END = ["-x", "--maxfail=1", "--maxfail=2", "--stepwise", "--lf", "--ff --nf"]


@pytest.mark.parametrize("addopts", TO_THE_END)
@pytest.mark.parametrize("workers", [0, 2])
def test_what_ends_a_run_early_ends_none(
    addopts: str, workers: int, tmp_path: Path, python: Interpreter
) -> None:
    text = "class TestA:\n    def test_red(self): assert [] == [1]\n    def test_a(self): pass\n    def test_b(self): pass\n"
    files = {"pytest.ini": f"[pytest]\naddopts = {addopts}\n", "test_a.py": text, "test_b.py": text}
    (_, test), _, _ = judged(tmp_path, python, files, workers=workers)
    assert (test.kind, test.count, len(test.failed_before)) == (GateResult.PASSED, 6, 2)


def test_options_of_plugins_that_leave_tests_out_are_switched_off(
    tmp_path: Path, python: Interpreter
) -> None:
    conftest = "def pytest_addoption(parser):\n    parser.addoption('--testmon', action='store_true')\n    parser.addoption('--picked', nargs='?', const='unstaged')\n\n\ndef pytest_collection_modifyitems(config, items):\n    if config.option.testmon or config.option.picked:\n        items.clear()\n"
    files = {
        "pytest.ini": "[pytest]\naddopts = --testmon --picked\n",
        "conftest.py": conftest,
        "test_a.py": GOOD,
    }
    (_, test), _, _ = judged(tmp_path, python, files)
    assert (test.kind, test.count) == (GateResult.PASSED, 2)


@pytest.mark.parametrize("ini", ["", "session_timeout = 1\n", "addopts = --session-timeout=1\n"])
@pytest.mark.parametrize("workers", [0, 2])
def test_a_session_that_was_to_end_by_the_clock_goes_on(
    ini: str, workers: int, tmp_path: Path, python: Interpreter
) -> None:
    """As pytest-timeout 2.4 does it: 0 seconds are no time at all, and the ini counts without it."""
    conftest = """\
import time

import pytest


def pytest_addoption(parser):
    parser.addoption("--session-timeout", type=float)
    parser.addini("session_timeout", "in seconds")


def pytest_configure(config):
    limit = config.getoption("session_timeout")
    if limit is None and config.getini("session_timeout"):
        limit = float(config.getini("session_timeout"))
    config.began = None if limit is None else time.time() + limit - 1.5


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    yield
    if item.config.began and item.config.began < time.time():
        item.session.shouldfail = "session-timeout"
"""
    files = {"pytest.ini": f"[pytest]\n{ini}", "conftest.py": conftest, "test_a.py": GOOD}
    (_, test), _, _ = judged(tmp_path, python, files, workers=workers)
    assert (test.kind, test.count) == (GateResult.PASSED, 2)


@pytest.mark.parametrize("workers", [0, 2])
def test_a_run_that_does_not_exit_is_ended_and_told(
    workers: int, tmp_path: Path, python: Interpreter
) -> None:
    text = "import threading, time\n\n\ndef test_a():\n    threading.Thread(target=time.sleep, args=(600,)).start()\n"
    began_s = time.monotonic()
    (_, test), suite, said = judged(tmp_path, python, {"test_a.py": text}, workers=workers)
    assert time.monotonic() - began_s < 120
    assert (test.kind, test.count) == (GateResult.PASSED, 1)
    if not workers:  # xdist ends its workers itself
        assert suite.runs[0].process.stopped == STAYED
        assert said == [f"pytest was ended: {STAYED} (a thread that lives on, for example)"]


def test_a_run_that_still_works_after_its_tests_is_waited_for(
    tmp_path: Path, python: Interpreter
) -> None:
    conftest = "import time\n\n\ndef pytest_unconfigure():\n    until = time.process_time() + 8\n    while time.process_time() < until: pass\n    open('report.txt', 'w').close()\n"
    (_, test), suite, said = judged(tmp_path, python, {"conftest.py": conftest, "test_a.py": GOOD})
    assert (test.kind, suite.runs[0].process.stopped, said) == (GateResult.PASSED, None, [])
    assert (tmp_path / "report.txt").exists()


@pytest.mark.parametrize("workers", [0, 2])
def test_a_path_with_a_bracket_is_run_by_its_folder(
    workers: int, tmp_path: Path, python: Interpreter
) -> None:
    files = {
        "shop/test_all.py": GOOD,
        "shop[eu]/test_eu.py": "def test_eu(): pass\n",
        "shop[eu]/deep/test_x[1].py": "def test_x(): pass\n",
        "shop[eu]/helper.py": "",
    }
    written(tmp_path, {"other/test_not_asked.py": RED, "shop[eu]/deep/test_not_asked.py": RED})
    (_, test), suite, _ = judged(tmp_path, python, files, workers=workers)
    assert (test.kind, test.count) == (GateResult.PASSED, 4)
    assert suite.runs[0].run.ids[-1].startswith("shop")
    assert dict(test.ran) == {
        "shop/test_all.py": 2, "shop[eu]/test_eu.py": 1, "shop[eu]/deep/test_x[1].py": 1,
    }  # fmt: skip


def test_a_file_beside_its_folder_is_run_once(tmp_path: Path, python: Interpreter) -> None:
    suite = Suite(tmp_path, python, Verify(), tests_of=lambda path: [path])
    assert suite.files(["tests", "tests/test_a.py", "tests/deep", "test_b.py"]) == [
        "tests",
        "test_b.py",
    ]


COUNTED = """\
import pytest
def test_a(): pass
def test_b(): pass
@pytest.mark.skip
def test_c(): pass
@pytest.mark.xfail
def test_d(): assert 0
def test_e(): assert 0
"""


def test_each_test_is_counted_for_what_it_did(tmp_path: Path, python: Interpreter) -> None:
    (collect, test), _, said = judged(tmp_path, python, {"test_a.py": COUNTED})
    assert collect.count == 5
    assert (test.count, test.skipped, test.xfailed) == (3, 1, 1)
    assert test.failed_before == ["test_a.py::test_e"]
    assert dict(test.ran) == {"test_a.py": 4}
    assert "2 tests did not simply pass (1 expected to fail, 1 failed): the same without" in said[0]


def test_what_cannot_change_which_tests_are_chosen_is_not_run_again_for_them(
    tmp_path: Path, python: Interpreter
) -> None:
    files = {"test_a.py": GOOD}
    verify = {"pytest_args": ["--deselect", "test_a.py::test_one"]}
    (_, test), suite, said = judged(
        tmp_path, python, files, GateRules(ids=IdPolicy.UNAFFECTED), **verify
    )
    assert (test.kind, len(suite.runs), said) == (GateResult.PASSED, 1, [])
    (_, test), suite, said = judged(
        tmp_path, python, files, GateRules(ids=IdPolicy.NONE_LOST), **verify
    )
    assert (test.kind, len(suite.runs), said) == (
        GateResult.PASSED,
        2,
        [],
    )  # ids before, and the run
    (_, test), suite, said = judged(
        tmp_path, python, files, GateRules(ids=IdPolicy.TRUSTED), **verify
    )
    assert said[0].startswith("1 test did not simply pass (1 deselected)")
