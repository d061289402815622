"""Files that are made and removed: after a crash, at the hands of somebody else, and in order."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support import SampleRepo, fixer_plan, make_repo

from orchestrator.base import files, tempdirs
from orchestrator.base.changes import Change, Unit, line_counts, merged
from orchestrator.base.paths import RepoPath
from orchestrator.commit.journal import Journal, RecoverChoice, TransactionHeader
from orchestrator.engine.context.events import ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.decisions.undo import undo
from orchestrator.engine.results import Landed
from orchestrator.errors import ChangedMeanwhile, NeedsDecision, Refused
from orchestrator.worktrees import checkout
from orchestrator.worktrees.scratch import ScratchCopy, sweep


def unit(*targets: str, **contents: tuple[bytes | None, bytes | None]) -> Unit:
    return Unit(targets, tuple(Change(RepoPath(path), *sides) for path, sides in contents.items()))


def test_units_that_share_a_file_or_a_target_are_one() -> None:
    first = unit("a", a=(b"1", b"2"), shared=(b"s", b"t"))
    second = unit("b", b=(b"1", b"2"), shared=(b"t", b"u"))
    third = unit("c", c=(None, b"new"))
    assert [u.targets for u in merged([first, third, second])] == [("c",), ("a", "b")]
    (_, both) = merged([first, third, second])
    change = both.change("shared")
    assert change is not None
    assert (change.before, change.after) == (b"s", b"u")


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        (b"a\nb\n", b"a\nc\nd\n", {"added lines": 2, "removed lines": 1}),
        (None, b"a\nb\n", {"new files": 1, "added lines": 2}),
        (b"a\n", None, {"removed files": 1, "removed lines": 1}),
    ],
    ids=["edited", "made", "removed"],
)
def test_lines_are_counted(before: bytes | None, after: bytes | None, counts: object) -> None:
    assert line_counts(before, after) == counts


def test_a_file_is_made_and_removed_only_where_it_is_what_it_should_be(tmp_path: Path) -> None:
    name, path = RepoPath("deep/er/file"), tmp_path / "deep/er/file"
    files.compare_and_swap(tmp_path, name, expected=None, data=b"new", mode=0o755)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", 0o755)
    with pytest.raises(ChangedMeanwhile):
        files.compare_and_swap(tmp_path, name, expected=None, data=b"other", mode=0o644)
    with pytest.raises(ChangedMeanwhile):
        files.compare_and_swap(tmp_path, name, expected=b"old", data=None, mode=0o644)
    assert path.read_bytes() == b"new"
    files.compare_and_swap(tmp_path, name, expected=b"new", data=None, mode=0o644)
    assert list(tmp_path.iterdir()) == []


CHANGES = [
    Change(RepoPath("tests/test_a.py"), b"old a\n", b"new a\n"),
    Change(RepoPath("made/here.py"), None, b"made\n", mode=0o755),
    Change(RepoPath("gone.sh"), b"#!/bin/sh\n", None, mode=0o755),
]


def crashed(top: Path) -> tuple[SampleRepo, Journal]:
    """A repository as a run leaves it that dies once it has edited, made and removed a file."""
    repo = make_repo(top, {"tests/test_a.py": "old a\n", "gone.sh": "#!/bin/sh\n"})
    (top / "gone.sh").chmod(0o755)
    repo.commit("a program")
    folder = top / ".git/orchestrate"
    folder.mkdir()
    journal = Journal(folder, repo.git)
    before = {"tests/test_a.py": b"old a\n", "gone.sh": b"#!/bin/sh\n"}
    journal.prepare(
        TransactionHeader(
            "only/one", "main", repo.head, RepoPath("reports/only/one.json"), repo.head
        ),
        before,
    )
    journal.applying(CHANGES)
    for change in CHANGES:
        files.compare_and_swap(
            top, change.path, expected=change.before, data=change.after, mode=change.mode
        )
    return repo, journal


def test_a_crash_takes_back_what_was_made_and_brings_back_what_was_removed(tmp_path: Path) -> None:
    repo, journal = crashed(tmp_path / "r")
    assert "3 files restored" in journal.recover().sentence
    assert (repo.changes, repo.leftovers) == ("", [])
    assert os.access(repo.top / "gone.sh", os.X_OK)
    assert not (repo.top / "made").exists()


@pytest.mark.parametrize("path", ["made/here.py", "gone.sh"])
def test_what_somebody_wrote_since_needs_a_decision(path: str, tmp_path: Path) -> None:
    repo, journal = crashed(tmp_path / "r")
    repo.write(path, "mine\n")
    with pytest.raises(NeedsDecision, match=path):
        journal.recover()
    kept = journal.recover(RecoverChoice.KEEP)
    assert kept.kept == [path]
    assert repo.read(path) == "mine\n"
    assert repo.read("tests/test_a.py") == "old a\n"


def test_restoring_keeps_a_copy_of_what_somebody_wrote_since(tmp_path: Path) -> None:
    repo, journal = crashed(tmp_path / "r")
    repo.write("made/here.py", "mine\n")
    (copy,) = journal.recover(RecoverChoice.RESTORE).rescued
    assert copy.read_text() == "mine\n"
    assert repo.changes == ""


def test_a_further_rung_replaces_what_the_journal_knows(tmp_path: Path) -> None:
    """What an earlier rung wrote was restored before: it would be somebody else's now."""
    repo, journal = crashed(tmp_path / "r")
    for change in CHANGES:
        files.compare_and_swap(
            repo.top, change.path, expected=change.after, data=change.before, mode=change.mode
        )
    journal.applying([Change(RepoPath("tests/test_a.py"), b"old a\n", b"newer a\n")])
    repo.write("tests/test_a.py", "newer a\n")
    journal.recover()
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_copy_that_a_killed_run_left_goes_with_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = make_repo(tmp_path / "r")
    folder = repo.top / ".git/orchestrate"
    used, left = ScratchCopy(repo.git, folder), ScratchCopy(repo.git, folder)
    used.hold({})
    with monkeypatch.context() as patch:
        patch.setattr(os, "getpid", dead_process)
        left.hold({})
    sweep(folder)
    assert not left.folder.exists()
    assert used.folder.exists()  # its process is alive
    used.close()
    assert list(folder.iterdir()) == []


def dead_process() -> int:
    """The number of a process that is no more."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


NOTES = {
    "a folder of the user's": {},
    "one called as ours are": {"folder": "{outside}/orchestrate-scratch-mine"},
    "behind a tracked link": {"folder": "{top}/link/orchestrate-scratch-mine"},
    "with another token": {"folder": "{outside}/orchestrate-scratch-mine", "token": "other"},
    "a relative one": {"folder": "orchestrate-scratch-mine"},
    "the root": {"folder": "/"},
}


@pytest.mark.parametrize("kind", ["scratch", "worktree"])
@pytest.mark.parametrize("said", NOTES.values(), ids=NOTES)
def test_a_note_that_a_stranger_planted_removes_nothing_but_itself(
    kind: str, said: dict[str, str], tmp_path: Path
) -> None:
    repo = make_repo(tmp_path / "r", {"a.py": ""})
    outside = tmp_path / "outside"
    folder = outside / f"orchestrate-{kind}-mine"
    (folder / "r").mkdir(parents=True)
    (folder / "r/.git").write_text("gitdir: nowhere")
    (folder / "precious").write_text("years of work")
    (folder / ".orchestrate-folder").write_text("token")
    (repo.top / "link").symlink_to(outside)
    note: dict[str, Any] = {
        "folder": str(outside),
        "token": "token",
        "run": "",
        "pid": dead_process(),
    }
    note |= {"pids": tempdirs.pid_namespace()}
    note |= {k: v.format(outside=outside, top=repo.top) for k, v in said.items()}
    note["folder"] = note["folder"].replace("scratch", kind)
    if said.get("token") is None and "link" not in note["folder"]:
        (folder / ".orchestrate-folder").unlink()
    notes = repo.top / ".git/orchestrate"
    notes.mkdir()
    planted = notes / f"{kind}-planted"
    planted.write_text(json.dumps(note))
    sweep(notes)
    checkout.sweep(notes, repo.git)
    assert (folder / "precious").read_text() == "years of work"
    assert not planted.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[" * 5_000, "/etc", '{"folder": 1}', "{}"], ids=range(6)
)
def test_a_note_that_is_none_is_removed(text: str, tmp_path: Path) -> None:
    (tmp_path / "scratch-x").write_text(text)
    (tmp_path / "scratch-pipe").symlink_to("/dev/zero")
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_what_a_program_put_in_the_place_of_a_folder_leads_nowhere(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", {"d/x.py": "x\n", "d/y.py": "y\n"})
    copy = ScratchCopy(repo.git, repo.top / ".git/orchestrate")
    copy.hold({})
    outside = tmp_path / "outside"
    outside.mkdir()
    for name in ("x.py", "y.py"):
        (outside / name).write_text("outside\n")
    shutil.rmtree(copy.folder / "d")
    (copy.folder / "d").symlink_to(outside)
    copy.write({"d/y.py": None})
    copy.write({"d/x.py": b"new\n"})
    copy.hold({"d/x.py": b"held\n", "d/e/z.py": b"z\n"})
    assert {p.name: p.read_text() for p in outside.iterdir()} == {
        "x.py": "outside\n", "y.py": "outside\n",
    }  # fmt: skip
    assert (copy.folder / "d/y.py").read_text() == "y\n"
    copy.close()


@pytest.mark.parametrize("make", [os.mkfifo, lambda p: p.symlink_to("/dev/zero")])
def test_what_a_program_left_and_is_no_file_is_not_read(
    make: Callable[[Path], object], tmp_path: Path
) -> None:
    repo = make_repo(tmp_path / "r", {"a.py": "a\n"})
    copy = ScratchCopy(repo.git, repo.top / ".git/orchestrate")
    copy.hold({})
    (copy.folder / "a.py").unlink()
    make(copy.folder / "a.py")
    make(copy.folder / "new.py")
    (copy.folder / "back\\slash.py").write_text("")
    changed = copy.changed()
    assert all(now.unsupported_reason for now in changed.values())
    assert set(changed) == {"a.py", "new.py", "back\\slash.py"}
    copy.close()


def test_the_copy_follows_the_tree_and_forgets_what_programs_did(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", {"a.py": "a = 1\n", "b.py": "b = 1\n"})
    (repo.top / ".git/orchestrate").mkdir()
    copy = ScratchCopy(repo.git, repo.top / ".git/orchestrate")
    copy.hold({"a.py": b"a = 2\n"})
    assert copy.changed() == {}
    (copy.folder / "b.py").write_text("b = 9\n")
    (copy.folder / "new.py").write_text("")
    (copy.folder / "migration_plan.yaml").unlink()
    assert {path: now.content for path, now in copy.changed().items()} == {
        "b.py": b"b = 9\n", "migration_plan.yaml": None, "new.py": b"",
    }  # fmt: skip
    repo.write("b.py", "b = 3\n")
    copy.hold({})
    assert copy.changed() == {}
    assert (copy.folder / "a.py").read_text() == "a = 1\n"
    assert (copy.folder / "b.py").read_text() == "b = 3\n"
    assert not (copy.folder / "new.py").exists()
    copy.close()
    assert not list((repo.top / ".git/orchestrate").iterdir())


@pytest.mark.parametrize("kind", ["shallow", "linked worktree", "sha256"])
def test_a_copy_can_be_made_of_every_kind_of_repository(kind: str, tmp_path: Path) -> None:
    source = make_repo(tmp_path / "source", {"a.py": "a = 1\n"})
    source.commit("second")
    top = tmp_path / "r"
    if kind == "shallow":
        source.git.run("clone", "--quiet", "--depth=1", f"file://{source.top}", str(top))
    elif kind == "linked worktree":
        source.git.run("worktree", "add", "--quiet", "-b", "other", str(top))
    else:
        top.mkdir()
        source.git.run("init", "--quiet", "--object-format=sha256", str(top))
        (top / "a.py").write_text("a = 1\n")
    git = type(source.git)(top)
    if kind == "sha256":
        git.run("add", "a.py")
        git.run("-c", "user.name=x", "-c", "user.email=x@example.invalid", "commit", "-qm", "one")
    note = tmp_path / "notes/scratch"
    copy = ScratchCopy(git, note)
    copy.hold({"a.py": b"a = 2\n"})
    inside = type(git)(copy.folder)
    assert inside.text("rev-parse", "HEAD") == git.text("rev-parse", "HEAD")
    assert inside.text("status", "--porcelain").split() == ["M", "a.py"]
    copy.close()


MADE = "import sys\nfor path in sys.argv[1:]:\n    text = open(path).read()\n    open(path, 'w').write(text.replace('old', 'new'))\nopen('made.txt', 'w').write('made')\n"


def made_repo(top: Path) -> SampleRepo:
    plan = fixer_plan(
        ["tests/test_a.py"],
        fixer='fixer: command\noptions: {run: "{python} tool.py {files}", may_touch: [made.txt]}',
    )
    test = "def test_a():\n    assert 'old' != 'x'\n"
    held = {".gitignore": "__pycache__/\n", "tool.py": MADE, "tests/test_a.py": test}
    return make_repo(top, held, plan=plan)


def test_a_file_git_ignores_is_no_change_and_stays_what_it_is(tmp_path: Path) -> None:
    repo = made_repo(tmp_path / "r")
    (repo.top / ".git/info").mkdir(exist_ok=True)
    (repo.top / ".git/info/exclude").write_text("made.txt\n")
    repo.write("made.txt", "mine, and ignored")
    result = repo.next_batch(trust=True)
    assert isinstance(result, Landed)
    assert result.record.others == ()
    assert repo.read("made.txt") == "mine, and ignored"


def test_undo_says_what_is_in_the_way_of_a_file_that_was_made(tmp_path: Path) -> None:
    repo = made_repo(tmp_path / "r")
    assert isinstance(repo.next_batch(trust=True), Landed)
    repo.write("made.txt", "changed since")
    repo.commit("mine")
    with pytest.raises(Refused, match=r"made\.txt"):
        undo(repo.workspace(), "one", RunOptions(sys.executable), ignore_events)
    assert repo.read("made.txt") == "changed since"


def test_undo_works_on_a_file_the_plan_has_dropped_since(tmp_path: Path) -> None:
    plan = fixer_plan(
        ["tests/test_a.py", "tests/test_b.py"],
        fixer='fixer: command\noptions: {run: "{python} tool.py {files}", may_touch: [made.txt]}',
    )
    test = "def test_a():\n    assert 'old' != 'x'\n"
    held = {".gitignore": "__pycache__/\n", "tool.py": MADE, "tests/test_a.py": test, "tests/test_b.py": test}  # fmt: skip
    repo = make_repo(tmp_path / "r", held, plan=plan)
    assert isinstance(repo.next_batch(trust=True), Landed)
    repo.write("migration_plan.yaml", plan.replace("          - {path: tests/test_b.py}\n", ""))
    repo.commit("b is dropped")
    undone = undo(repo.workspace(), "one", RunOptions(sys.executable, trust=True), ignore_events)
    assert undone.commit is not None
    assert repo.read("tests/test_b.py") == test


def test_workers_are_given_up_for_the_rest_of_a_batch(tmp_path: Path) -> None:
    """A lost worker is tried once more in one process, and so is everything after it."""
    from orchestrator.gates.attribution.suite import Suite
    from orchestrator.plan.verify import Verify
    from orchestrator.project.interpreter import Wanted, interpreter

    python = interpreter(tmp_path, Wanted(option=sys.executable))
    suite = Suite(tmp_path, python, Verify(), one_process=True)
    assert suite.again().one_process
    assert suite.again().runs == []


def test_a_file_of_the_copy_is_younger_with_each_side(tmp_path: Path) -> None:
    """Bytecode of one side is never taken for that of the next: it knows seconds and size only."""
    repo = make_repo(tmp_path / "r", {"x.py": "x = 0\n"})
    os.utime(repo.top / "x.py", (1_000_000_000, 1_000_000_000))
    copy, seconds = ScratchCopy(repo.git, repo.top / ".git/orchestrate"), []
    for content in (b"x = 1\n", b"x = 2\n", b"x = 1\n"):
        copy.hold({"x.py": content})
        seconds.append(int((copy.folder / "x.py").stat().st_mtime))
    copy.close()
    assert seconds == sorted(set(seconds))
