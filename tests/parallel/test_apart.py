"""Runs in work trees of our own, on real repositories: the user's may be dirty, and stays theirs."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support import FILES, PASSING, PLAN, SampleRepo, make_repo

from orchestrator.vcs import Repo
from orchestrator.vcs import worktrees as linked
from orchestrator.worktrees.fast_forward import BranchUpdater, ParkedCommits

PYTHON = ("--python", sys.executable)
QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
TARGET = "tests/test_a.py"


def apart(repo: SampleRepo, *more: str) -> tuple[int, str]:
    ran = repo.run("next-batch", "--isolated", *PYTHON, *more)
    return ran.code, ran.out + ran.err


def during(repo: SampleRepo, script: str) -> None:
    """A shell script in the user's work tree that runs while a batch is committed elsewhere."""
    hook = repo.top / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    clean = "unset GIT_DIR GIT_INDEX_FILE GIT_WORK_TREE GIT_PREFIX"
    hook.write_text(f"#!/bin/sh\nrm -f '{hook}'\n{clean}\ncd '{repo.top}'\n{script}\n")
    hook.chmod(0o755)


def worktrees(repo: SampleRepo) -> list[str]:
    return repo.git.text("worktree", "list").splitlines()


def subjects(repo: SampleRepo, ref: str = "HEAD") -> list[str]:
    return repo.git.text("log", "--format=%s", ref).splitlines()


def test_a_dirty_tree_is_no_reason_to_wait(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    repo.write("pyproject.toml", FILES["pyproject.toml"] + "# half a thought\n")
    repo.write("staged.txt", "staged\n")
    repo.git.run("add", "staged.txt")
    repo.write("untracked.txt", "untracked\n")
    before = repo.changes
    code, said = apart(repo, "--all")
    assert code == 0, said
    assert repo.changes == before
    assert repo.read("pyproject.toml").endswith("# half a thought\n")
    assert "xdist_group" in repo.read(TARGET)
    assert len(subjects(repo)) == 3
    assert len(worktrees(repo)) == 1
    assert repo.leftovers == []


def test_a_file_the_user_touched_keeps_the_batch_on_a_branch(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    mine = PASSING + "\n# mine\n"
    repo.write(TARGET, mine)
    base = repo.head
    code, said = apart(repo)
    assert code == 6, said
    assert (
        "kept on the branch orchestrate/main, not on yours: you changed 'tests/test_a.py'" in said
    )
    assert repo.read(TARGET) == mine
    assert repo.head == base
    assert len(subjects(repo, "orchestrate/main")) == 2
    waits = "commits of an earlier run wait on orchestrate/main, and are not on main\n"
    assert waits + "next: git merge orchestrate/main\n" in repo.run("status").err
    repo.git.run("pack-refs", "--all")
    assert waits in repo.run("status").err
    again, said = apart(repo)  # goes on from there
    assert again == 6, said
    assert len(subjects(repo, "orchestrate/main")) == 3
    repo.git.run("checkout", TARGET)
    repo.git.run("merge", "--quiet", "orchestrate/main")  # the command that was named
    assert len(subjects(repo)) == 3
    assert repo.changes == ""
    assert "wait on" not in repo.run("status").err


def test_what_was_kept_is_brought_in_once_the_file_is_free(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    repo.write(TARGET, PASSING + "\n# mine\n")
    assert apart(repo)[0] == 6
    repo.git.run("checkout", TARGET)
    code, said = apart(repo)
    assert code == 0, said
    assert "what an earlier run had kept is on main now" in said
    assert len(subjects(repo)) == 3
    assert "orchestrate/main" not in repo.git.text("branch", "--list", "--all")


def test_a_file_in_the_way_of_a_new_one_is_left_alone(tmp_path: Path) -> None:
    plan = QUICK.replace("path: tests/test_c.py", "path: tests/test_c.py")
    repo = make_repo(tmp_path / "repo", plan=plan)
    repo.write("reports/first/one.json", "not yours\n")
    ran = repo.run("next-batch", "--isolated", *PYTHON)
    assert ran.code == 3
    assert repo.read("reports/first/one.json") == "not yours\n"


def test_a_commit_of_the_user_meanwhile_is_built_on(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    during(repo, "echo hello > new.txt; git add new.txt; git commit -qm theirs")
    code, said = apart(repo)
    assert code == 0, said
    assert subjects(repo)[1:] == ["theirs", "before the migration"]
    assert repo.read("new.txt") == "hello\n"
    assert "xdist_group" in repo.read(TARGET)
    assert repo.changes == ""


def test_a_change_of_the_user_meanwhile_stays(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    during(repo, f"echo '# mine' >> {TARGET}")
    code, said = apart(repo)
    assert code == 6, said
    assert repo.read(TARGET) == PASSING + "# mine\n"
    assert len(subjects(repo, "orchestrate/main")) == 2


def test_the_user_may_go_to_another_branch(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    during(repo, "git checkout -qb other; echo '# mine' >> tests/test_a.py")
    code, said = apart(repo)
    assert code == 0, said
    assert repo.git.text("branch", "--show-current") == "other"
    assert repo.read(TARGET) == PASSING + "# mine\n"
    assert len(subjects(repo, "main")) == 2
    assert len(subjects(repo, "other")) == 1


def test_a_branch_that_is_checked_out_elsewhere_is_not_moved(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    during(repo, f"git checkout -qb other; git worktree add -q '{tmp_path / 'theirs'}' main")
    code, said = apart(repo)
    assert code == 6, said
    assert "main is checked out in another work tree" in said
    assert len(subjects(repo, "main")) == 1
    assert len(worktrees(repo)) == 2


def test_a_merge_in_progress_is_waited_for(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    (repo.top / ".git/MERGE_HEAD").write_text(f"{repo.head}\n")
    assert apart(repo)[0] == 3
    assert len(worktrees(repo)) == 1


def test_tests_see_the_committed_project_and_not_the_users_half_done_one(tmp_path: Path) -> None:
    """Also where the project is installed from the user's work tree."""
    text = (
        "import project\n\n\nclass TestIt:\n    def test_it(self):\n        assert project.good\n"
    )
    files = {**FILES, "src/project.py": "good = True\n", TARGET: text}
    repo = make_repo(tmp_path / "repo", files)
    repo.write("src/project.py", "raise OSError('half done')\n")
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    site = next((venv / "lib").glob("python*/site-packages"))
    borrowed = [p for p in sys.path if p.endswith("site-packages")]
    (site / "editable.pth").write_text("\n".join([*borrowed, str(repo.top / "src")]))
    ran = repo.run("next-batch", "--isolated", "--python", str(venv / "bin/python"))
    assert ran.code == 0, ran
    assert "half done" in repo.read("src/project.py")


NEEDS = """\
class TestIt:
    def test_it(self):
        assert open('.env').read() == 'x'
        assert open('data/big').read() == 'y'
        assert open('built').read() == 'z'
"""
WORKTREE = (
    "worktree:\n  copy: [.env]\n  link: [data]\n"
    '  setup: ["{python} -c \'open(\\"built\\", \\"w\\").write(\\"z\\")\'"]\n'
)


def test_what_the_plan_names_is_there_as_well(tmp_path: Path) -> None:
    files = {**FILES, TARGET: NEEDS, ".gitignore": "__pycache__/\n.env\ndata\n"}
    repo = make_repo(tmp_path / "repo", files, plan=PLAN.replace("phases:", f"{WORKTREE}phases:"))
    repo.write(".env", "x")
    repo.write("data/big", "y")
    assert apart(repo, "--all")[0] == 3  # its command was not trusted yet
    code, said = apart(repo, "--all", "--trust")
    assert code == 0, said
    assert " 0 failed before" in said
    assert repo.changes == ""
    assert not (repo.top / "built").exists()


def test_a_file_that_is_not_there_cannot_be_copied(tmp_path: Path) -> None:
    plan = PLAN.replace("phases:", "worktree: {copy: [.env]}\nphases:")
    repo = make_repo(tmp_path / "repo", plan=plan)
    code, said = apart(repo, "--trust")
    assert code == 3
    assert "there is no such file" in said
    assert len(worktrees(repo)) == 1


def test_a_failing_setup_says_what_it_printed(tmp_path: Path) -> None:
    plan = PLAN.replace("phases:", "worktree: {setup: [ls no-such-file]}\nphases:")
    repo = make_repo(tmp_path / "repo", plan=plan)
    code, said = apart(repo, "--trust")
    assert code == 4
    assert "no-such-file" in said
    assert len(worktrees(repo)) == 1


def test_fault_118_work_trees_of_dead_runs_go_and_the_users_stay(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    theirs = tmp_path / "theirs"
    repo.git.run("worktree", "add", "-q", "-b", "side", str(theirs))
    gone = tmp_path / "gone"
    repo.git.run("worktree", "add", "-q", "-b", "away", str(gone))
    gone.rename(tmp_path / "moved")  # a removable disk, say
    ran = repo.run(
        "next-batch", "--isolated", *PYTHON, env={"ORCHESTRATE_STOP_AT": "gated:SIGKILL"}
    )
    assert ran.code == -9
    assert len(worktrees(repo)) == 4
    assert apart(repo)[0] == 0
    assert len(worktrees(repo)) == 3
    assert theirs.is_dir()
    assert repo.leftovers == []


@pytest.mark.parametrize(
    "flag", [["--jobs", "0"], ["--jobs", "many"], ["--jobs", "65"], ["--jobs", "2"]]
)
def test_jobs_that_make_no_sense_are_refused(tmp_path: Path, flag: list[str]) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    ran = repo.run("next-batch", *flag, *PYTHON)
    assert ran.code == 2
    assert f"next: orchestrate next-batch --python {PYTHON[1]} --all --jobs" in ran.err


def doctor(repo: SampleRepo, *more: str) -> tuple[int, str]:
    ran = repo.run("doctor", "--isolated", *PYTHON, *more)
    return ran.code, ran.out + ran.err


def test_the_doctor_says_when_tests_fail_only_in_a_work_tree_of_ours(tmp_path: Path) -> None:
    text = "class TestIt:\n    def test_it(self):\n        assert open('.env').read() == 'x'\n"
    files = {**FILES, TARGET: text, ".gitignore": "__pycache__/\n.env\n"}
    repo = make_repo(tmp_path / "repo", files)
    repo.write(".env", "x")
    code, said = doctor(repo)
    assert code == 1, said
    assert (
        "1 test of 5 fail only in a work tree of their own, first tests/test_a.py::TestIt::test_it"
        in said
    )
    assert "next: in the plan: worktree: {copy: [.env]}" in said
    plan = repo.read("migration_plan.yaml")
    repo.write("migration_plan.yaml", plan.replace("phases:", "worktree: {copy: [.env]}\nphases:"))
    assert doctor(repo)[0] == 3  # what is copied was not trusted yet
    code, said = doctor(repo, "--trust")
    assert code == 0, said
    assert "5 tests of the plan fare alike" in said
    assert "your work tree holds changes" in said
    assert len(worktrees(repo)) == 1


def test_a_rebase_of_the_user_is_not_pulled_from_under_them(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    during(
        repo,
        "mkdir .git/rebase-merge; echo refs/heads/main > .git/rebase-merge/head-name; "
        "git checkout -q --detach",
    )
    code, said = apart(repo)
    assert code == 6, said
    assert "a rebase is in progress" in said
    assert len(subjects(repo, "main")) == 1
    assert len(subjects(repo, "orchestrate/main")) == 2


def test_a_branch_called_like_ours_is_in_the_way_of_nothing(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    repo.git.run("branch", "orchestrate")
    repo.write(TARGET, PASSING + "\n# mine\n")
    code, said = apart(repo)
    assert code == 6, said
    assert "next: git merge orchestrate-main-2" in said
    repo.git.run("checkout", TARGET)
    assert apart(repo, "--all")[0] == 0
    assert len(subjects(repo)) == 3
    assert repo.git.text("branch", "--format=%(refname:short)").split() == ["main", "orchestrate"]


def test_a_kept_branch_somebody_looks_at_is_left_alone(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    repo.write(TARGET, PASSING + "\n# mine\n")
    assert apart(repo)[0] == 6
    seen = tmp_path / "seen"
    repo.git.run("worktree", "add", "-q", str(seen), "orchestrate/main")
    looked_at = repo.git.text("rev-parse", "orchestrate/main")
    assert apart(repo)[0] == 6
    assert repo.git.text("rev-parse", "orchestrate/main") == looked_at
    assert len(subjects(repo, "orchestrate/main-2")) == 3
    repo.git.run("checkout", TARGET)
    assert apart(repo, "--all")[0] == 0
    assert len(subjects(repo)) == 3
    assert repo.git.text("rev-parse", "orchestrate/main") == looked_at


def test_a_git_command_of_the_user_is_waited_for(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    during(repo, "touch .git/index.lock; (sleep 2; rm -f .git/index.lock) > /dev/null 2>&1 &")
    code, said = apart(repo)
    assert code == 0, said
    assert len(subjects(repo)) == 2
    assert repo.changes == ""


def test_files_that_moved_half_way_are_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo(tmp_path / "repo")
    base = repo.head
    repo.write(TARGET, PASSING + "\n# new\n")
    repo.write("new.txt", "new\n")
    new = repo.commit()
    repo.git.run("reset", "-q", "--hard", base)
    folder = repo.top / ".git/orchestrate"
    folder.mkdir()

    def half(self: BranchUpdater, old: str, to: str) -> str:
        repo.write(TARGET, PASSING + "\n# new\n")
        repo.write("new.txt", "new\n")
        return "a file could not be written"

    monkeypatch.setattr(BranchUpdater, "_move_files", half)
    kept = BranchUpdater(repo.git, folder, "main").to(new, old=base)
    assert isinstance(kept, ParkedCommits)
    assert repo.changes == ""
    assert repo.head == base
    assert list(folder.iterdir()) == []


def test_an_advance_to_a_branch_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    ran = repo.run(
        "next-batch", "--isolated", *PYTHON, env={"ORCHESTRATE_STOP_AT": "moved:SIGKILL"}
    )
    assert ran.code == -9
    repo.git.run("branch", "-m", "main", "other")
    code, said = apart(repo)
    assert "main is gone" in said, said
    assert code == 0
    assert repo.changes == ""


@pytest.mark.parametrize("path", ["../escaped", "/etc/passwd", ".git/config"])
def test_what_is_copied_stays_inside(tmp_path: Path, path: str) -> None:
    repo = make_repo(
        tmp_path / "repo", plan=PLAN.replace("phases:", f"worktree: {{copy: [{path}]}}\nphases:")
    )
    assert repo.run("validate").code == 2


def test_what_git_has_is_not_copied_over(tmp_path: Path) -> None:
    repo = make_repo(
        tmp_path / "repo", plan=PLAN.replace("phases:", "worktree: {link: [tests]}\nphases:")
    )
    code, said = apart(repo, "--trust")
    assert code == 3, said
    assert "which is in the checkout already" in said


class Cut(BaseException):
    """What a kill is here."""


def cut(*_: object, **__: object) -> None:
    raise Cut


@pytest.mark.parametrize(
    ("owner", "name"), [(Path, "mkdir"), (Path, "write_text"), (Path, "rename"), (Repo, "run")]
)
def test_a_work_tree_that_is_cut_while_it_is_made_or_removed_breaks_nothing(
    owner: type, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo(tmp_path / "repo")
    common, place = repo.top / ".git", tmp_path / "unique" / "place"
    for step in range(1, 6):
        calls = iter(range(1, step + 1))
        real = getattr(owner, name)

        def once(
            *args: Any, calls: Any = calls, real: Any = real, step: int = step, **more: Any
        ) -> Any:
            return cut() if next(calls, None) == step else real(*args, **more)

        with monkeypatch.context() as patched, contextlib.suppress(Cut):
            patched.setattr(owner, name, once)
            linked.add(repo.git, place, repo.head)
        repo.git.run("rev-list", "--all")
        repo.git.run("gc", "--quiet")
        with monkeypatch.context() as patched, contextlib.suppress(Cut):
            patched.setattr("shutil.rmtree", cut)
            linked.remove(common, place)
        repo.git.run("rev-list", "--all")
        linked.remove(common, place)
        assert not place.exists()
        assert list(common.glob("*.aside")) == []
        assert list((common / "worktrees").glob("*")) == []
