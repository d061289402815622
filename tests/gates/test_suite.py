"""The collect and test gates on real pytest processes: judged by the probe, whatever happens."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from forked_popen import ALWAYS_START
from judged import judged
from support import called

from orchestrator.base.outcomes import FailureCause, GateResult
from orchestrator.gates.attribution.before_after import GateRules
from orchestrator.gates.reproduce import Reproduction
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.verify import Verify
from orchestrator.project.interpreter import Interpreter, Wanted, interpreter

GOOD = "def test_one(): pass\n\n\nclass TestA:\n    def test_two(self): pass\n"
HERE = sys.executable
PYTHONS = [HERE, *filter(None, os.environ.get("ORCHESTRATE_TEST_PYTHONS", "").split(os.pathsep))]
"""Interpreters with other versions of pytest, with or without xdist, may be named to be tried."""


@pytest.fixture(params=PYTHONS, ids=lambda path: Path(path).parents[1].name)
def python(request: pytest.FixtureRequest, tmp_path: Path) -> Interpreter:
    return interpreter(tmp_path, Wanted(option=request.param))


def written(top: Path, files: Mapping[str, str]) -> list[str]:
    for path, text in files.items():
        file = top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return [path for path in files if Path(path).name.startswith("test_")]


def verdicts(
    paths: Sequence[str], top: Path, python: Interpreter, rules: GateRules, **verify: Any
) -> list[Verdict]:
    return called(judged, paths, top, python, rules, verify).verdicts


def gates(
    top: Path, python: Interpreter, files: Mapping[str, str], **verify: object
) -> tuple[Verdict, Verdict]:
    """The verdicts of one run that is compared with nothing; of collection twice if it is red."""
    paths = written(top, files)
    found = verdicts(paths, top, python, GateRules(baseline=False), **verify)
    return found[0], found[-1]


def test_one_process_gives_both_verdicts(tmp_path: Path, python: Interpreter) -> None:
    collect, test = gates(tmp_path, python, {"tests/test_a.py": GOOD})
    assert (collect.kind, collect.count) == (GateResult.PASSED, 2)
    assert (test.kind, test.count) == (GateResult.PASSED, 2)
    assert not list(tmp_path.rglob(".pytest_cache"))


def test_a_green_call_with_a_failed_teardown_is_a_failure(
    tmp_path: Path, python: Interpreter
) -> None:
    text = "class TestA:\n    def teardown_method(self): raise OSError('late')\n    def test(self): pass\n"
    _, test = gates(tmp_path, python, {"test_a.py": text})
    assert test.kind is GateResult.RED
    (blame,) = test.blames
    assert (blame.path, blame.test_id) == ("test_a.py", "test_a.py::TestA::test")
    assert "fails in teardown" in blame.what
    assert "late" in blame.text


def test_a_failed_setup_is_a_failure(tmp_path: Path, python: Interpreter) -> None:
    text = "class TestA:\n    def setup_method(self): raise OSError('early')\n    def test(self): pass\n"
    _, test = gates(tmp_path, python, {"test_a.py": text})
    assert [blame.test_id for blame in test.blames] == ["test_a.py::TestA::test"]


def test_one_file_that_cannot_be_collected_does_not_hide_the_others(
    tmp_path: Path, python: Interpreter
) -> None:
    files = {"test_a.py": GOOD, "test_b.py": "import nowhere\n", "test_c.py": GOOD}
    (collect,) = verdicts(written(tmp_path, files), tmp_path, python, GateRules(baseline=False))
    assert collect.kind is GateResult.RED
    assert [blame.path for blame in collect.blames] == ["test_b.py"]
    assert "nowhere" in collect.blames[0].text
    assert collect.count == 4


HOSTILE = [
    "-x --maxfail=1", "--collect-only -q", "-v --tb=no -q", "-p no:terminal", "--lf --ff",
    "tests/other", "--junitxml=out.xml", "--setup-only", "--stepwise", "--pdb", "-s --capture=no",
    "-p no:cacheprovider", "--import-mode=importlib", "--strict-markers --strict-config",
]  # fmt: skip


@pytest.mark.parametrize("addopts", [pytest.param(a, id=f"fault-85 {a}") for a in HOSTILE])
def test_hostile_addopts_hide_nothing(addopts: str, tmp_path: Path, python: Interpreter) -> None:
    red = "def test_bad_one(): assert 0\ndef test_bad_two(): assert 0\ndef test_good(): pass\n"
    files = {
        "pytest.ini": f"[pytest]\naddopts = {addopts}\n",
        "tests/other/test_other.py": GOOD,
        "test_a.py": red,
    }
    written(tmp_path, files)
    collect, test = verdicts(["test_a.py"], tmp_path, python, GateRules(baseline=False))
    assert (collect.kind, collect.count) == (GateResult.PASSED, 3)
    assert [blame.test_id for blame in test.blames] == [
        "test_a.py::test_bad_one",
        "test_a.py::test_bad_two",
    ]
    assert not (tmp_path / "out.xml").exists()


def test_fault_86_the_callers_pytest_addopts_is_ignored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: Interpreter
) -> None:
    monkeypatch.setenv("PYTEST_ADDOPTS", "--no-such-option -k nothing")
    collect, test = gates(tmp_path, python, {"test_a.py": GOOD})
    assert (collect.count, test.kind) == (2, GateResult.PASSED)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        pytest.param("import os\ndef test(): os._exit(0)\n", "with exit code 0", id="fault-79 os._exit(0)"),
        pytest.param("import os\ndef test(): os.kill(os.getpid(), 11)\n", "died of SIGSEGV", id="fault-78 segfault"),
        pytest.param("import pytest\ndef test(): pytest.exit('x', returncode=0)\ndef test_2(): pass\n", "with exit code 0", id="fault-80 pytest.exit(0)"),
        pytest.param("import os\nos._exit(3)\n", "with exit code 3", id="dies while being collected"),
    ],
)  # fmt: skip
def test_a_run_that_does_not_finish_cannot_be_judged(
    text: str, why: str, tmp_path: Path, python: Interpreter
) -> None:
    collect, test = gates(tmp_path, python, {"test_a.py": text})
    last = test if collect.passed else collect
    assert last.kind is GateResult.CANNOT_JUDGE
    assert [(blame.path, blame.fault) for blame in last.blames] == [
        ("test_a.py", FailureCause.CANNOT_JUDGE)
    ]
    assert why in last.blames[0].what


def test_fault_77_a_hang_is_named_by_the_test_that_runs(
    tmp_path: Path, python: Interpreter
) -> None:
    text = "import time\ndef test_fine(): pass\ndef test_hangs(): time.sleep(100)\n"
    _, test = gates(tmp_path, python, {"test_a.py": text}, test_timeout_s=10)
    assert test.kind is GateResult.RED
    assert test.blames[0].test_id == "test_a.py::test_hangs"
    assert "no sign of life for 10 s" in test.blames[0].what


def test_fault_71_no_test_at_all_is_red(tmp_path: Path, python: Interpreter) -> None:
    collect, _ = gates(tmp_path, python, {"test_a.py": "x = 1\n"})
    assert collect.kind is GateResult.RED
    assert "no test" in collect.blames[0].what


def test_a_file_whose_tests_are_all_deselected_is_named(
    tmp_path: Path, python: Interpreter
) -> None:
    slow = "import pytest\npytestmark = pytest.mark.slow\ndef test(): pass\n"
    ini = "[pytest]\nmarkers = slow\naddopts = -m 'not slow'\n"
    files = {"pytest.ini": ini, "test_a.py": GOOD, "test_b.py": slow}
    collect, _ = gates(tmp_path, python, files)
    assert collect.passed
    assert collect.notes == ["test_b.py: every test deselected"]


def test_fault_83_a_flood_of_output_is_bounded(tmp_path: Path, python: Interpreter) -> None:
    text = "def test():\n    for _ in range(20): print('x' * 1_000_000)\n"
    _, test = gates(tmp_path, python, {"test_a.py": text}, pytest_args=["-s"])
    assert test.kind is GateResult.PASSED


@pytest.mark.parametrize("known", ["test_a.py", "test_a.py::test_bad", "test_a.py::test_bad[x@y]"])
def test_known_failures_are_not_held_against_a_file(
    known: str, tmp_path: Path, python: Interpreter
) -> None:
    text = "import pytest\n@pytest.mark.parametrize('p', ['x@y'])\ndef test_bad(p): assert 0\n"
    _, test = gates(tmp_path, python, {"test_a.py": text}, known_failures=[known])
    assert test.kind is GateResult.PASSED
    assert test.known == ["test_a.py::test_bad[x@y]"]


def test_a_known_failure_that_passes_is_told(tmp_path: Path, python: Interpreter) -> None:
    _, test = gates(tmp_path, python, {"test_a.py": GOOD}, known_failures=["test_a.py::test_one"])
    assert test.kind is GateResult.PASSED
    assert test.notes == ["listed as a known failure, and passes: test_a.py::test_one"]


def test_skips_and_expected_failures_are_green(tmp_path: Path, python: Interpreter) -> None:
    text = "import pytest\n@pytest.mark.xfail\ndef test_x(): assert 0\n@pytest.mark.skip\ndef test_s(): pass\n"
    _, test = gates(tmp_path, python, {"test_a.py": text})
    assert (test.kind, test.count) == (GateResult.PASSED, 0)
    assert (test.skipped, test.xfailed) == (1, 1)


def test_ids_are_written_from_the_top_though_pytest_has_its_root_below(
    tmp_path: Path, python: Interpreter
) -> None:
    files = {
        "service/pytest.ini": "[pytest]\n",
        "service/tests/test_a.py": "def test(): assert 0\n",
    }
    _, test = gates(tmp_path, python, files)
    assert test.blames[0].test_id == "service/tests/test_a.py::test"


SEES_COLLECTOR = "import gc\ndef test(): assert gc.get_freeze_count() < 1000\n"


def test_what_is_red_only_with_a_frozen_collector_is_judged_again(
    tmp_path: Path, python: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALWAYS_START, "1")  # in a fork more is frozen
    _, test = gates(tmp_path, python, {"test_a.py": SEES_COLLECTOR, "test_b.py": GOOD})
    assert (test.kind, test.count) == (GateResult.PASSED, 3)
    assert test.notes == ["red in a first run with freeze_gc, green without: test_a.py::test"]


def test_a_file_that_spoils_another_stays_red(tmp_path: Path, python: Interpreter) -> None:
    """Alone the second file is green: the judgement without freezing keeps the files together."""
    files = {
        "test_a.py": "import os\ndef test(): os.environ['SPOILT'] = '1'\n",
        "test_b.py": "import os\ndef test(): assert 'SPOILT' not in os.environ\n",
    }
    _, test = gates(tmp_path, python, files)
    assert [blame.test_id for blame in test.blames] == ["test_b.py::test"]


def test_files_outside_pytests_root_cannot_be_judged(tmp_path: Path, python: Interpreter) -> None:
    files = {
        "tests/pytest.ini": "[pytest]\n",
        "tests/test_a.py": GOOD,
        "other/test_b.py": "def test_b(): assert 0\n",
    }
    collect, test = gates(tmp_path, python, files)
    if collect.passed:  # this pytest names them as they are
        assert [blame.test_id for blame in test.blames] == ["other/test_b.py::test_b"]
    else:
        assert collect.kind is GateResult.CANNOT_JUDGE
        assert "--rootdir=." in collect.why
    rooted = gates(tmp_path, python, files, pytest_args=["--rootdir=."])
    assert [blame.test_id for blame in rooted[1].blames] == ["other/test_b.py::test_b"]


def test_a_known_failure_may_be_a_file_that_cannot_be_collected(
    tmp_path: Path, python: Interpreter
) -> None:
    files = {"test_a.py": "import nowhere\n", "test_b.py": GOOD}
    collect, test = gates(tmp_path, python, files, known_failures=["test_a.py"])
    assert (collect.kind, collect.known) == (GateResult.PASSED, ["test_a.py"])
    assert (test.kind, test.notes) == (GateResult.PASSED, [])


def test_a_known_failure_that_is_skipped_is_not_said_to_pass(
    tmp_path: Path, python: Interpreter
) -> None:
    text = "import pytest\n@pytest.mark.skip\ndef test_x(): pass\ndef test_y(): pass\n"
    _, test = gates(tmp_path, python, {"test_a.py": text}, known_failures=["test_a.py::test_x"])
    assert test.notes == []


def test_fault_77_a_hang_in_a_worker_is_named(tmp_path: Path, python: Interpreter) -> None:
    if not python.has_xdist:
        pytest.skip("needs pytest-xdist")
    files = {"test_a.py": "import time\ndef test_hangs(): time.sleep(100)\n", "test_b.py": GOOD}
    _, test = gates(tmp_path, python, files, workers=2, test_timeout_s=10)
    assert (test.kind, [b.test_id for b in test.blames]) == (
        GateResult.RED,
        ["test_a.py::test_hangs"],
    )


def test_fault_71_a_batch_that_is_skipped_as_a_whole_is_red(
    tmp_path: Path, python: Interpreter
) -> None:
    collect, _ = gates(
        tmp_path, python, {"test_a.py": "import pytest\npytest.importorskip('nope')\n"}
    )
    assert collect.kind is GateResult.RED


def test_the_command_to_reproduce_has_the_plans_arguments(
    tmp_path: Path, python: Interpreter
) -> None:
    _, test = gates(tmp_path, python, {"test_a.py": "def test(): assert 0\n"}, pytest_args=["-s"])
    (blame,) = test.blames
    again = Reproduction(lambda _: Verify(pytest_args=["-s"]), "python3")
    words = again.words(test.gate, blame.path, [str(blame.test_id)])
    assert words == ["python3", "-m", "pytest", "-s", "test_a.py::test"]


def test_freezing_is_on_by_default_and_can_be_switched_off(
    tmp_path: Path, python: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ALWAYS_START, "1")  # in a fork more is frozen
    text = "import gc\ndef test(): assert gc.get_freeze_count() > 1000\n"
    _, frozen = gates(tmp_path, python, {"test_a.py": text})
    _, loose = gates(tmp_path, python, {"test_a.py": text}, freeze_gc=False)
    assert (frozen.kind, frozen.notes, loose.kind) == (GateResult.PASSED, [], GateResult.RED)


def test_garbage_of_a_test_is_still_collected_while_imports_are_frozen(
    tmp_path: Path, python: Interpreter
) -> None:
    text = (
        "import gc, weakref\n"
        "class Cycle:\n    def __init__(self): self.me = self\n"
        "SEEN = []\n"
        "class TestA:\n"
        "    def teardown_method(self): gc.collect()\n"
        "    def test_makes_a_cycle(self): SEEN.append(weakref.ref(Cycle()))\n"
        "    def test_it_is_gone(self): assert SEEN[0]() is None\n"
    )
    _, test = gates(tmp_path, python, {"test_a.py": text, "test_b.py": GOOD})
    assert (test.kind, test.notes) == (GateResult.PASSED, [])


GROUPED = (
    "import pytest\n@pytest.mark.xdist_group('a_group')\nclass TestA:\n"
    "    @pytest.mark.parametrize('p', ['x@y', 'z'])\n    def test(self, p): assert p == 'z'\n"
)


def test_ids_under_loadgroup_are_told_without_the_group(
    tmp_path: Path, python: Interpreter
) -> None:
    _, test = gates(tmp_path, python, {"test_a.py": GROUPED, "test_b.py": GOOD}, workers=2)
    if not python.has_xdist:
        assert test.kind is GateResult.CANNOT_JUDGE
        assert "no pytest-xdist" in test.why
        return
    assert [blame.test_id for blame in test.blames] == ["test_a.py::TestA::test[x@y]"]
    assert test.count == 4


def test_fault_81_a_lost_worker_is_asked_again_in_one_process(
    tmp_path: Path, python: Interpreter
) -> None:
    if not python.has_xdist:
        pytest.skip("needs pytest-xdist")
    text = "import os\ndef test(): os._exit(1)\n"
    _, test = gates(tmp_path, python, {"test_a.py": text, "test_b.py": GOOD}, workers=2)
    assert test.kind is GateResult.CANNOT_JUDGE
    assert [(blame.test_id, blame.fault) for blame in test.blames] == [
        ("test_a.py::test", FailureCause.CANNOT_JUDGE)
    ]


def test_fault_81_a_worker_that_is_only_lost_beside_others_costs_nothing(
    tmp_path: Path, python: Interpreter
) -> None:
    if not python.has_xdist:
        pytest.skip("needs pytest-xdist")
    text = "import os\ndef test():\n    if 'PYTEST_XDIST_WORKER' in os.environ: os._exit(1)\n"
    _, test = gates(tmp_path, python, {"test_a.py": text, "test_b.py": GOOD}, workers=2)
    assert (test.kind, test.count) == (GateResult.PASSED, 3)


def test_xdist_in_addopts_is_undone_for_a_gate_in_one_process(
    tmp_path: Path, python: Interpreter
) -> None:
    if not python.has_xdist:
        pytest.skip("needs pytest-xdist")
    text = "import os\ndef test(): assert 'PYTEST_XDIST_WORKER' not in os.environ\n"
    files = {"pytest.ini": "[pytest]\naddopts = -n 2 --dist loadfile\n", "test_a.py": text}
    collect, test = gates(tmp_path, python, files)
    assert (collect.count, test.kind) == (1, GateResult.PASSED)


def test_collection_alone_runs_no_test(tmp_path: Path, python: Interpreter) -> None:
    paths = written(tmp_path, {"test_a.py": "def test(): open('ran', 'w')\n"})
    (verdict,) = verdicts(paths, tmp_path, python, GateRules(tests=False))
    assert (verdict.kind, verdict.count) == (GateResult.PASSED, 1)
    assert not (tmp_path / "ran").exists()


def test_the_command_to_reproduce_a_failure_fails_in_the_same_way(
    tmp_path: Path, python: Interpreter
) -> None:
    text = "import pytest\n@pytest.mark.parametrize('p', ['a b', \"c'd\"])\ndef test(p): assert 0\n"
    _, test = gates(tmp_path, python, {"test_a.py": text})
    for blame in test.blames:
        again = Reproduction(lambda _: Verify(), str(python.path))
        words = again.words(test.gate, blame.path, [str(blame.test_id)])
        assert words is not None
        command = [*words, "-p", "no:cacheprovider"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert "1 failed" in ended.stdout


def test_fault_89_a_stale_pyc_of_the_same_size_is_not_taken_for_the_new_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, python: Interpreter
) -> None:
    from orchestrator.base import files
    from orchestrator.base.paths import RepoPath

    monkeypatch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
    good, bad = "def test(): assert 1\n", "def test(): assert 0\n"
    _, first = gates(tmp_path, python, {"test_a.py": good})
    before = (tmp_path / "test_a.py").stat()
    files.replace(tmp_path, RepoPath("test_a.py"), bad.encode(), expected=good.encode())
    assert int((tmp_path / "test_a.py").stat().st_mtime) != int(before.st_mtime)
    _, second = verdicts(["test_a.py"], tmp_path, python, GateRules(baseline=False))
    assert (first.kind, second.kind) == (GateResult.PASSED, GateResult.RED)


@pytest.mark.parametrize(
    ("text", "loaded"),
    [
        (GOOD, "False"),
        (
            "from hypothesis import given, strategies as st\n@given(st.integers())\ndef test(x): pass\n",
            "True",
        ),
    ],
)
def test_all_of_hypothesis_is_loaded_by_tests_that_use_it_only(
    text: str, loaded: str, tmp_path: Path
) -> None:
    here = interpreter(tmp_path, Wanted(option=str(Path(sys.prefix, "bin", "python"))))
    conftest = "import sys\ndef pytest_unconfigure(): print(file=open('told', 'w'), end=str('hypothesis' in sys.modules))\n"
    _, test = gates(tmp_path, here, {"conftest.py": conftest, "test_a.py": text})
    assert test.kind is GateResult.PASSED
    assert (tmp_path / "told").read_text() == loaded
