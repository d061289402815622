"""What a plan or a record would run is shown and asked for, by every command that would run it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import FILES, PLAN, SampleRepo, make_repo

from orchestrator.engine.context.trust import (
    Asking,
    check_lines,
    check_trust,
    interpreter_lines,
    shown,
)
from orchestrator.errors import Refused
from orchestrator.fixers import planned
from orchestrator.plan.load import parsed
from orchestrator.plan.model import Plan
from orchestrator.vcs import Repo

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:", 1)


def plan_of(text: str) -> Plan:
    return parsed(text.encode(), name="plan", plan_path="", checks=[])


def with_(section: str) -> Plan:
    return plan_of(PLAN.replace("phases:", f"{section}\nphases:", 1))


@pytest.mark.parametrize(
    ("section", "lines"),
    [
        pytest.param("", [], id="nothing"),
        pytest.param("verify: {workers: 2, known_failures: [a.py::b]}", [], id="data only"),
        pytest.param(
            "verify: {commands: [{name: lint, run: ruff x}]}", ["lint: ruff x"], id="gate"
        ),
        pytest.param(
            "verify: {pytest_args: [-p, 'a plugin']}",
            ["pytest arguments: -p 'a plugin'"],
            id="arguments",
        ),
        pytest.param("worktree: {setup: [make all]}", ["worktree: make all"], id="setup"),
        pytest.param("worktree: {copy: [.env]}", ["worktree, copied: .env"], id="copy"),
        pytest.param("worktree: {link: [data]}", ["worktree, linked: data"], id="link"),
    ],
)
def test_what_a_plan_would_run_is_listed(section: str, lines: list[str]) -> None:
    assert planned.commands(with_(section)) == lines


def environment(folder: Path) -> Path:
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    return python


def test_an_interpreter_is_asked_for_where_plan_or_repository_chose_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    repo = make_repo(tmp_path / "r", {**FILES, ".gitignore": ".venv/\n"})

    def lines(python: str = "", option: str | None = None) -> list[str]:
        named = with_(f"verify: {{python: {python}}}") if python else plan_of(PLAN)
        return interpreter_lines(named, repo.top, repo.git, option)

    assert lines() == []
    environment(repo.top / "tools")
    assert lines("tools/bin/python") == ["interpreter: tools/bin/python"]
    assert lines("tools/bin/python", sys.executable) == []
    assert lines("/no/such/python") == ["interpreter: /no/such/python"]
    environment(repo.top / ".venv")
    assert lines() == lines(".venv/bin/python") == []  # it would be found without the plan
    repo.git.run("add", "--force", ".venv")
    tracked = ["interpreter, which git tracks: .venv/bin/python"]
    assert lines() == lines(".venv/bin/python") == tracked


@pytest.mark.parametrize(
    ("make", "asks"),
    [
        (lambda at: at.symlink_to(Path(sys.executable).resolve()), False),
        (lambda at: at.write_text("#!/bin/sh\n"), True),
        (lambda at: at.symlink_to(shutil.which("sh") or ""), True),
        (lambda at: at.symlink_to("/nowhere/python3"), True),
        (lambda at: (at.symlink_to(Path(sys.executable).resolve()), at.parent.chmod(0o777)), True),
    ],
    ids=["a Python", "a script", "another program", "nothing", "where anybody can write"],
)
def test_an_installed_python_that_a_plan_names_is_the_users_own(
    make: Callable[[Path], object], asks: bool, tmp_path: Path
) -> None:
    repo, python = make_repo(tmp_path / "r"), tmp_path / "elsewhere/bin/python"
    python.parent.mkdir(parents=True)
    make(python)
    named = with_(f"verify: {{python: {python}}}")
    assert bool(interpreter_lines(named, repo.top, repo.git, None)) == asks


def test_an_installed_python_behind_a_link_of_the_repository_is_asked_for(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r")
    (repo.top / "tools").mkdir()
    (repo.top / "tools/python").symlink_to(Path(sys.executable).resolve())
    named = with_(f"verify: {{python: {repo.top}/tools/python}}")
    assert interpreter_lines(named, repo.top, repo.git, None) != []


@pytest.mark.parametrize("what", [".venv", ".venv/lib/sitecustomize.py"])
def test_an_environment_is_tracked_if_any_of_it_is(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("VIRTUAL_ENV", raising=False)
    repo = make_repo(tmp_path / "r")
    if what == ".venv":
        environment(tmp_path / "elsewhere")
        (repo.top / ".venv").symlink_to(tmp_path / "elsewhere")
    else:
        environment(repo.top / ".venv")
        repo.write(what, "evil = 1\n")
    assert interpreter_lines(plan_of(PLAN), repo.top, repo.git, None) == []
    repo.git.run("add", what)
    assert interpreter_lines(plan_of(PLAN), repo.top, repo.git, None) != []


COMMANDS = [
    "next-batch",
    "next-batch --dry-run",
    "next-batch --all --isolated",
    "retry",
    "retry one",
    "adopt tests/test_a.py --reason 'it is good'",
    "undo one",
    "show one --run",
    "check --phase first",
    "doctor",
    "doctor --isolated",
    "memory tests/test_a.py",
    "plan --update",
]


def test_every_command_that_would_run_something_asks_first(tmp_path: Path) -> None:
    mark = tmp_path / "was run"
    plan = QUICK.replace("gates: [compile]", "gates: [compile], python: tools/python").replace(
        "fixer: memory-safety", "fixer: command\n    options: {run: 'tools/python {files}'}"
    ).replace("            options: {group: alpha_tests}\n", "")  # fmt: skip
    repo = make_repo(tmp_path / "r", FILES, plan=plan)
    repo.write("tools/python", f"#!/bin/sh\ntouch '{mark}'\n")
    (repo.top / "tools/python").chmod(0o755)
    repo.commit()
    for command in COMMANDS:
        ended = repo.run(*shlex.split(command))
        assert ended.code == 3, (command, ended)
        assert "first (command): tools/python {files}\n  interpreter: tools/python" in ended.err
        step = ended.err.rpartition("once: orchestrate ")[2].strip()
        assert step.endswith(" --trust"), (command, ended)
        assert sorted(shlex.split(step.removesuffix(" --trust"))) == sorted(shlex.split(command))
        assert not mark.exists(), command
    for command in ("status", "validate", "show one", "unresolved", "history", "report --markdown"):
        assert repo.run(*shlex.split(command)).code in {0, 1}, command
        assert not mark.exists(), command
    assert repo.run("doctor", "--trust").code == 4  # it is no Python
    assert mark.exists()


def test_a_plan_is_trusted_once_in_all_work_trees_until_it_changes(tmp_path: Path) -> None:
    plan = QUICK.replace("verify: {", "verify: {pytest_args: [-q], ", 1)
    repo = make_repo(tmp_path / "r", plan=plan)
    python = ("--python", sys.executable)
    assert repo.run("next-batch", *python).code == 3
    assert repo.run("next-batch", "--trust", *python).code == 0
    repo.git.run("worktree", "add", "--quiet", "-b", "other", str(tmp_path / "linked"))
    linked = SampleRepo(tmp_path / "linked", Repo(tmp_path / "linked"))
    assert linked.run("next-batch", *python).code == 0
    linked.write("migration_plan.yaml", plan.replace("[-q]", "[-q, -s]"))
    linked.commit()
    assert linked.run("undo", "one", *python).code == 3
    assert linked.run("undo", "one", "--trust", *python).code == 0
    assert repo.run("undo", "one", *python).code == 0


def test_lines_are_told_apart_from_one_line_that_looks_like_them(repo: SampleRepo) -> None:
    check_lines(["a", "b"], "x", repo.git, Asking("next-batch", trust=True))
    check_lines(["a", "b"], "x", repo.git, Asking("next-batch"))
    for other in (["a\nb"], ["b", "a"], ["a"], ["a", "b", ""]):
        with pytest.raises(Refused):
            check_lines(other, "x", repo.git, Asking("next-batch"))


def trusted_by(repo: SampleRepo, plan: Plan) -> Path:
    check_trust(plan, repo.git, Asking("next-batch", trust=True))
    check_trust(plan, repo.git, Asking("next-batch"))
    return repo.top / ".git/orchestrate/trusted"


@pytest.mark.parametrize("spoil", ["link", "pipe", "folder", "world", "endless", "rubbish"])
def test_only_a_regular_file_of_the_users_says_what_was_trusted(
    spoil: str, repo: SampleRepo, tmp_path: Path
) -> None:
    plan = with_("worktree: {setup: [make]}")
    file = trusted_by(repo, plan)
    if spoil == "link":
        file.rename(tmp_path / "elsewhere")
        file.symlink_to(tmp_path / "elsewhere")
    elif spoil in {"pipe", "folder"}:
        file.unlink()
        os.mkfifo(file) if spoil == "pipe" else file.mkdir()
    elif spoil == "world":
        file.chmod(0o666)
    elif spoil == "endless":
        os.truncate(file, 2**40)
    else:
        file.write_bytes(b"\xff" * 1000)
    with pytest.raises(Refused):
        check_trust(plan, repo.git, Asking("next-batch"))


@pytest.mark.parametrize(
    ("line", "seen"),
    [
        pytest.param("make all", "make all", id="plain"),
        pytest.param("make\x1b[2K\rls", r"make\x1b[2K\rls", id="controls"),
        pytest.param("ls \u202eevil\u200b", r"ls \u202eevil\u200b", id="hidden"),
        pytest.param("a\nlint: b", "a\n  | lint: b", id="a line that looks like another"),
        pytest.param("x" * 10_000, "x" * 10_000, id="long"),
        pytest.param("a\udcffb", r"a\udcffb", id="no text"),
    ],
)
def test_what_is_to_be_trusted_is_shown_as_it_is(line: str, seen: str) -> None:
    assert shown(line) == seen


def test_what_hides_in_a_plan_is_seen(repo: SampleRepo) -> None:
    plan = QUICK.replace("phases:", 'worktree: {setup: ["make \\e[2K\\u202e"]}\nphases:', 1)
    repo.write("migration_plan.yaml", plan)
    repo.commit()
    ended = repo.run("next-batch")
    assert ended.code == 3
    assert r"worktree: make \x1b[2K\u202e" in ended.err


@pytest.mark.parametrize("folder", ["", "backend/"])
@pytest.mark.parametrize("command", [["init"], ["doctor"], ["memory", "-n", "0"]], ids=str)
def test_no_interpreter_that_git_tracks_is_started_without_a_plan(
    command: list[str], folder: str, tmp_path: Path
) -> None:
    """Whoever can push a repository can put any program into a folder called .venv."""
    python = f"{folder}.venv/bin/python"
    files = {
        f"{folder}pytest.ini": "[pytest]\n",
        f"{folder}tests/test_a.py": "class TestA:\n    def test_a(self): pass\n",
        python: f"#!/bin/sh\ntouch '{tmp_path}/started'\n",
    }
    repo = make_repo(tmp_path / "repo", files)
    (repo.top / python).chmod(0o755)
    (repo.top / "migration_plan.yaml").unlink()
    repo.commit("no plan")
    where = [f"{folder}tests"] if command[0] == "memory" else []
    ended = repo.run(*command[:1], *where, *command[1:])
    assert not (tmp_path / "started").exists()
    assert f"git tracks the interpreter {python!r}" in ended.out + ended.err
    if command[0] != "init":
        assert ended.code == 3
        assert f"--python {python}" in ended.err
