"""What a fixer wants changed: files before and after, in units that belong together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from orchestrator.base.paths import RepoPath

Content = bytes | None
"""What a file holds; None: there is no such file."""

FILE_MODE = 0o644
PROGRAM_MODE = 0o755
"""The two modes that git tells apart."""


class Side(StrEnum):
    """Which bytes the files of a batch hold."""

    BEFORE = "before"
    EDITED = "edited"


@dataclass(frozen=True, slots=True)
class Change:
    """One file before and after. `counts` is what was really done, `notes` what to tell a person.

    `mode` is the file's mode; for a new file, the mode it is created with.
    """

    path: RepoPath
    before: Content
    after: Content
    counts: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    mode: int = FILE_MODE

    def on(self, side: Side) -> Content:
        """What the file holds on that side."""
        return self.before if side is Side.BEFORE else self.after


@dataclass(frozen=True, slots=True)
class Unit:
    """Changes that stand or fall together, for these targets of a batch; `by` names the rung."""

    targets: tuple[str, ...]
    changes: tuple[Change, ...]
    by: str = ""

    @property
    def paths(self) -> list[RepoPath]:
        """Every file it changes."""
        return [change.path for change in self.changes]

    @property
    def name(self) -> str:
        """The path of the unit's first target, which stands for the unit in messages."""
        return self.targets[0]

    def change(self, path: str) -> Change | None:
        """What it does to one file."""
        return next((change for change in self.changes if change.path == path), None)


def changes_of(units: Iterable[Unit]) -> list[Change]:
    """Every change of some units, in their order."""
    return [change for unit in units for change in unit.changes]


def line_counts(before: Content, after: Content) -> dict[str, int]:
    """How many lines were added and removed; of a file made or removed, that it was."""
    if before is None:
        return {"new files": 1, "added lines": len((after or b"").splitlines())}
    if after is None:
        return {"removed files": 1, "removed lines": len(before.splitlines())}
    import difflib

    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    added = removed = 0
    for kind, i1, i2, j1, j2 in difflib.SequenceMatcher(None, old, new).get_opcodes():
        if kind != "equal":
            removed, added = removed + i2 - i1, added + j2 - j1
    return {"added lines": added, "removed lines": removed}


def merged(units: Sequence[Unit]) -> list[Unit]:
    """The units with those joined that change one file, or answer for one target, in common."""
    groups: list[list[Unit]] = []
    for unit in units:
        mine = {*unit.targets, *unit.paths}
        touching = [g for g in groups if any(mine & {*u.targets, *u.paths} for u in g)]
        groups = [g for g in groups if g not in touching]
        groups.append([*(u for g in touching for u in g), unit])
    return [_joined(group) for group in groups]


def _joined(group: Sequence[Unit]) -> Unit:
    if len(group) == 1:
        return group[0]
    targets = dict.fromkeys(target for unit in group for target in unit.targets)
    changes: dict[str, Change] = {}
    for change in changes_of(group):
        first = changes.get(change.path)
        changes[change.path] = _after(first, change) if first else change
    left = tuple(change for change in changes.values() if change.before != change.after)
    by = " and ".join(dict.fromkeys(unit.by for unit in group if unit.by))
    return Unit(tuple(targets), left, by)


def _after(first: Change, then: Change) -> Change:
    """Two changes of one file, one after the other, as one."""
    counts = {
        name: first.counts.get(name, 0) + then.counts.get(name, 0)
        for name in {**first.counts, **then.counts}
    }
    return replace(then, before=first.before, counts=counts, notes=(*first.notes, *then.notes))


@dataclass(frozen=True, slots=True)
class FileState:
    """A file as a program left it; `unsupported_reason` says why it cannot be committed so."""

    content: Content
    mode: int
    unsupported_reason: str = ""
