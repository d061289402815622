"""Rules of a team for commit messages can be kept by every command that commits."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import FILES, PASSING, PLAN, SampleRepo, make_repo, plan_with

CONVENTIONAL = "^(feat|fix|test|chore|revert)(\\([a-z0-9]+\\))?: [a-z]"
COMMIT = """\
commit:
  subject: "{{ 'revert' if action == 'undo' else 'test' }}({{ phase.id }}): {{ action }} {{ batch.title | lower }}"
"""
PYTHON = ("--python", sys.executable)


def strict_repo(tmp_path: Path, commit: str) -> SampleRepo:
    """One whose commit-msg hook wants a conventional subject and one Signed-off-by."""
    quick = PLAN.replace("phases:", f"{commit}verify: {{gates: [compile]}}\nphases:")
    repo = make_repo(tmp_path / "repo", plan=quick)
    hook = repo.top / ".git/hooks/commit-msg"
    hook.parent.mkdir(exist_ok=True)
    signed = '[ "$(grep -c "^Signed-off-by: Test <test@example.invalid>$" "$1")" = 1 ]'
    no = '{ echo "not by the rules: $(cat "$1")" >&2; exit 1; }'
    hook.write_text(f"#!/bin/sh\nhead -1 \"$1\" | grep -Eq '{CONVENTIONAL}' && {signed} || {no}\n")
    hook.chmod(0o755)
    return repo


@pytest.mark.parametrize("where", ["of the plan", "of the command"])
def test_every_command_that_commits_keeps_the_rules(where: str, tmp_path: Path) -> None:
    in_plan = where == "of the plan"
    repo = strict_repo(tmp_path, COMMIT + ("  signoff: true\n" if in_plan else ""))
    more = () if in_plan else ("--signoff",)
    commands = [
        ("next-batch", "--isolated", *PYTHON),
        ("undo", "first/one", *PYTHON),
        ("skip", "tests/test_c.py", "--reason", "it stays"),
        ("retry", "tests/test_c.py", *PYTHON),
        ("retry", "first/one", *PYTHON),
    ]
    for command in commands:
        ran = repo.run(*command, *more)
        assert ran.code == 0, (command, ran)
    repo.write("tests/test_a.py", repo.read("tests/test_a.py") + "\n# by hand\n")
    subjects = repo.git.text("log", "--reverse", "--format=%s").splitlines()[1:]
    assert subjects == [
        "test(first): migrate batch one",
        "revert(first): undo batch one",
        "test(first): skip batch two",
        "test(first): migrate batch two",
        "test(first): migrate batch one",
    ]


def test_what_was_done_by_hand_is_adopted_by_the_rules(tmp_path: Path) -> None:
    repo = strict_repo(tmp_path, f"{COMMIT}  signoff: true\n")
    repo.write("tests/test_c.py", PASSING.replace("class", "# by hand\nclass", 1))
    ran = repo.run("adopt", "tests/test_c.py", "--reason", "it is right", *PYTHON)
    assert ran.code == 0, ran
    assert repo.git.text("log", "-1", "--format=%s") == "test(first): adopt batch two"


def test_four_hundred_files_in_a_batch_are_committed(tmp_path: Path) -> None:
    paths = [f"tests/some_long_folder_{n % 9}/test_something_number_{n}.py" for n in range(400)]
    files = {**FILES, **dict.fromkeys(paths, PASSING)}
    repo = make_repo(tmp_path / "repo", files, plan=plan_with(paths, verify="  gates: [compile]"))
    ran = repo.run("next-batch", *PYTHON)
    assert ran.code == 0, ran
    message = repo.git.text("log", "-1", "--format=%B")
    assert "Changed 400 of 400 files:\n" in message
    assert "- and 350 more files; all are in reports/first/one.json\n" in message
    assert len(message.splitlines()[0]) <= 72


def test_a_template_that_cannot_be_used_is_found_before_a_gate_runs(tmp_path: Path) -> None:
    plan = PLAN.replace(
        "phases:", 'commit: {body: "{% for n in range(9999) %}wordy{% endfor %}"}\nphases:'
    )
    repo = make_repo(tmp_path / "repo", plan=plan)
    ran = repo.run("next-batch", "--python", sys.executable)
    assert ran.code == 2, ran
    assert "commit.body of the plan gives more than 20000 characters" in ran.err
    assert "passed" not in ran.err
    assert repo.run("validate").code == 2
