"""Merge conflicts in records end by what the files hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from support import PLAN, SampleRepo, make_repo

from orchestrator.base.outcomes import TargetState
from orchestrator.engine.decisions.resolve import ConflictSide, sides_of
from orchestrator.engine.results import Landed

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
RECORD = "reports/first/one.json"


@pytest.fixture
def conflict(tmp_path: Path) -> SampleRepo:
    """Two branches did batch one; on main its file had a comment, and the merge keeps that."""
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    repo.git.run("switch", "-qc", "other")
    assert isinstance(repo.next_batch(), Landed)
    repo.git.run("switch", "-q", "main")
    repo.write("tests/test_a.py", repo.read("tests/test_a.py") + "\n\n# at the end\n")
    repo.commit("a comment")
    assert isinstance(repo.next_batch(), Landed)
    with pytest.raises(Exception, match="CONFLICT"):
        repo.git.run("merge", "-q", "other")
    return repo


def test_a_record_in_conflict_is_said_with_its_path_and_the_command(conflict: SampleRepo) -> None:
    assert conflict.run("next-batch").code == 3  # the merge is not over
    conflict.commit("with the markers left in")
    for command in ("status", "next-batch", "unresolved"):
        ended = conflict.run(command)
        assert ended.code == 2
        assert f"{RECORD!r} holds the markers of a merge conflict" in ended.err
        assert f"next: orchestrate resolve {RECORD}" in ended.err


@pytest.mark.parametrize("style", ["merge", "diff3"])
@pytest.mark.parametrize("named", [[], ["one"], ["first/one"], [RECORD]])
def test_the_side_whose_files_are_there_is_taken(
    style: str, named: list[str], conflict: SampleRepo
) -> None:
    if style == "diff3":
        conflict.git.run("checkout", "--conflict=diff3", "--", RECORD)
    ended = conflict.run("resolve", *named)
    assert ended.code == 0, ended.err
    assert ended.out == f"{RECORD}: ours, its files hold what it says\n"
    assert f"next: git add {RECORD} && git commit" in ended.err
    conflict.commit("merged")
    states = {t.state for t in conflict.workspace().status().phases[0].batches[0].targets}
    assert states == {TargetState.DONE}


def test_where_neither_side_fits_a_person_chooses(conflict: SampleRepo) -> None:
    conflict.write("tests/test_b.py", "# something else\n")
    before = conflict.read(RECORD)
    ended = conflict.run("resolve")
    assert ended.code == 5
    assert f"orchestrate resolve {RECORD} --take theirs" in ended.err
    assert conflict.read(RECORD) == before
    assert conflict.run("resolve", "--take", "mine").code == 2
    ended = conflict.run("resolve", RECORD, "--take", "theirs")
    assert ended.out == f"{RECORD}: theirs, as you said\n"
    conflict.git.run("add", RECORD)
    assert conflict.run("status").code == 0


def test_without_a_conflict_there_is_nothing_to_resolve(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    ended = repo.run("resolve")
    assert (ended.code, "no record has a merge conflict" in ended.err) == (2, True)


def test_the_sides_of_a_file_with_markers() -> None:
    text = b"a\n<<<<<<< HEAD\nb\n||||||| base\nx\n=======\nc\n>>>>>>> other\nd\n"
    assert sides_of(text) == {ConflictSide.OURS: b"a\nb\nd\n", ConflictSide.THEIRS: b"a\nc\nd\n"}


def test_a_pointer_of_git_lfs_is_said(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    repo.write(RECORD, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    ended = repo.run("status")
    assert (ended.code, "next: git lfs pull" in ended.err) == (2, True)
