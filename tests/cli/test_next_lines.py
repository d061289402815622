"""A command that is printed works on the plan, and by the interpreter, that the person named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import BREAKS, FILES, PLAN, SampleRepo, make_repo

from orchestrator.report import typed

OTHER = PLAN.replace("name: sample", "name: other").replace("phases:", "reports: records\nphases:")


@pytest.fixture
def repo(tmp_path: Path) -> SampleRepo:
    files = {**FILES, "tests/test_b.py": BREAKS, "plans/other plan.yaml": OTHER}
    return make_repo(tmp_path / "repo", files)


def steps(text: str) -> list[str]:
    return [line.partition("next: ")[2] for line in text.splitlines() if "next: " in line]


def test_every_command_that_is_printed_names_the_plan(repo: SampleRepo) -> None:
    plan = ("--plan", "plans/other plan.yaml")
    named = "orchestrate --plan 'plans/other plan.yaml' "
    for command in (
        ["next-batch", "--python", sys.executable], ["status"], ["unresolved"],
        ["show", "tests/test_b.py"], ["retry", "nothing"], ["validate"], ["recover"],
        ["undo", "one", "--python", sys.executable], ["skip", "one", "--reason", "x"],
    ):  # fmt: skip
        ended = repo.run(*plan, *command)
        printed = ended.out + ended.err
        found = [line for line in printed.splitlines() if "orchestrate " in line.partition("]")[0]]
        for line in found:
            assert line.count("orchestrate ") == line.count(named), (command, line)
    assert not (repo.top / "reports").exists()


def test_following_the_next_line_works_on_the_same_plan(repo: SampleRepo) -> None:
    ended = repo.run("--plan", "plans/other plan.yaml", "next-batch", "--python", sys.executable)
    assert ended.code == 1
    step, *_ = steps(ended.err)
    words = ["--plan", "plans/other plan.yaml", "unresolved"]
    assert step.startswith("orchestrate --plan 'plans/other plan.yaml' unresolved")
    waiting = repo.run(*words)
    assert "tests/test_b.py" in waiting.out
    assert "orchestrate --plan 'plans/other plan.yaml' retry tests/test_b.py" in waiting.out


def test_the_interpreter_is_named_where_it_was_typed(repo: SampleRepo) -> None:
    ended = repo.run("next-batch", "--batch", "two", "--python", sys.executable)
    step, *_ = steps(ended.err)
    assert step.startswith(f"orchestrate next-batch --python {sys.executable}  ")
    assert all("--python" not in step for step in steps(repo.run("status").out))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("orchestrate next-batch --all        (x)", "orchestrate --plan p next-batch --python P --all        (x)"),
        ("git switch x && orchestrate recover, or: orchestrate recover --keep", "git switch x && orchestrate --plan p recover, or: orchestrate --plan p recover --keep"),
        ("orchestrate status --plan q", "orchestrate status --plan q"),
        ("orchestrate retry a --python Q", "orchestrate --plan p retry a --python Q"),
        ("orchestrate fix a.py", "orchestrate fix a.py"),
        ("pip install orchestrate status", "pip install orchestrate --plan p status"),
        ("/x/orchestrate status", "/x/orchestrate status"),
        ("orchestrate", "orchestrate"),
    ],
)  # fmt: skip
def test_options_are_put_where_the_command_takes_them(
    text: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(typed, "_typed", {})
    assert typed.repeated(text) == text
    typed.remember("plan", "p")
    typed.remember("python", "P")
    assert typed.repeated(text) == shown
    typed.remember("plan", None)
    typed.remember("python", None)
    assert typed.repeated(text) == text
