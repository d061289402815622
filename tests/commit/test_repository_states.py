"""Every state a repository can be in is refused with the command that helps, or handled."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
from support import FILES, PASSING, PLAN, SampleRepo, make_repo, plan_with, run_cli

from orchestrator.engine.results import Landed

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")


@pytest.fixture
def quick(tmp_path: Path) -> SampleRepo:
    return make_repo(tmp_path / "repo", plan=QUICK)


def next_batch(repo: SampleRepo, **env: str) -> tuple[int, str]:
    ended = repo.run("next-batch", "--batch", "one", "--python", sys.executable, env=env)
    return ended.code, ended.err


def test_fault_25_a_target_in_a_submodule_is_refused(tmp_path: Path) -> None:
    other = make_repo(tmp_path / "other")
    repo = make_repo(tmp_path / "repo", plan=plan_with(["sub/tests/test_a.py"]))
    repo.git.run(
        "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(other.top), "sub"
    )
    repo.commit("a submodule")
    ended = repo.run("next-batch", "--python", sys.executable)
    assert ended.code == 3
    assert "'sub/tests/test_a.py'" in ended.err
    assert "submodule" in ended.err
    assert (repo.changes, other.changes) == ("", "")


def test_fault_32_a_bare_repository_is_refused(quick: SampleRepo, tmp_path: Path) -> None:
    bare = tmp_path / "bare"
    quick.git.run("clone", "--quiet", "--bare", str(quick.top), str(bare))
    (bare / "migration_plan.yaml").write_text(QUICK)
    ended = run_cli("next-batch", "--batch", "one", cwd=bare)
    assert ended.code == 3
    assert "next: git init" in ended.err


def test_fault_42_a_file_that_is_only_meant_to_be_added_is_refused(quick: SampleRepo) -> None:
    quick.git.run("rm", "--quiet", "--cached", "tests/test_a.py")
    quick.git.run("commit", "--quiet", "-m", "forget it")
    quick.git.run("add", "--intent-to-add", "tests/test_a.py")
    code, said = next_batch(quick)
    assert code == 3
    assert "tests/test_a.py" in said
    assert "next: git" in said


def test_fault_46_a_repository_of_somebody_else_is_refused_and_runs_no_hook(
    quick: SampleRepo,
) -> None:
    hook = quick.top / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch ran\n")
    hook.chmod(0o755)
    code, said = next_batch(quick, GIT_TEST_ASSUME_DIFFERENT_OWNER="1")
    assert code == 3
    assert "next: git config --global --add safe.directory" in said
    assert not (quick.top / "ran").exists()


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["update-index", "--index-version", "4"], id="fault-49 index v4"),
        pytest.param(["update-index", "--split-index"], id="fault-49 split index"),
        pytest.param(["sparse-checkout", "set", "tests"], id="fault-49 sparse"),
    ],
)
def test_other_kinds_of_index_work(command: list[str], tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", {**FILES, "docs/a.md": "a\n"}, plan=QUICK)
    repo.git.run(*command)
    assert next_batch(repo)[0] == 0
    assert repo.changes == ""
    assert "docs/a.md" in repo.git.text("ls-tree", "-r", "--name-only", "HEAD")


def test_fault_50_a_shallow_clone_works(quick: SampleRepo, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    quick.commit("one more")
    quick.git.run("clone", "--quiet", "--depth=1", f"file://{quick.top}", str(clone))
    from orchestrator.vcs import Repo

    repo = SampleRepo(clone, Repo(clone))
    for name in ("user.name", "user.email"):
        repo.git.run("config", name, "test@example.invalid")
    assert next_batch(repo)[0] == 0
    assert repo.changes == ""


def test_fault_52_no_git_at_all_cannot_judge(quick: SampleRepo, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, said = next_batch(quick, PATH=str(tmp_path / "empty"))
    assert code == 4
    assert "git cannot be started" in said
    assert "next: git --version" in said


def test_fault_52_a_git_that_is_too_old_cannot_judge(quick: SampleRepo, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    git = folder / "git"
    git.write_text("#!/bin/sh\necho git version 2.17.1\n")
    git.chmod(0o755)
    code, said = next_batch(quick, PATH=f"{folder}{os.pathsep}{os.environ['PATH']}")
    assert code == 4
    assert "git 2.17.1" in said


def test_fault_53_it_works_from_a_subfolder(quick: SampleRepo) -> None:
    ended = run_cli(
        "next-batch", "--batch", "one", "--python", sys.executable, cwd=quick.top / "tests"
    )
    assert ended.code == 0, ended.err
    assert quick.changes == ""


def test_fault_55_only_the_intended_lines_of_a_file_with_carriage_returns_change(
    tmp_path: Path,
) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    repo.git.run("config", "core.autocrlf", "true")
    (repo.top / "tests/test_a.py").write_bytes(PASSING.replace("\n", "\r\n").encode())
    assert next_batch(repo)[0] == 0
    removed = repo.git.text("log", "-1", "--numstat", "--format=", "--", "tests/test_a.py").split()
    assert removed[1] == "0"
    data = (repo.top / "tests/test_a.py").read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n")
    assert repo.changes == ""


def test_fault_56_the_executable_bit_is_kept(quick: SampleRepo) -> None:
    (quick.top / "tests/test_a.py").chmod(0o755)
    quick.commit("executable")
    assert next_batch(quick)[0] == 0
    rows = quick.git.text("ls-tree", "HEAD", "tests/").splitlines()
    assert [row[:6] for row in rows] == ["100755", "100644", "100644"]


def test_fault_57_a_file_under_a_filter_is_refused(quick: SampleRepo) -> None:
    quick.write(".gitattributes", "tests/test_a.py filter=lfs\n")
    quick.git.run("config", "filter.lfs.clean", "cat")
    quick.git.run("config", "filter.lfs.smudge", "cat")
    quick.commit("large files")
    code, said = next_batch(quick)
    assert code == 3
    assert "filter" in said
    assert "'tests/test_a.py'" in said
    assert quick.read("tests/test_a.py") == PASSING


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(b"tests/test_\xff.py", id="fault-54 not UTF-8"),
        pytest.param(b"tests/test_\n.py", id="fault-54 newline"),
    ],
)
def test_odd_names_beside_the_batch_disturb_nothing(name: bytes, tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    (repo.top / os.fsdecode(name)).write_text(PASSING)
    repo.commit("an odd name")
    assert next_batch(repo)[0] == 0
    assert repo.run("status").code == 0
    assert repo.changes == ""


def test_fault_113_a_run_that_was_stopped_still_holds_the_lock(quick: SampleRepo) -> None:
    import signal
    import subprocess

    command = [sys.executable, "-m", "orchestrate", "next-batch", "--python", sys.executable]
    env = {**os.environ, "ORCHESTRATE_STOP_AT": "written:SIGSTOP"}
    child = subprocess.Popen(command, cwd=quick.top, env=env, stderr=subprocess.DEVNULL)
    os.waitpid(child.pid, os.WUNTRACED)
    code, said = next_batch(quick)
    assert code == 9
    assert f"process {child.pid}" in said
    child.send_signal(signal.SIGCONT)
    assert child.wait(60) == 0
    assert quick.changes == ""


def test_fault_112_of_four_runs_at_once_one_works(quick: SampleRepo) -> None:
    import subprocess

    command = [sys.executable, "-m", "orchestrate", "next-batch", "--python", sys.executable]
    hook = quick.top / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\nsleep 4\n")
    hook.chmod(0o755)
    runs = [
        subprocess.Popen([*command, "--batch", "one"], cwd=quick.top, stderr=subprocess.DEVNULL)
        for _ in range(4)
    ]
    assert sorted(run.wait(120) for run in runs) == [0, 9, 9, 9]
    assert quick.changes == ""


def test_fault_114_a_clock_that_jumps_decides_nothing(quick: SampleRepo) -> None:
    for path in FILES:
        os.utime(quick.top / path, (4_000_000_000, 4_000_000_000))
    for stamp in ("2001-01-01T00:00:00Z", "2090-01-01T00:00:00Z"):
        env = {"GIT_COMMITTER_DATE": stamp, "GIT_AUTHOR_DATE": stamp}
        ended = quick.run("next-batch", "--python", sys.executable, env=env)
        assert ended.code == 0, ended.err
    assert quick.run("status", "--check").code == 0
    assert quick.changes == ""


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_fault_111_a_read_only_folder_is_a_disk_error(quick: SampleRepo) -> None:
    (quick.top / "tests").chmod(0o555)
    try:
        code, said = next_batch(quick)
    finally:
        (quick.top / "tests").chmod(0o755)
    assert code == 7
    assert "cannot write" in said
    assert quick.changes == ""


def test_fault_111_a_folder_nobody_can_write_to_is_a_disk_error(
    quick: SampleRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root sees no permissions, the system call itself says no."""
    from orchestrator.errors import DiskError

    real = os.open

    def refusing(*args: Any, **options: Any) -> int:
        if "dir_fd" in options and args[1] & os.O_CREAT:  # a file of the work tree is made
            raise PermissionError(13, "Permission denied")
        return real(*args, **options)

    monkeypatch.setattr(os, "open", refusing)
    with pytest.raises(DiskError, match=r"cannot write .*tests/test_a\.py.*Permission denied"):
        quick.next_batch()
    monkeypatch.undo()
    assert (quick.changes, quick.leftovers) == ("", [])
    assert isinstance(quick.next_batch(), Landed)


def test_fault_117_a_record_without_its_code_and_code_without_its_record(
    quick: SampleRepo,
) -> None:
    import json

    assert next_batch(quick)[0] == 0
    quick.git.run("checkout", "--quiet", "HEAD~1", "--", "tests")
    quick.commit("the code alone was reverted")
    states = json.loads(quick.run("status", "--json").out)
    assert "regressed" in json.dumps(states)
    quick.git.run("checkout", "--quiet", "HEAD~1", "--", "tests")
    quick.git.run("rm", "--quiet", "reports/first/one.json")
    quick.commit("the record alone was lost")
    assert "compliant" in quick.run("status", "--json").out
    assert next_batch(quick)[0] == 0
    assert quick.run("status", "--json").out.count('"done"') >= 1


@pytest.mark.parametrize(
    "command", [["next-batch", "--dry-run"], ["validate"]], ids=["a preview", "validate"]
)
def test_a_detached_head_is_told_where_nothing_is_committed(
    repo: SampleRepo, command: list[str]
) -> None:
    repo.git.run("checkout", "--quiet", "--detach")
    ran = repo.run(*command)
    assert ran.code == 0, ran
    assert "HEAD is detached: next-batch needs a branch to commit on\n" in ran.err
    assert "next: git switch -c BRANCH\n" in ran.err


def test_init_says_that_head_is_detached(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    repo.git.run("rm", "--quiet", "migration_plan.yaml")
    repo.commit()
    repo.git.run("checkout", "--quiet", "--detach")
    ran = repo.run("init", "--python", sys.executable)
    assert ran.code == 0, ran
    assert "HEAD is detached" in ran.err


@pytest.mark.parametrize("way", [[], ["--isolated"], ["--all", "--jobs", "2"]])
def test_a_detached_head_is_refused_before_anything_is_started(
    repo: SampleRepo, way: list[str]
) -> None:
    repo.git.run("checkout", "--quiet", "--detach")
    ran = repo.run("next-batch", *way, "--python", "no-such-python")
    assert ran.code == 3, ran
    assert ran.err.startswith("error: HEAD is detached")


@pytest.mark.parametrize("ref", ["refs/tags/HEAD", "refs/heads/HEAD"])
@pytest.mark.parametrize("way", [[], ["--isolated"]], ids=str)
def test_a_tag_or_a_branch_that_is_called_head_changes_nothing(
    quick: SampleRepo, ref: str, way: list[str]
) -> None:
    quick.git.run("update-ref", ref, "HEAD")
    ran = quick.run("next-batch", *way, "--python", sys.executable)
    assert ran.code == 0, ran
    assert quick.git.text("symbolic-ref", "HEAD") == "refs/heads/main"
    assert quick.changes == ""
