"""Where PATH holds no Python, or one without pytest, an error says how to name another."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from support import FILES, SampleRepo, fixer_plan, make_repo
from surroundings import programs_alone

from orchestrator.base import commandline
from orchestrator.base.process import ProgramMissing
from orchestrator.errors import NoPython

IN_THE_PLAN = "`verify: {python: PATH}` in the plan"
RUNS_TESTS = [
    ("next-batch", "next-batch"),
    ("next-batch --all --jobs 2", "next-batch --all --jobs 2"),
    ("next-batch --isolated", "next-batch --isolated"),
    ("adopt tests/test_a.py --reason why", "adopt tests/test_a.py"),
    ("doctor", "doctor"),
    ("doctor --isolated", "doctor --isolated"),
    ("memory", "memory"),
]


@pytest.mark.parametrize(("command", "again"), RUNS_TESTS, ids=[c for c, _ in RUNS_TESTS])
def test_without_a_python_each_command_names_its_option_and_the_key_of_the_plan(
    command: str, again: str, repo: SampleRepo
) -> None:
    ended = repo.run(*command.split(), env={"PATH": programs_alone()})
    assert ended.code == 4, ended
    assert "neither `python` nor `python3` is on PATH" in ended.err
    assert f"next: orchestrate {again} --python PATH, or {IN_THE_PLAN}" in ended.err
    assert repo.changes == ""


@pytest.mark.parametrize(("command", "again"), RUNS_TESTS, ids=[c for c, _ in RUNS_TESTS])
def test_a_python_without_pytest_is_said_with_what_installs_it(
    command: str, again: str, repo: SampleRepo, tmp_path: Path
) -> None:
    python = tmp_path / "bare" / "python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    path = os.pathsep.join([str(python.parent), programs_alone()])
    ended = repo.run(*command.split(), env={"PATH": path})
    assert ended.code == 4, ended
    assert f"'{python}' (PATH) has no pytest" in ended.err
    assert "-m pip install pytest, or: " in ended.err
    assert f"or: orchestrate {again} --python PATH, or {IN_THE_PLAN}" in ended.err
    assert repo.changes == ""


@pytest.mark.parametrize("where", ["fixer", "gate", "check", "setup"])
def test_a_command_that_needs_the_python_starts_no_program_of_a_guessed_name(
    where: str, tmp_path: Path
) -> None:
    needs = "{python} tool.py"
    run = needs if where == "fixer" else "sed -i s/AsyncMock/Mock/g {files}"
    check = f', check: "{needs}"' if where == "check" else ""
    gate = needs if where == "gate" else "true"
    plan = fixer_plan(
        ["tests/test_a.py"], fixer=f'fixer: command\noptions: {{run: "{run}"{check}}}',
        verify=f'gates: []\ncommands: [{{name: own, run: "{gate}"}}]',
    )  # fmt: skip
    if where == "setup":
        plan = plan.replace("phases:", f'worktree: {{setup: ["{needs}"]}}\nphases:')
    tool = "import sys\nfor path in sys.argv[1:]: open(path, 'a').write('# more')\n"
    repo = make_repo(tmp_path / "repo", {**FILES, "tool.py": tool}, plan=plan)
    command = {"check": "check --phase only", "setup": "next-batch --isolated"}
    words = command.get(where, "next-batch").split()
    ended = repo.run(*words, "--trust", env={"PATH": programs_alone()})
    assert ended.code == 4, ended
    assert f"`{needs}` needs this project's Python, and none was found" in ended.err
    assert "next: name it with --python PATH, or with `verify: {python: PATH}`" in ended.err
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_change_that_is_tried_before_there_is_a_plan_says_the_same(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {**FILES, "tool.py": ""})
    command = ["plan", "--output", "other.yaml", "--run", "{python} tool.py {files}", "tests"]
    ended = repo.run(*command, env={"PATH": programs_alone()})
    assert ended.code == 4, ended
    assert "needs this project's Python" in ended.err
    assert "--python PATH" in ended.err


def test_what_was_red_is_not_run_again_by_a_python_of_a_guessed_name(tmp_path: Path) -> None:
    breaks = "import sys\nfor path in sys.argv[1:]: open(path, 'w').write('(')\n"
    plan = fixer_plan(
        ["tests/test_a.py"], fixer="fixer: command\noptions: {run: '{python} tool.py {files}'}",
        verify="gates: [compile]",
    )  # fmt: skip
    repo = make_repo(tmp_path / "repo", {**FILES, "tool.py": breaks}, plan=plan)
    repo.run("next-batch", "--trust")
    shown = repo.run("unresolved", "--json", env={"PATH": programs_alone()})
    assert f"{sys.executable} -m py_compile tests/test_a.py" in shown.out  # that one starts
    shutil.rmtree(repo.top / ".git/orchestrate/logs")  # which know what judged here
    ended = repo.run("show", "only/one", "--run", "--trust", env={"PATH": programs_alone()})
    assert ended.code == 4, ended
    assert "needs this project's Python, and none was found" in ended.err
    assert "next: orchestrate show only/one --run --python PATH" in ended.err


def test_on_a_worker_of_a_cluster_only_the_plan_can_name_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.project.interpreter import Wanted, interpreter

    monkeypatch.setenv("PATH", programs_alone())
    with pytest.raises(NoPython) as caught:
        interpreter(tmp_path, Wanted(), command=None)
    assert caught.value.next_step == IN_THE_PLAN


def test_a_python_by_name_that_is_missing_is_told_the_placeholder() -> None:
    told = commandline.missing(
        ProgramMissing("cannot start 'python'"), "run: python x.py", "python"
    )
    assert "write {python} for python in the plan" in str(told.next_step)
    other = commandline.missing(ProgramMissing("cannot start 'sed'"), "run: sed x", "sed")
    assert "install sed; it is looked for beside" in str(other.next_step)
