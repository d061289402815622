"""What a phase or a batch verifies otherwise than the rest of the plan."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support import BREAKS, FILES, PLAN, SampleRepo, make_repo

from orchestrator.engine.context.workspace import open_workspace
from orchestrator.plan.model import Plan
from orchestrator.plan.verify import Flaky, Untested

PYTHON = ("--python", sys.executable)
OF_THE_PLAN = "verify: {gates: [compile, collect, test]}\n"


def plan(*, phase: str = "", batch: str = "", whole: str = OF_THE_PLAN) -> str:
    """The sample plan, in which the phase or the batch `one` has a `verify:` of its own."""
    text = PLAN.replace("phases:\n", f"{whole}phases:\n")
    if phase:
        text = text.replace("    batches:\n", f"    verify: {phase}\n    batches:\n")
    if batch:
        title = "        title: Batch one\n"
        text = text.replace(title, f"{title}        verify: {batch}\n")
    return text


def repo_with(tmp_path: Path, text: str, **files: str) -> SampleRepo:
    return make_repo(tmp_path / "repo", {**FILES, **files}, plan=text)


def gates(repo: SampleRepo, batch: str) -> list[str]:
    record: Any = json.loads(repo.read(f"reports/first/{batch}.json"))
    return [gate["gate"] for gate in record["gates"]]


@pytest.mark.parametrize("way", [[], ["--isolated"], ["--jobs", "2"]], ids=str)
def test_a_batch_is_judged_by_its_own_gates_and_the_next_by_those_of_the_plan(
    tmp_path: Path, way: list[str]
) -> None:
    repo = repo_with(tmp_path, plan(batch="{gates: [compile]}"))
    ended = repo.run("next-batch", "--all", *way, *PYTHON)
    assert ended.code == 0, ended.err
    assert gates(repo, "one") == ["compile"]
    assert gates(repo, "two") == ["compile", "collect", "test"]


def test_a_batch_comes_before_its_phase_and_what_neither_says_is_of_the_plan(
    tmp_path: Path,
) -> None:
    text = plan(
        whole="verify: {flaky: fail, timeout_s: 7, workers: 2}\n",
        phase="{timeout_s: 8, untested: refuse}",
        batch="{untested: land, workers: 0}",
    )
    made: Plan = open_workspace(repo_with(tmp_path, text).top / "migration_plan.yaml").plan
    one, two = [made.verify_for(place) for place in made.places()]
    assert (one.flaky, one.timeout_s, one.workers, one.untested) == (
        Flaky.FAIL, 8, 0, Untested.LAND,
    )  # fmt: skip
    assert (two.workers, two.untested) == (2, Untested.REFUSE)


def test_a_plan_that_is_remembered_is_the_one_that_was_read(tmp_path: Path) -> None:
    repo = repo_with(tmp_path, plan(phase="{gates: [compile]}", batch="{writes: [a.txt]}"))
    first, second = (open_workspace(repo.top / "migration_plan.yaml").plan for _ in range(2))
    assert first == second
    one, two = [second.verify_for(place) for place in second.places()]
    assert (one.gates, one.writes, two.writes) == (["compile"], ["a.txt"], [])


def test_a_phase_may_put_the_whole_batch_back_where_one_file_fails(tmp_path: Path) -> None:
    text = plan(phase="{on_failure: stop}")
    repo = repo_with(tmp_path, text, **{"tests/test_b.py": BREAKS})
    ended = repo.run("next-batch", *PYTHON)
    assert ended.code == 1, ended.err
    assert repo.changes == ""


def test_the_tests_of_one_batch_may_write_to_a_file(tmp_path: Path) -> None:
    writes = "def test_writes():\n    open('kept.txt', 'a').write('more')\n"
    files = {"kept.txt": "", "tests/test_a.py": FILES["tests/test_a.py"] + "\n\n" + writes}
    repo = repo_with(tmp_path, plan(batch="{writes: [kept.txt]}"), **files)
    ended = repo.run("next-batch", *PYTHON)
    assert ended.code == 0, ended.err
    assert repo.read("kept.txt") == ""


@pytest.mark.parametrize(
    ("override", "asked"),
    [
        ("{pytest_args: [-p, no:doctest]}", "pytest arguments: -p no:doctest"),
        ("{commands: [{name: lint, run: 'true {files}'}]}", "lint: true {files}"),
    ],
)
def test_what_a_batch_would_run_is_asked_for(tmp_path: Path, override: str, asked: str) -> None:
    repo = repo_with(tmp_path, plan(batch=override))
    ended = repo.run("next-batch", *PYTHON)
    assert ended.code == 3
    assert asked in ended.err
    assert repo.run("next-batch", "--trust", "--all", *PYTHON).code == 0


def test_a_failure_is_shown_again_with_the_arguments_of_its_batch(tmp_path: Path) -> None:
    files = {"tests/test_a.py": BREAKS}
    repo = repo_with(tmp_path, plan(batch="{pytest_args: [-p, no:doctest]}"), **files)
    ended = repo.run("next-batch", "--trust", *PYTHON)
    assert "-m pytest -p no:doctest tests/test_a.py::" in ended.err


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("{gate: [compile]}", "13:18: unknown key 'gate'; did you mean 'gates'?"),
        ("{python: /usr/bin/python3}", "unknown key 'python'"),
        ("{stop_after: 3}", "unknown key 'stop_after'"),
        ("{gates: [complie]}", "no gate is called 'complie'"),
        ("{gates: []}", "without gates and commands nothing would be verified"),
        ("{tests: {src/a.py: [tests/nowhere.py]}}", "there is no file or folder"),
        ("{tests: {src/a.py: [-x]}}", "'-x' is an option of pytest"),
        ("{commands: [{name: test, run: x}]}", "'test' is already the name of a gate"),
        ("{timeout_s: 0}", "'timeout_s': input should be greater than 0"),
    ],
)
def test_what_is_wrong_in_an_override_is_told_with_its_place(
    tmp_path: Path, override: str, told: str
) -> None:
    repo = repo_with(tmp_path, plan(batch=override))
    ended = repo.run("validate")
    assert ended.code == 2
    assert told in ended.err
    assert ended.err.count("migration_plan.yaml:") == 1
