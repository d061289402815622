"""An interrupted run ends what it had started, and looks at the tree once more before it exits."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import PLAN, SampleRepo, make_repo

from orchestrator.commit.journal import Journal

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
RESTAGES = "touch .git/in-hook; for n in 1 2 3 4 5 6 7 8; do echo '# by the hook' >> tests/test_a.py; git add tests/test_a.py; sleep 0.2; done"


def wait_for(file: Path) -> None:
    deadline = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def in_its_hook(repo: SampleRepo, *command: str, hook: str = RESTAGES) -> subprocess.Popen[str]:
    file = repo.top / ".git/hooks/pre-commit"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"#!/bin/sh\n{hook}\n")
    file.chmod(0o755)
    words = [sys.executable, "-m", "orchestrate", *command, "--python", sys.executable]
    run = subprocess.Popen(
        words, cwd=repo.top, text=True, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    wait_for(repo.top / ".git/in-hook")
    return run


@pytest.mark.parametrize("together", [False, True], ids=["alone", "as a terminal does"])
@pytest.mark.parametrize("pause_s", [0.0, 0.3])
def test_fault_104_int_twice_during_a_hook_that_restages(
    pause_s: float, together: bool, tmp_path: Path
) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    head = repo.head
    run = in_its_hook(repo, "next-batch", "--batch", "one")
    for _ in range(2):
        (os.killpg if together else os.kill)(run.pid, signal.SIGINT)
        time.sleep(pause_s)
    code = run.wait(30)
    assert code in ({130} if not together else {130, 1})
    changes = repo.changes
    time.sleep(0.7)  # a hook that lived on would write again
    assert (repo.head, repo.changes, changes) == (head, "", "")
    assert [path for path in repo.leftovers if not path.startswith("rescue/")] == []


def test_fault_104_int_during_the_hook_of_adopt_leaves_what_the_person_wrote(
    tmp_path: Path,
) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    assert repo.run("fix", "tests/test_c.py", "--group", "g").code == 0
    mine = repo.read("tests/test_c.py")
    run = in_its_hook(repo, "adopt", "tests/test_c.py", hook="touch .git/in-hook; sleep 5")
    run.send_signal(signal.SIGINT)
    assert run.wait(30) == 130
    assert repo.read("tests/test_c.py") == mine
    assert (repo.changes, repo.leftovers) == (" M tests/test_c.py", [])


def test_fault_106_a_git_that_outlives_its_run_is_named_and_waited_for(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    base = repo.head
    run = in_its_hook(repo, "next-batch", "--batch", "one", hook="touch .git/in-hook; sleep 3")
    run.kill()
    run.wait()
    ended = repo.run("recover")
    assert ended.code == 0
    assert "what it had started is still at work: git (process " in ended.err
    assert repo.git.parents("HEAD") == [base]
    assert (repo.changes, repo.leftovers) == ("", [])


def killed_after_its_writes(repo: SampleRepo) -> Path:
    repo.run(
        "next-batch", "--python", sys.executable, env={"ORCHESTRATE_STOP_AT": "written:SIGKILL"}
    )
    return repo.top / ".git/orchestrate"


def test_fault_108_every_file_of_the_journal_cut_at_every_length(repo: SampleRepo) -> None:
    """At every third of them: the journal and the copies beside it are never written anywhere so."""
    from orchestrator.errors import NeedsDecision

    folder = killed_after_its_writes(repo)
    edited = repo.read("tests/test_a.py")
    state = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.name != "lock"]
    assert {file.parent.name for file in state} >= {"orchestrate", "before", "after"}
    for file in state:
        whole = file.read_bytes()
        matters = file.name == "journal.json" or file == folder / "before/0"
        for length in range(0, len(whole), 3):
            file.write_bytes(whole[:length])
            if matters:
                with pytest.raises(NeedsDecision, match=r"cannot be read|is damaged"):
                    Journal(folder, repo.git).recover()
                assert repo.read("tests/test_a.py") == edited
        file.write_bytes(whole)
    assert "restored" in Journal(folder, repo.git).recover().sentence
    assert (repo.changes, repo.leftovers) == ("", [])


def test_fault_108_what_is_left_of_a_cut_journal_can_be_set_aside(repo: SampleRepo) -> None:
    folder = killed_after_its_writes(repo)
    edited = repo.read("tests/test_a.py")
    (folder / "journal.json").write_bytes(b'{"format"')
    ended = repo.run("next-batch")
    assert ended.code == 5
    assert "then: orchestrate recover --keep" in ended.err
    assert repo.run("recover", "--keep").code == 0
    assert repo.read("tests/test_a.py") == edited
    assert list((folder / "rescue").rglob("before/0"))


def test_fault_108_a_cut_list_of_what_is_trusted_trusts_nothing(tmp_path: Path) -> None:
    command = "verify:\n  gates: [compile]\n  commands: [{name: ok, run: 'true'}]\nphases:"
    repo = make_repo(tmp_path / "repo", plan=PLAN.replace("phases:", command))
    assert repo.run("next-batch", "--trust", "--python", sys.executable).code == 0
    trusted = repo.top / ".git/orchestrate/trusted"
    whole = trusted.read_bytes()
    for length in (0, 1, len(whole) // 2, len(whole) - 2):
        trusted.write_bytes(whole[:length])
        assert repo.run("next-batch", "--python", sys.executable).code == 3


def test_fault_109_a_record_cut_at_every_length_is_said(repo: SampleRepo) -> None:
    from orchestrator.errors import BadInput

    repo.next_batch()
    record = repo.top / "reports/first/one.json"
    whole = record.read_bytes().rstrip()
    for length in range(0, len(whole), 7):
        record.write_bytes(whole[:length])
        with pytest.raises(BadInput, match=r"one\.json"):
            repo.workspace().status()
