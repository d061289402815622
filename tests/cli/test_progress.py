"""What is printed while a run goes on, where no bar can be shown."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import SampleRepo, fixer_plan, make_repo

from orchestrator.console import progress
from orchestrator.console.progress import LiveProgress
from orchestrator.engine.context.events import StepBegun, TestsRan


def test_a_run_says_what_pytest_is_about_to_run(repo: SampleRepo) -> None:
    ended = repo.run("next-batch", "--python", sys.executable)
    lines = [line.strip() for line in ended.err.splitlines()]
    assert "runs pytest on 'tests/test_a.py', 'tests/test_b.py'" in lines
    assert lines.index("runs pytest on 'tests/test_a.py', 'tests/test_b.py'") < next(
        number for number, line in enumerate(lines) if line.startswith("collect ")
    )


def test_a_run_says_which_program_fixes_and_which_judges(tmp_path: Path) -> None:
    plan = fixer_plan(
        ["a.py", "b.py"], fixer="fixer: command\noptions: {run: 'sed -i s/1/2/ {files}'}",
        verify="gates: []\ncommands: [{name: lint, run: 'true {files}'}]",
    )  # fmt: skip
    repo = make_repo(tmp_path / "repo", {"a.py": "x = 1\n", "b.py": "x = 1\n"}, plan=plan)
    ended = repo.run("next-batch", "--trust")
    assert "runs command on 2 files" in ended.err
    assert "runs true {files}" in ended.err


@pytest.mark.parametrize("every_s", [0.0, 1e9])
def test_how_far_the_tests_are_is_said_now_and_then(
    every_s: float, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_SAID_EVERY_S", every_s)
    with LiveProgress() as live:
        live.tell(StepBegun("collect"))
        live.tell(TestsRan(0, None, "tests/test_slow.py"))
        live.tell(TestsRan(120, 1310, "tests/test_a.py::test_y"))
    told = [line.strip() for line in capsys.readouterr().err.splitlines()]
    said = [
        "collecting, at tests/test_slow.py",
        "120 of 1,310 tests, at tests/test_a.py::test_y",
    ]
    assert told == ([] if every_s else said)
