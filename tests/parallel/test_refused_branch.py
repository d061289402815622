"""A branch that git does not move ends a run apart: with git's words, and nothing is lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import PLAN, SampleRepo, make_repo

from orchestrator.engine.next_batch import Ending, ending_of
from orchestrator.engine.results import Landed, Stopped
from orchestrator.errors import ChangedMeanwhile
from orchestrator.parallel.merge_queue import MergeQueue
from orchestrator.vcs.errors import failed
from orchestrator.worktrees import fast_forward as advancing
from orchestrator.worktrees.fast_forward import BranchMoved, BranchUpdater, NotAdvanced

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
WAYS = (["--isolated"], ["--all", "--jobs", "2"])


def hook_that_forbids(repo: SampleRepo, refs: str) -> None:
    """Forbid such refs in the repository itself: a commit made apart is let pass."""
    hook = repo.top / ".git/hooks/reference-transaction"
    hook.parent.mkdir(exist_ok=True)
    mine = f'[ "$(git rev-parse --absolute-git-dir)" = "{repo.top}/.git" ] || exit 0'
    no = f'grep -q " {refs}" && {{ echo "not this branch" >&2; exit 1; }}'
    hook.write_text(f'#!/bin/sh\n[ "$1" = prepared ] || exit 0\n{mine}\n{no}\nexit 0\n')
    hook.chmod(0o755)


@pytest.mark.parametrize("way", WAYS, ids=["apart", "beside each other"])
def test_a_hook_that_forbids_the_branch_ends_the_series(way: list[str], tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    base = repo.head
    hook_that_forbids(repo, "refs/heads/main$")
    ran = repo.run("next-batch", *way, "--python", sys.executable)
    assert ran.code == 1, ran
    assert f"git does not move main, which stays at {base[:10]}: not this branch" in ran.err
    assert "what was made is on the branch orchestrate/main" in ran.err
    assert "next: set right what the hook says, then: git merge orchestrate/main\n" in ran.err
    assert repo.head == base
    assert (repo.changes, repo.leftovers) == ("", [])
    assert repo.git.text("rev-list", "--count", "main..orchestrate/main") == "1"
    (repo.top / ".git/hooks/reference-transaction").unlink()
    repo.git.run("merge", "--quiet", "orchestrate/main")
    assert "xdist_group" in repo.read("tests/test_a.py")


def test_where_no_branch_can_be_made_the_commit_is_named(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    hook_that_forbids(repo, "refs/heads/")
    ran = repo.run("next-batch", "--isolated", "--python", sys.executable)
    assert ran.code == 1, ran
    command = ran.err.partition("then: git branch kept ")[2].split()[0]
    (repo.top / ".git/hooks/reference-transaction").unlink()
    repo.git.run("branch", "kept", command)
    assert repo.git.text("rev-list", "--count", "main..kept") == "1"
    assert repo.changes == ""


def two_commits(repo: SampleRepo) -> tuple[str, str]:
    old = repo.head
    repo.write("tests/test_a.py", "# new\n")
    new = repo.commit()
    repo.git.run("reset", "--quiet", "--hard", old)
    return old, new


@pytest.mark.parametrize("lock", ["refs/heads/main.lock", "packed-refs.lock"])
def test_a_lock_that_stays_is_named(
    lock: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(advancing, "_LOOKS", 2)
    repo = make_repo(tmp_path / "repo")
    old, new = two_commits(repo)
    (repo.top / ".git" / lock).touch()
    (repo.top / ".git/orchestrate").mkdir()
    made = BranchUpdater(repo.git, repo.top / ".git/orchestrate", "main")
    if lock == "packed-refs.lock":  # only a ref that is removed needs it
        made.keep(new, "for another reason")
        assert made.to(new, old=old) is None
        assert repo.head == new
    else:
        with pytest.raises(NotAdvanced) as caught:
            made.to(new, old=old)
        assert caught.value.exit_code == 6
        assert f"rm {repo.top}/.git/{lock}, then: git merge" in str(caught.value.next_step)
        assert repo.head == old
    assert repo.changes == ""
    assert repo.leftovers == []


DENIED = (
    "fatal: cannot lock ref: Unable to create '/r/.git/refs/heads/main.lock': Permission denied"
)


@pytest.mark.parametrize(
    ("said", "code", "step"),
    [
        (DENIED, 7, "make it writable: ls -ld /r/.git/refs/heads"),
        ("no\nfatal: ref updates aborted by hook", 1, "set right what the hook says"),
        ("fatal: in 'prepared' phase, update aborted by the reference-transaction hook", 1, "set right what the hook says"),
        ("error: insufficient permission for adding an object to repository database .git/objects", 7, "make it writable: ls -ld .git"),
        ("fatal: update_ref failed: unable to create lock file .git/refs/heads/y.lock; non-directory in the way", 7, "make it writable: ls -ld .git/refs/heads"),
        ("fatal: cannot exec '.git/hooks/pre-commit': Permission denied", 4, "git status"),
        ("the hook: Permission denied", 4, "git status"),
    ],
)  # fmt: skip
def test_why_git_wrote_nothing_is_told_apart(said: str, code: int, step: str) -> None:
    error = failed(["-c", "a.b=c", "update-ref"], 128, said)
    assert (error.exit_code, error.next_step) == (code, step)
    assert error.what.startswith("git update-ref exited with 128: ")


def test_a_branch_that_moves_each_time_ends_the_series(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)

    def never(self: MergeQueue, commit: str) -> bool:
        self.checkout.hold(self.tip)
        self._look_again(commit, self.tip)
        return False

    monkeypatch.setattr(MergeQueue, "_brought_in", never)
    with pytest.raises(ChangedMeanwhile, match="the branch moved 10 times"):
        repo.next_batch_apart()
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_tip_that_moved_is_not_taken_for_one_that_cannot_be(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    old, new = two_commits(repo)
    theirs = repo.commit("theirs")
    assert BranchUpdater(repo.git, repo.top / ".git/orchestrate", "main").to(
        new, old=old
    ) == BranchMoved(theirs)


def test_batches_that_open_each_other_again_end_the_series(repo: SampleRepo) -> None:
    first, second = repo.next_batch(), repo.next_batch()
    assert isinstance(first, Landed)
    assert isinstance(second, Landed)
    turns: list[Landed | Stopped] = [first, second, first, second]
    assert ending_of(turns, None, 5) is None
    assert ending_of([*turns, first], None, 5) is Ending.STILL_OPEN
