"""Ends merge conflicts in records: takes the side that says what the files hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.base import files
from orchestrator.base.escape import as_argument
from orchestrator.base.paths import RepoPath
from orchestrator.base.reading import read_regular
from orchestrator.engine.context.workspace import Workspace
from orchestrator.errors import BadInput, NeedsDecision
from orchestrator.plan.model import Place
from orchestrator.records.record import (
    CONFLICT,
    Record,
    TargetRecord,
    has_conflict,
    parsed,
    record_path,
)


class ConflictSide(StrEnum):
    """Which side of a merge conflict: the branch that was merged into, or what was merged."""

    OURS = "ours"
    THEIRS = "theirs"


@dataclass(frozen=True, slots=True)
class Resolved:
    """A record whose conflict is gone, by which side, and why that one."""

    path: RepoPath
    side: ConflictSide
    why: str


def resolve(workspace: Workspace, name: str | None, wanted: ConflictSide | None) -> list[Resolved]:
    """End the conflict in every record, or in that of `name`; nothing is staged or committed.

    Of two sides the one is taken whose files hold what it says; `wanted` decides otherwise.

    Raises:
        BadInput: there is none, or what is left of a record is no record.
        NeedsDecision: neither side says what the files hold, and `wanted` does not decide.
        ChangedMeanwhile: somebody changed a record at the same time; it was left alone.
    """
    found = [
        (place, path, data)
        for place, path, data in _conflicts(workspace)
        if name in {None, place.name, place.batch.id, path}
    ]
    if not found:
        what = f" of {name}" if name else ""
        raise BadInput(f"no record{what} has a merge conflict", next_step="orchestrate status")
    resolved = []
    for _, path, data in found:
        sides = {side: parsed(sides_of(data)[side], f"{path} ({side})") for side in ConflictSide}
        side, why = _chosen(workspace, path, sides, wanted)
        files.replace(workspace.top, path, sides[side].to_bytes(), expected=data)
        resolved.append(Resolved(path, side, why))
    return resolved


def _conflicts(workspace: Workspace) -> Iterator[tuple[Place, RepoPath, bytes]]:
    for place in workspace.plan.places():
        path = record_path(workspace.plan, place)
        try:
            data = read_regular(workspace.top / path)
        except OSError:
            continue
        if has_conflict(data):
            yield place, path, data


def sides_of(data: bytes) -> dict[ConflictSide, bytes]:
    """What a file with the markers of git's merge holds on either side."""
    lines: dict[ConflictSide, list[bytes]] = {side: [] for side in ConflictSide}
    into: Sequence[ConflictSide] = tuple(ConflictSide)
    for line in data.splitlines(keepends=True):
        mark = next((mark for mark in CONFLICT if line.startswith(mark)), None)
        if mark is None:
            for side in into:
                lines[side].append(line)
        else:
            into = _INTO[mark]
    return {side: b"".join(found) for side, found in lines.items()}


_INTO: dict[bytes, Sequence[ConflictSide]] = {
    b"<<<<<<<": (ConflictSide.OURS,),
    b"|||||||": (),
    b"=======": (ConflictSide.THEIRS,),
    b">>>>>>>": tuple(ConflictSide),
}


def _chosen(
    workspace: Workspace,
    path: RepoPath,
    sides: dict[ConflictSide, Record],
    wanted: ConflictSide | None,
) -> tuple[ConflictSide, str]:
    if wanted is not None:
        return wanted, "as you said"
    fitting = [side for side in ConflictSide if _says_what_is_there(workspace, sides[side])]
    if len(fitting) == len(ConflictSide):
        return ConflictSide.OURS, "both say what the files hold"
    if fitting:
        return fitting[0], "its files hold what it says"
    name = as_argument(path)
    raise NeedsDecision(
        f"{path!r}: the files hold neither what this branch recorded nor what the other did",
        next_step=f"orchestrate resolve {name} --take ours, or: orchestrate resolve {name} "
        "--take theirs; then orchestrate status says what of it changed since",
    )


def _says_what_is_there(workspace: Workspace, record: Record) -> bool:
    return all(_is_there(workspace, entry) for entry in (*record.targets, *record.others))


def _is_there(workspace: Workspace, entry: TargetRecord) -> bool:
    try:
        data = workspace.tree.read(entry.path)
    except OSError:
        return False
    if data is None or entry.after is None:
        return data is None and entry.after is None
    return workspace.tree.holds(entry.path, data, entry.after)
