"""A run that was killed is undone or finished by the next one; unknown bytes wait for a person."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from support import FILES, PASSING, SampleRepo, make_repo

from orchestrator.base.changes import Change
from orchestrator.base.paths import RepoPath
from orchestrator.commit.journal import Journal, TransactionHeader
from orchestrator.commit.lock import only_run
from orchestrator.engine.results import Landed
from orchestrator.errors import Locked, NeedsDecision

SLOW = "import time\n\n\nclass TestAlpha:\n    def test_one(self):\n        time.sleep(60)\n"


@pytest.fixture
def slow(tmp_path: Path) -> SampleRepo:
    """A repository whose first batch is tested for a minute."""
    return make_repo(tmp_path / "repo", {**FILES, "tests/test_a.py": SLOW})


def started(repo: SampleRepo) -> subprocess.Popen[bytes]:
    """`next-batch` in its own process, once it has written its edits."""
    child = subprocess.Popen(
        [sys.executable, "-m", "orchestrate", "next-batch", "--python", sys.executable],
        cwd=repo.top, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    wait_until(lambda: "xdist_group" in repo.read("tests/test_b.py"))
    return child


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_killed_run_is_undone_by_the_next_one(slow: SampleRepo) -> None:
    child = started(slow)
    child.kill()
    child.wait()
    assert slow.changes != ""
    ended = slow.run("recover")
    assert (ended.code, ended.out) == (0, "first/one was undone: 2 files restored\n")
    assert (slow.changes, slow.leftovers) == ("", [])


def test_what_a_killed_run_left_running_is_ended(slow: SampleRepo) -> None:
    child = started(slow)
    wait_until(lambda: bool(running_tests(slow)))
    child.kill()
    child.wait()
    assert running_tests(slow)
    assert slow.run("recover").code == 0
    assert running_tests(slow) == []


def test_status_says_that_a_run_was_interrupted(repo: SampleRepo) -> None:
    interrupted(repo)
    for arguments in (["status"], ["next-batch", "--dry-run"]):
        ended = repo.run(*arguments)
        assert "an earlier run was interrupted" in ended.err
        assert "next: orchestrate recover" in ended.err


def test_fault_106_a_commit_that_outlives_its_run_is_waited_for(repo: SampleRepo) -> None:
    hook = repo.top / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch .git/in-hook\nsleep 6\n")
    hook.chmod(0o755)
    base = repo.head
    child = started(repo)
    wait_until((repo.top / ".git/in-hook").exists)
    child.kill()
    child.wait()
    assert repo.run("status").code == 0
    wait_until(lambda: repo.head != base)
    wait_until(lambda: repo.run("recover").code != 9)
    assert repo.git.parents("HEAD") == [base]
    assert "reports/first/one.json" in repo.git.changed_by("HEAD")
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_second_interrupt_does_not_leave_the_tests_running(tmp_path: Path) -> None:
    stubborn = SLOW.replace(
        "import time\n", "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    )
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_a.py": stubborn})
    child = started(repo)
    wait_until(lambda: bool(running_tests(repo)))
    time.sleep(2)
    for _ in range(2):
        child.send_signal(signal.SIGINT)
        time.sleep(0.5)
    assert child.wait(60) == 130
    assert (running_tests(repo), repo.changes, repo.leftovers) == ([], "", [])


def test_next_batch_itself_recovers_first(repo: SampleRepo) -> None:
    interrupted(repo)
    assert isinstance(repo.next_batch(), Landed)
    assert (repo.changes, repo.leftovers) == ("", [])


def test_fault_107_an_edit_after_the_crash_is_never_overwritten(repo: SampleRepo) -> None:
    interrupted(repo)
    repo.write("tests/test_a.py", "# mine\n")
    with pytest.raises(NeedsDecision, match=r"'tests/test_a\.py' changed since"):
        repo.next_batch()
    assert repo.read("tests/test_a.py") == "# mine\n"
    ended = repo.run("recover")
    assert ended.code == 5
    assert "orchestrate recover --keep" in ended.err
    assert repo.run("recover", "--keep").code == 0
    assert repo.read("tests/test_a.py") == "# mine\n"
    assert repo.read("tests/test_b.py") == FILES["tests/test_b.py"]


def test_restoring_keeps_a_copy_of_what_the_user_wrote(repo: SampleRepo) -> None:
    interrupted(repo)
    repo.write("tests/test_a.py", "# mine\n")
    assert repo.run("recover", "--restore").code == 0
    assert repo.read("tests/test_a.py") == PASSING
    rescued = list((repo.top / ".git/orchestrate/rescue").rglob("test_a.py"))
    assert [file.read_text() for file in rescued] == ["# mine\n"]


def test_restoring_gives_a_file_its_mode_back(repo: SampleRepo) -> None:
    (repo.top / "tests/test_a.py").chmod(0o755)
    repo.commit()
    interrupted(repo)
    repo.write("tests/test_a.py", "# mine\n")
    (repo.top / "tests/test_a.py").chmod(0o600)
    assert repo.run("recover", "--restore").code == 0
    assert (repo.top / "tests/test_a.py").stat().st_mode & 0o777 == 0o755
    assert repo.changes == ""


def test_fault_118_what_a_dead_run_left_in_the_temporary_folder_goes(
    repo: SampleRepo, tmp_path: Path
) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    space = Path("/proc/self/ns/pid").stat().st_ino
    dead = temp / f"orchestrate-gate-{space}.4194303-x"
    others = [
        temp / f"orchestrate-gate-{space}.{os.getpid()}-x",  # alive
        temp / f"orchestrate-gate-{space + 1}.4194303-x",  # of another container
        temp / "orchestrate-gate-mine",
        temp / "somebody",
    ]
    for folder in (dead, *others):
        folder.mkdir()
    assert repo.run("recover", env={"TMPDIR": str(temp)}).code == 0
    assert not dead.exists()
    assert all(folder.is_dir() for folder in others)


def test_what_a_run_left_half_written_goes(repo: SampleRepo) -> None:
    folder = repo.top / ".git/orchestrate"
    repo.run(
        "next-batch", "--python", sys.executable, env={"ORCHESTRATE_STOP_AT": "written:SIGKILL"}
    )
    halves = [
        folder / ".orchestrate-x.tmp",
        folder / "index",
        repo.top / "tests/.orchestrate-y.tmp",
    ]
    for half in halves:
        half.write_text(PASSING[:20])
    assert repo.run("recover").code == 0
    assert (repo.changes, repo.leftovers) == ("", [])
    (folder / "before").mkdir()
    (folder / "before/0").write_text("of a run that died before its journal was there")
    assert repo.run("recover").code == 0
    assert repo.leftovers == []


def test_what_lies_beside_a_file_and_was_never_seen_is_kept(repo: SampleRepo) -> None:
    """What a file held that was replaced in the very moment of a crash: nobody had looked at it."""
    stop = {"ORCHESTRATE_STOP_AT": "written:SIGKILL"}
    repo.run("next-batch", "--python", sys.executable, env=stop)
    (repo.top / "tests/.orchestrate-y.tmp").write_text("by the user")
    assert repo.run("recover").code == 0
    assert repo.changes == ""
    (kept,) = [path for path in repo.leftovers if path.startswith("rescue/")]
    assert (repo.top / ".git/orchestrate" / kept).read_text() == "by the user"


def test_a_commit_that_landed_is_kept(repo: SampleRepo) -> None:
    journal = journal_of(repo)
    place = "first/one"
    before = {p: (repo.top / p).read_bytes() for p in ("tests/test_a.py", "tests/test_b.py")}
    base = repo.head
    repo.next_batch()
    journal.prepare(
        TransactionHeader(place, "main", base, RepoPath("reports/first/one.json"), base), before
    )
    journal.applying(
        [Change(RepoPath(p), data, (repo.top / p).read_bytes()) for p, data in before.items()]
    )
    journal.committing()
    head = repo.head
    assert "had landed" in journal.recover().sentence
    assert (repo.head, repo.changes, repo.leftovers) == (head, "", [])


def test_fault_108_a_journal_cut_at_any_length_overwrites_nothing(repo: SampleRepo) -> None:
    interrupted(repo)
    file = repo.top / ".git/orchestrate/journal.json"
    whole, edited = file.read_bytes(), repo.read("tests/test_a.py")
    for length in range(0, len(whole) - 1, 7):
        file.write_bytes(whole[:length])
        with pytest.raises(NeedsDecision, match="cannot be read"):
            journal_of(repo).recover()
        assert repo.read("tests/test_a.py") == edited


def test_nothing_to_recover_is_no_error(repo: SampleRepo) -> None:
    ended = repo.run("recover")
    assert (ended.code, ended.out) == (0, "Nothing to recover: no run was interrupted here.\n")


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["fault-104 INT", "fault-104 TERM"]
)  # fmt: skip
def test_a_signal_rolls_back_and_ends_the_tests(
    number: signal.Signals, code: int, slow: SampleRepo
) -> None:
    child = started(slow)
    time.sleep(1)
    child.send_signal(number)
    assert child.wait(60) == code
    assert (slow.changes, slow.leftovers) == ("", [])
    assert running_tests(slow) == []


def test_fault_112_a_second_run_says_that_one_is_at_work(repo: SampleRepo) -> None:
    with only_run(repo.top / ".git/orchestrate"):
        with pytest.raises(Locked):
            repo.next_batch()
        assert repo.run("next-batch").code == 9
    assert isinstance(repo.next_batch(), Landed)


def running_tests(repo: SampleRepo) -> list[int]:
    """The processes that run tests in the repository."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd() == str(repo.top) and "orchestrate_probe" in process.cmdline():
                found.append(process.pid)
    return found


def journal_of(repo: SampleRepo) -> Journal:
    folder = repo.top / ".git/orchestrate"
    folder.mkdir(exist_ok=True)
    return Journal(folder, repo.git)


def interrupted(repo: SampleRepo) -> None:
    """Leave the repository as a run does that dies after its writes."""
    journal = journal_of(repo)
    paths = ("tests/test_a.py", "tests/test_b.py")
    before = {path: (repo.top / path).read_bytes() for path in paths}
    journal.prepare(
        TransactionHeader(
            "first/one", "main", repo.head, RepoPath("reports/first/one.json"), repo.head
        ),
        before,
    )
    journal.applying(
        [Change(RepoPath(path), data, data + b"# edited\n") for path, data in before.items()]
    )
    for path, data in before.items():
        (repo.top / path).write_bytes(data + b"# edited\n")


RED_THEN_SLOW = """\
import pathlib
import time


class TestAlpha:
    def test_one(self):
        if "xdist_group" in pathlib.Path(__file__).read_text():
            raise RuntimeError("with the edit")
        time.sleep(60)
"""


@pytest.fixture
def at_its_baseline(tmp_path: Path) -> Iterator[tuple[SampleRepo, subprocess.Popen[bytes]]]:
    """A run that asks how a red test did before: its files hold their old bytes again."""
    repo = make_repo(tmp_path / "repo", {**FILES, "tests/test_a.py": RED_THEN_SLOW})
    child = started(repo)
    wait_until(lambda: "mark.xdist_group" not in repo.read("tests/test_a.py"))
    wait_until(lambda: bool(running_tests(repo)))
    yield repo, child
    child.kill()
    child.wait()


def test_a_run_killed_while_it_asks_for_the_baseline_is_undone(
    at_its_baseline: tuple[SampleRepo, subprocess.Popen[bytes]],
) -> None:
    repo, child = at_its_baseline
    child.kill()
    child.wait()
    assert repo.run("recover").code == 0
    assert (repo.changes, repo.leftovers, running_tests(repo)) == ("", [], [])


def test_a_signal_during_the_baseline_puts_everything_back(
    at_its_baseline: tuple[SampleRepo, subprocess.Popen[bytes]],
) -> None:
    repo, child = at_its_baseline
    head = repo.head
    child.send_signal(signal.SIGINT)
    assert child.wait(30) == 130
    assert (repo.head, repo.changes, repo.leftovers) == (head, "", [])
    assert running_tests(repo) == []


def test_a_series_that_was_interrupted_goes_on_where_it_was(slow: SampleRepo) -> None:
    slow.run("next-batch", "--batch", "two", "--python", sys.executable)
    child = started(slow)
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 143
    slow.write("tests/test_a.py", PASSING)
    slow.commit("faster")
    ended = slow.run("next-batch", "--all", "--python", sys.executable)
    assert (ended.code, len(ended.out.splitlines())) == (0, 1)
    assert "(First, batch 1/2)" in ended.out
