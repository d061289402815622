"""Weighs a change: what tests hold before and after it, in turn, in one copy of the work tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.base.changes import Content, Side
from orchestrator.base.reading import read_if_there
from orchestrator.errors import BadInput, CannotJudge
from orchestrator.measure.compare import Comparison, in_turn
from orchestrator.measure.run import Measurement, Tests, measured
from orchestrator.vcs import GitFailed, Repo
from orchestrator.worktrees.scratch import own_copy

Contents = Mapping[str, Content]


@dataclass(frozen=True, slots=True)
class Sides:
    """What the files that differ hold on each side."""

    before: Contents
    after: Contents


def since(top: Path, revision: str) -> Sides:
    """The files as they were at a commit, and as they are in the work tree.

    Raises:
        BadInput: git knows no such commit, or nothing differs.
    """
    repo = Repo(top)
    try:
        commit = repo.text("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
    except GitFailed as error:
        raise BadInput(
            f"git knows no commit {revision!r}", next_step="git log --oneline"
        ) from error
    paths = list(_plain_files(repo.paths("diff", "--raw", "-z", "--no-renames", commit, "--")))
    if not paths:
        raise BadInput(
            f"nothing differs from {revision!r}", next_step="orchestrate memory --compare HEAD~1"
        )
    before = {path: repo.blob(f"{commit}:{path}", path) for path in paths}
    return Sides(before, {path: read_if_there(top / path) for path in paths})


def _plain_files(raw: Sequence[str]) -> Iterator[str]:
    """The paths of what differs, by what git prints with --raw; links and submodules left out."""
    rest = iter(raw)
    for entry in rest:
        path = next(rest, "")
        if not {"120000", "160000"} & {mode.lstrip(":") for mode in entry.split()[:2]}:
            yield path


def compared(
    tests: Tests, sides: Sides, runs: int, tell: Callable[[Side, Measurement], None]
) -> Comparison:
    """Run the tests so often on each side, taking turns; `tell` hears of each run.

    A copy of the work tree is used: nothing is written here, and paths are the same on both sides.

    Raises:
        CannotJudge: a run said nothing.
        Refused: there is no commit to make a copy of.
    """
    copy = own_copy(tests.top)
    try:
        held = {Side.BEFORE: sides.before, Side.EDITED: sides.after}

        def measure(side: Side) -> Measurement:
            copy.hold(held[side])
            found = measured(_in_copy(tests, copy.folder, sides))
            tell(side, found)
            return found

        return in_turn(measure, runs)
    finally:
        copy.close()


def _in_copy(tests: Tests, folder: Path, sides: Sides) -> Tests:
    """The same tests there; what the interpreter finds in the work tree it finds in the copy.

    PYTHONPATH comes before what an editable install adds.
    """
    there = [_moved(path, tests.top, folder) for path in tests.python.search]
    search = [path for path in (*there, str(folder / "src")) if path and Path(path).is_dir()]
    env = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(search))}
    return replace(tests, top=folder, files=_on_both(tests.files, folder, sides), env=env)


def _on_both(files: Sequence[str], folder: Path, sides: Sides) -> list[str]:
    """The files and folders that are there on both sides: others cannot be compared."""

    def is_there(file: str) -> bool:
        held = [side[file] for side in (sides.before, sides.after) if file in side]
        return None not in held if held else (folder / file).exists()

    if found := [file for file in files if is_there(file)]:
        return found
    raise CannotJudge(
        f"none of {', '.join(files)} is there on both sides of the change",
        next_step="git diff --stat",
    )


def _moved(path: str, top: Path, folder: Path) -> str:
    """Where something of the work tree is in the copy; "" where it is not of it.

    Environments are not: the copy links to them.
    """
    at = Path(path)
    if not at.is_relative_to(top) or any((up / "pyvenv.cfg").is_file() for up in (at, *at.parents)):
        return ""
    return str(folder / at.relative_to(top))


def tests_of(files: Sequence[str], sides: Sides) -> list[str]:
    """The Python files that differ, where nothing was named: those are what a change is about."""
    return list(files) or [path for path in sides.after if path.endswith(".py")]
