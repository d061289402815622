"""What anybody may push is read as a stranger's: it can be wrong, and no more than that."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import FILES, PLAN, SampleRepo, landed_repo, make_repo

from orchestrator.base.outcomes import TargetState
from orchestrator.base.paths import RepoPath
from orchestrator.commit.journal import Journal
from orchestrator.engine.context.events import ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.decisions.retry import retry
from orchestrator.engine.decisions.undo import undo
from orchestrator.engine.results import Landed
from orchestrator.errors import BadInput, NeedsDecision
from orchestrator.records.record import Record, parsed

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
RECORD = "reports/first/one.json"
SOON_S = 60
"""More than any of these commands takes, and less than what would be waited for."""


@pytest.fixture
def landed(tmp_path: Path) -> SampleRepo:
    return landed_repo(tmp_path / "repo", plan=QUICK)


def plant(repo: SampleRepo, change: Callable[[dict[str, Any]], object]) -> None:
    """Commit a record that somebody changed by hand."""
    record = json.loads(repo.read(RECORD))
    change(record)
    repo.write(RECORD, json.dumps(record))
    repo.commit("a record from elsewhere")


def stored(repo: SampleRepo, text: str) -> str:
    """The blob of a text in git."""
    repo.write("blob.tmp", text)
    name = repo.git.text("hash-object", "-w", "blob.tmp")
    (repo.top / "blob.tmp").unlink()
    return name


def everything(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, git's objects and what any command rewrites aside."""
    passing = {"index", "lock", "COMMIT_EDITMSG", "ORIG_HEAD"}
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and "objects" not in p.parts and "logs" not in p.parts
        if p.name not in passing
    }


OUTSIDE = [
    ".git/orchestrate/trusted",
    ".git/orchestrate/worktree-x-1",
    ".git/refs/heads/planted",
    ".git/info/attributes",
    ".git/hooks/pre-commit",
    ".GIT/config",
    "git~1/config",
    ".git./config",
    ".g\u200cit/config",
    "sub/.git/config",
    "../outside.txt",
    "/etc/planted",
    "a/../../outside.txt",
    "a\\..\\b",
    "",
]


@pytest.mark.parametrize("where", ["targets", "others", "unit"])
@pytest.mark.parametrize("path", OUTSIDE)
def test_a_record_that_names_a_path_no_plan_could_is_no_record(
    where: str, path: str, landed: SampleRepo
) -> None:
    blob = stored(landed, "planted")
    entry = {"path": path, "done": "edited", "before": blob, "after": None}

    def change(record: dict[str, Any]) -> None:
        if where == "unit":
            record["targets"][0]["unit"] = [path]
        else:
            record.setdefault(where, [])
            record[where] = [*record[where], {k: v for k, v in entry.items() if v is not None}]

    plant(landed, change)
    before = everything(landed.top.parent)
    for command in (
        lambda: undo(landed.workspace(), "one", RunOptions(), ignore_events),
        lambda: retry(landed.workspace(), "one", RunOptions(), ignore_events),
        lambda: landed.workspace().status(),
    ):
        with pytest.raises(BadInput, match=f"{RECORD!r} is not a record") as caught:
            command()
        assert f"git log -- {RECORD}" in str(caught.value.next_step)
    assert everything(landed.top.parent) == before


def test_a_record_that_would_plant_trust_is_said_on_the_terminal(landed: SampleRepo) -> None:
    entry = {"path": OUTSIDE[0], "done": "edited", "before": stored(landed, "0" * 64)}
    plant(landed, lambda record: record.update(others=[entry]))
    ended = landed.run("undo", "one")
    assert ended.code == 2
    assert "'.git/orchestrate/trusted' lies in git's own folder" in ended.err
    assert not (landed.top / ".git/orchestrate/trusted").exists()


BLOBS = ["--help", "-e", "HEAD:pyproject.toml", "--textconv", ":0:x", "a" * 39, "G" * 40, "a" * 41]


@pytest.mark.parametrize("blob", BLOBS)
def test_what_is_no_id_of_a_blob_never_reaches_git(blob: str, landed: SampleRepo) -> None:
    plant(landed, lambda record: record["targets"][0].update(before=blob))
    ended = landed.run("undo", "one")
    assert ended.code == 2
    assert "is not the id of a blob" in ended.err


@pytest.mark.parametrize(
    "path", ["migration_plan.yaml", "reports/first/two.json", "reports/x/y.json"]
)
def test_undo_changes_neither_the_plan_nor_other_records(path: str, landed: SampleRepo) -> None:
    assert isinstance(landed.next_batch(), Landed)
    blob = stored(landed, "planted")
    entry = {"path": path, "done": "edited", "before": blob}
    if (landed.top / path).exists():
        entry["after"] = landed.git.committed_blobs("HEAD", [path])[path]
    plant(landed, lambda record: record.update(others=[entry]))
    before = everything(landed.top)
    ended = landed.run("undo", "one")
    assert ended.code == 3
    assert f"the record names {path!r}" in ended.err
    assert everything(landed.top) == before


def test_undo_writes_over_nothing_that_git_does_not_know(landed: SampleRepo) -> None:
    blob = stored(landed, "planted")
    landed.write("notes.txt", "mine")
    entry = {"path": "notes.txt", "done": "edited", "before": blob}
    plant(landed, lambda record: record.update(others=[entry]))
    landed.git.run("rm", "-q", "--cached", "notes.txt")
    landed.git.run("commit", "-qm", "not tracked")
    ended = landed.run("undo", "one")
    assert ended.code == 3
    assert landed.read("notes.txt") == "mine"


def test_undo_writes_through_no_tracked_link(landed: SampleRepo) -> None:
    outside = landed.top.parent / "outside"
    outside.mkdir()
    (landed.top / "link").symlink_to(outside)
    blob = stored(landed, "planted")
    entry = {"path": "link/planted.txt", "done": "edited", "before": blob}
    plant(landed, lambda record: record.update(others=[entry]))
    ended = landed.run("undo", "one")
    assert ended.code == 3
    assert list(outside.iterdir()) == []


ODD: dict[str, Callable[[Path], object]] = {
    "a pipe": os.mkfifo,
    "a link to a device": lambda path: path.symlink_to("/dev/zero"),
    "a link to a terminal": lambda path: path.symlink_to("/dev/tty"),
    "a folder": lambda path: path.mkdir(),
    "a large file": lambda path: path.write_bytes(b" " * 50 * 2**20),
    "a file nested deeply": lambda path: path.write_text("[" * 5_000 + "]" * 5_000),
    "an object nested deeply": lambda path: path.write_text('{"a":' * 5_000 + "1" + "}" * 5_000),
    "no text": lambda path: path.write_bytes(b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("name", [RECORD, "reports/origin.json"])
@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
def test_a_record_that_is_no_file_to_read_is_named_at_once(
    make: Callable[[Path], object], name: str, landed: SampleRepo
) -> None:
    file = landed.top / name
    file.unlink(missing_ok=True)
    make(file)
    ratchet = [["check", "--ratchet"]] if name == RECORD else []
    for command in (["status"], ["undo", "one"], ["next-batch"], *ratchet):
        began = time.monotonic()
        ended = landed.run(*command)
        assert time.monotonic() - began < SOON_S
        assert ended.code in {2, 3}, (command, ended)
        assert name.rpartition("/")[2].removesuffix(".json") in ended.err
        assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "name", ["tests/test_c.py", "tests/conftest.py", "CODEOWNERS", "pytest.ini"]
)
@pytest.mark.parametrize("kind", ["a pipe", "a link to a device"])
def test_no_command_waits_for_or_reads_on_from_what_is_no_file(
    name: str, kind: str, landed: SampleRepo
) -> None:
    file = landed.top / name
    file.unlink(missing_ok=True)
    ODD[kind](file)
    for command in (
        ["status"], ["check"], ["scan"], ["validate"], ["plan", "--update", "--dry-run"],
        ["next-batch", "--dry-run"],
    ):  # fmt: skip
        ended = landed.run(*command)
        assert "Traceback" not in ended.err, (command, ended)
        assert ended.code in {0, 1, 2, 3}
    found = landed.workspace().status().phases[0].batches[1].targets[0]
    assert found.state in {TargetState.PENDING, TargetState.MISSING}


ENTRY = {
    "path": "tests/test_a.py", "done": "edited", "before": "a" * 40, "after": "b" * 40,
    "counts": {"classes": 1}, "notes": ["n"], "unit": ["tests/test_b.py"], "reason": "why",
    "failure": {"gate": "test", "fault": "culprit", "tests": ["x"], "reproduce": ["p"]},
    "patch": {"text": "diff", "encoding": "utf-8"},
}  # fmt: skip
WHOLE = {
    "format": 1, "plan": "sample", "phase": "first", "batch": "one", "definition": "d",
    "fixers": {"memory-safety": 1}, "targets": [ENTRY], "others": [ENTRY],
    "gates": [{"gate": "test", "count": 2, "flaky": ["x"]}],
    "memory": [{"files": ["a.py"], "workers": 0, "before_mib": [1], "after_mib": [2]}],
}  # fmt: skip

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=20),
    st.sampled_from(OUTSIDE), st.sampled_from(BLOBS), st.lists(st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=3),
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """A value with some of its parts replaced, removed or repeated."""
    if draw(st.integers(0, 9)) == 0:
        return draw(LEAVES)
    if isinstance(value, dict):
        found = {k: draw(mutated(v)) for k, v in value.items() if draw(st.integers(0, 14))}
        if draw(st.integers(0, 14)) == 0:
            found[draw(st.text(max_size=5))] = draw(LEAVES)
        return found
    if isinstance(value, list):
        return [draw(mutated(v)) for v in value] * draw(st.sampled_from([1, 1, 1, 0, 2]))
    return value


@given(st.one_of(mutated(WHOLE).map(lambda v: json.dumps(v).encode()), st.binary(max_size=200)))
@settings(max_examples=400, deadline=None)
def test_whatever_a_record_is_it_is_one_or_an_error_of_ours(data: bytes) -> None:
    try:
        record = parsed(data, RECORD)
    except BadInput as error:
        assert error.next_step
        return
    assert isinstance(record, Record)
    for entry in (*record.targets, *record.others):
        assert type(entry.path) is RepoPath
        assert all(type(path) is RepoPath for path in entry.unit)


JOURNAL = {
    "format": 2, "run": "x", "place": "first/one", "branch": "main", "base": "a" * 40,
    "record": RECORD, "snapshot": "b" * 40, "step": "applying",
    "files": [{"path": "tests/test_a.py", "number": 0, "mode": 420,
               "before": {"digest": "d"}, "after": {"digest": "e"}}],
}  # fmt: skip


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> SampleRepo:
    return make_repo(tmp_path_factory.mktemp("journal") / "repo", plan=QUICK)


@given(text=st.one_of(mutated(JOURNAL).map(json.dumps), st.text(max_size=50), st.just("[" * 9_000)))
@settings(max_examples=60, deadline=None)
def test_whatever_a_journal_is_no_file_is_written_by_it_without_asking(
    quiet: SampleRepo, text: str
) -> None:
    folder = quiet.top / ".git/orchestrate"
    folder.mkdir(exist_ok=True)
    (folder / "journal.json").write_text(text, "utf-8", "surrogatepass")
    before = everything(quiet.top.parent)
    try:
        ended = Journal(folder, quiet.git).recover()
    except NeedsDecision:
        assert everything(quiet.top.parent) == before
    else:  # it names no file, or none that would change
        assert ended.sentence.endswith("was undone: 0 files restored")
    assert {path: quiet.read(path) for path in FILES} == FILES


LOOKING = [
    ["status"], ["status", "--json"], ["show", "one"], ["validate"], ["check", "--ratchet"],
    ["report", "--markdown"], ["history"], ["unresolved"], ["plan", "--update", "--dry-run"],
    ["next-batch", "--dry-run"],
]  # fmt: skip
DECIDING = [["undo", "one"], ["retry", "one"], ["skip", "one", "--reason", "x"], ["resolve"]]


@pytest.fixture(scope="module")
def pushed(tmp_path_factory: pytest.TempPathFactory) -> SampleRepo:
    repo = landed_repo(tmp_path_factory.mktemp("pushed") / "repo", plan=QUICK)
    repo.git.run("tag", "landed")
    return repo


@given(data=st.data(), looks=st.sampled_from(LOOKING), decides=st.sampled_from(DECIDING))
@settings(max_examples=15, deadline=None)
def test_whatever_record_is_pushed_commands_end_as_they_say_and_write_nothing_elsewhere(
    pushed: SampleRepo, data: st.DataObject, looks: list[str], decides: list[str]
) -> None:
    pushed.git.run("reset", "--quiet", "--hard", "landed")
    record = json.loads(pushed.read(RECORD))
    pushed.write(RECORD, json.dumps(data.draw(mutated(record))))
    pushed.commit("a record from elsewhere")
    before = everything(pushed.top.parent)
    ended = pushed.run(*looks)
    assert "Traceback" not in ended.err, (looks, ended)
    assert ended.code in {0, 1, 2, 3}, (looks, ended)
    assert everything(pushed.top.parent) == before
    ended = pushed.run(*decides)
    assert "Traceback" not in ended.err, (decides, ended)
    assert ended.code in {0, 1, 2, 3, 4}, (decides, ended)
    after = everything(pushed.top.parent)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    ours = {f"repo/{path}" for path in (*FILES, RECORD, ".git/refs/heads/main")}
    assert {path for path in changed - ours if "/.git/orchestrate/" not in path} == set()
    assert not any(path.endswith("/trusted") for path in changed)
