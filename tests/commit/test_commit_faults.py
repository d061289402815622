"""Whatever hooks, signing and names do to a commit, it is the one that was judged or none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from support import PASSING, PLAN, SampleRepo, make_repo

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")


@pytest.fixture
def quick(tmp_path: Path) -> SampleRepo:
    return make_repo(tmp_path / "repo", plan=QUICK)


def with_hook(repo: SampleRepo, name: str, script: str) -> None:
    hook = repo.top / ".git/hooks" / name
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


def next_batch(repo: SampleRepo, **env: str) -> tuple[int, str]:
    ended = repo.run("next-batch", "--batch", "one", "--python", sys.executable, env=env)
    return ended.code, ended.err


@pytest.mark.parametrize("name", ["pre-commit", "commit-msg", "prepare-commit-msg"])
def test_fault_93_a_hook_that_fails_puts_everything_back(name: str, quick: SampleRepo) -> None:
    with_hook(quick, name, "echo this is not allowed; exit 1")
    head = quick.head
    code, said = next_batch(quick)
    assert code == 1
    assert "this is not allowed" in said
    assert "next: " in said
    assert (quick.head, quick.changes, quick.leftovers) == (head, "", [])


def test_fault_95_a_hook_that_erases_the_trailers_leaves_the_batch_done(quick: SampleRepo) -> None:
    with_hook(quick, "commit-msg", 'echo erased > "$1"')
    assert next_batch(quick)[0] == 0
    assert quick.git.text("log", "-1", "--format=%B") == "erased"
    assert "Batch one" not in quick.run("next-batch", "--dry-run").err
    assert quick.run("show", "first/one").code == 0


def test_fault_96_a_commit_that_cannot_be_signed_cannot_be_judged(quick: SampleRepo) -> None:
    quick.git.run("config", "commit.gpgsign", "true")
    quick.git.run("config", "gpg.program", "false")
    head = quick.head
    code, said = next_batch(quick)
    assert code == 4
    assert "git could not sign the commit" in said
    assert (quick.head, quick.changes, quick.leftovers) == (head, "", [])


def test_fault_98_lines_with_a_hash_are_kept(tmp_path: Path) -> None:
    body = 'commit:\n  body: "first\\n# not a comment\\nlast"\nphases:'
    repo = make_repo(tmp_path / "repo", plan=QUICK.replace("phases:", body))
    assert next_batch(repo)[0] == 0
    assert "\n# not a comment\nlast\n" in repo.git.text("log", "-1", "--format=%B")


@pytest.mark.parametrize("number", ["KILL", "TERM"])
def test_fault_105_a_git_that_is_killed_leaves_nothing(number: str, quick: SampleRepo) -> None:
    with_hook(quick, "pre-commit", f"kill -{number} $PPID; sleep 1")
    head = quick.head
    code, said = next_batch(quick)
    assert code == 1, said
    assert (quick.head, quick.changes, quick.leftovers) == (head, "", [])
    (quick.top / ".git/hooks/pre-commit").unlink()
    assert next_batch(quick)[0] == 0


def test_fault_105_a_lock_that_a_killed_git_leaves_is_told(quick: SampleRepo) -> None:
    with_hook(quick, "pre-commit", "touch .git/index.lock; kill -KILL $PPID")
    head = quick.head
    code, said = next_batch(quick)
    assert code == 6, said
    lock = quick.top / ".git/index.lock"
    assert f"next: where no git is at work any more: rm {lock}" in said
    lock.unlink()
    (quick.top / ".git/hooks/pre-commit").unlink()
    assert quick.run("recover").code == 0
    assert (quick.head, quick.changes, quick.leftovers) == (head, "", [])
    assert next_batch(quick)[0] == 0


FULL = "fatal: unable to write new_index file: No space left on device"


@pytest.mark.parametrize("when", ["before", "after"])
def test_fault_110_git_itself_fails_at_its_nth_command_for_every_n(
    when: str, tmp_path: Path
) -> None:
    """A `git` of ours stands before the real one, and fails once: instead of it, or after it."""
    import shutil

    folder = tmp_path / "bin"
    folder.mkdir()
    count, real = tmp_path / "count", shutil.which("git")
    shim = folder / "git"
    shim.write_text(
        f"#!/bin/sh\nn=$(($(cat {count}) + 1)); echo $n > {count}\n"
        f'if [ $n -ne "${{FAIL_AT:-0}}" ]; then exec {real} "$@"; fi\n'
        + (f'{real} "$@" > /dev/null\n' if when == "after" else "")
        + f"echo '{FULL}' >&2; exit 128\n"
    )
    shim.chmod(0o755)
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    base, at = repo.head, 0
    while True:
        at += 1
        count.write_text("0")
        path = f"{folder}{os.pathsep}{os.environ['PATH']}"
        code, said = next_batch(repo, PATH=path, FAIL_AT=str(at))
        if int(count.read_text()) < at:
            assert code == 0, said
            break
        if code == 0:  # it asked a question whose failure is an answer
            assert repo.changes == ""
            repo.git.run("reset", "--quiet", "--hard", base)
            continue
        assert code in {3, 4, 6, 7}, (at, said)
        assert "next: " in said
        assert "Traceback" not in said
        assert repo.run("recover").code == 0, at
        assert (repo.changes, repo.leftovers) == ("", []), at
        repo.git.run("fsck", "--strict", "--no-progress")
        if repo.head != base:  # it had landed, and the failure came after
            assert repo.git.parents("HEAD") == [base]
            repo.git.run("reset", "--quiet", "--hard", base)
        assert repo.read("tests/test_a.py") == PASSING
    assert at > 10
