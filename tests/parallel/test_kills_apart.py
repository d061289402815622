"""The kill matrix over runs apart: every step, every signal, in the run itself and its workers."""

from __future__ import annotations

from pathlib import Path

import pytest
from several import PYTHON, assert_nothing_left, several, told
from support import Ran, SampleRepo, make_repo

from orchestrator.base.failpoints import POINTS

SIGNALS = {"KILL": -9, "TERM": 143, "INT": 130}
FILES, PLAN = several(2, gates="verify: {gates: [compile]}\n")
MINE = "# mine\n"
ADVANCING = ("advancing", "moved", "advanced")
ONE_AFTER_THE_OTHER = (*POINTS[1:], *ADVANCING)
CASES = [
    (point, number)
    for index, point in enumerate(ONE_AFTER_THE_OTHER)
    for number in (SIGNALS if point in ADVANCING else ([*SIGNALS][index % 3],))
]
IN_WORKERS = ("prepared", "applying", "written", "gated", "closed")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, str]]:
    repo = make_repo(tmp_path_factory.mktemp("kills") / "repo", FILES, plan=PLAN)
    assert repo.run("next-batch", "--all", *PYTHON).code == 0
    return told(repo)


def run(repo: SampleRepo, *how: str, stop_at: str = "") -> Ran:
    return repo.run("next-batch", "--all", *how, *PYTHON, env={"ORCHESTRATE_STOP_AT": stop_at})


def with_a_dirty_tree(tmp_path: Path) -> SampleRepo:
    repo = make_repo(tmp_path / "repo", FILES, plan=PLAN)
    repo.write("pyproject.toml", FILES["pyproject.toml"] + MINE)
    repo.write("staged.txt", MINE)
    repo.git.run("add", "staged.txt")
    return repo


def assert_sound(repo: SampleRepo, undisturbed: tuple[str, dict[str, str]]) -> None:
    """The user's changes are there and nothing else is; all of it landed, as without a kill."""
    assert repo.changes.splitlines() == [" M pyproject.toml", "A  staged.txt"]
    assert repo.read("pyproject.toml").endswith(MINE)
    repo.git.run("fsck", "--strict", "--no-progress")
    repo.git.run("checkout", "pyproject.toml")
    repo.git.run("rm", "-qf", "staged.txt")
    assert told(repo) == undisturbed
    assert_nothing_left(repo)


def assert_cleaned_up(repo: SampleRepo, ended: Ran) -> None:
    """What a run that was asked to end leaves at once: tree, index and branch say the same."""
    assert repo.changes.splitlines() == [" M pyproject.toml", "A  staged.txt"], ended.err
    assert not (repo.top / ".git/orchestrate/advance.json").exists()
    assert len(repo.git.text("worktree", "list").splitlines()) == 1
    landed = {path for path in FILES if "xdist_group(" in repo.read(path)}
    recorded = repo.git.text("ls-tree", "-r", "--name-only", "HEAD", "reports").splitlines()
    assert len(landed) >= len(recorded)
    assert bool(landed) == bool(recorded)
    for path in landed:
        assert repo.read(path) == f"{repo.git.text('show', f'HEAD:{path}')}\n"


@pytest.mark.parametrize(("point", "number"), CASES)
def test_fault_103_a_run_apart_that_is_ended_anywhere_loses_nothing(
    point: str, number: str, tmp_path: Path, undisturbed: tuple[str, dict[str, str]]
) -> None:
    repo = with_a_dirty_tree(tmp_path)
    ended = run(repo, "--isolated", stop_at=f"{point}:SIG{number}")
    assert ended.code == SIGNALS[number], ended
    if number != "KILL":
        assert_cleaned_up(repo, ended)
    assert run(repo, "--isolated").code == 0
    assert_sound(repo, undisturbed)


@pytest.mark.parametrize(
    ("point", "number"),
    [
        *((point, "KILL") for point in (*ADVANCING, "committing", "committed")),
        *zip((*ADVANCING, "committing"), ("TERM", "INT", "TERM", "INT"), strict=True),
        *((point, "KILL") for point in IN_WORKERS[::2]),
        ("gated", "TERM"),
    ],
)
def test_fault_103_a_parallel_run_that_is_ended_anywhere_loses_nothing(
    point: str, number: str, tmp_path: Path, undisturbed: tuple[str, dict[str, str]]
) -> None:
    """Points of the judging end workers, twice in a row: the run says so, and ends."""
    repo = with_a_dirty_tree(tmp_path)
    ended = run(repo, "--jobs", "2", stop_at=f"{point}:SIG{number}")
    assert ended.code == (4 if point in IN_WORKERS else SIGNALS[number]), ended
    if number != "KILL":
        assert_cleaned_up(repo, ended)
    assert run(repo, "--jobs", "2").code == 0
    assert_sound(repo, undisturbed)
