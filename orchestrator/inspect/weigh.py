"""Weighs a change: what tests hold before and after it, in turn, in one copy of the work tree."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.changes import Content, Side
from orchestrator.errors import BadInput, CannotJudge
from orchestrator.git import GitFailed, Repo
from orchestrator.measuring.compare import Comparison, in_turn
from orchestrator.measuring.run import Measurement, Tests, measured
from orchestrator.safety.session import own_copy

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
    paths = repo.paths("diff", "--name-only", "-z", "--no-renames", commit, "--")
    if not paths:
        raise BadInput(
            f"nothing differs from {revision!r}", next_step="orchestrate memory --compare HEAD~1"
        )
    before = {path: repo.blob(f"{commit}:{path}", path) for path in paths}
    return Sides(before, {path: _now(top / path) for path in paths})


def weighed(
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
            found = measured(_in_copy(tests, copy.folder))
            tell(side, found)
            return found

        return in_turn(measure, runs)
    finally:
        copy.close()


def _in_copy(tests: Tests, folder: Path) -> Tests:
    """The same tests there; what the interpreter finds in the work tree it finds in the copy.

    PYTHONPATH comes before what an editable install adds.
    """
    there = [_moved(path, tests.top, folder) for path in tests.python.search]
    search = [path for path in (*there, str(folder / "src")) if path and Path(path).is_dir()]
    files = [file for file in tests.files if (folder / file).exists()]
    if not files:
        raise CannotJudge(
            f"none of {', '.join(tests.files)} is there on both sides of the change",
            next_step="orchestrate memory PATH --compare REV",
        )
    env = {"PYTHONPATH": os.pathsep.join(dict.fromkeys(search))}
    return replace(tests, top=folder, files=files, env=env)


def _moved(path: str, top: Path, folder: Path) -> str:
    """Where something of the work tree is in the copy; "" where it is not of it.

    Environments are not: the copy links to them.
    """
    at = Path(path)
    if not at.is_relative_to(top) or any((up / "pyvenv.cfg").is_file() for up in (at, *at.parents)):
        return ""
    return str(folder / at.relative_to(top))


def _now(file: Path) -> Content:
    return file.read_bytes() if file.is_file() else None


def tests_of(files: Sequence[str], sides: Sides) -> list[str]:
    """The Python files that differ, where nothing was named: those are what a change is about."""
    return list(files) or [path for path in sides.after if path.endswith(".py")]
