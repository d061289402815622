"""Says whether a batch judged on one commit would be judged the same on a later one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from orchestrator.parallel.task import Judged

_SETTINGS = frozenset({
    ".coveragerc", ".pytest.ini", "pyproject.toml", "pytest.ini", "pytest.toml", "setup.cfg",
    "tox.ini",
})  # fmt: skip
"""Read before the probe can hear of it."""


@dataclass(frozen=True, slots=True)
class ChangesSinceBase:
    """What changed between the commit a batch was judged on, and the one it is to land on.

    `changed` are files, records aside; of them `came_or_went` are new or gone. `landed` are the
    batches among it, as they were judged.
    """

    changed: frozenset[str]
    came_or_went: frozenset[str]
    landed: Sequence[Judged]


@dataclass(frozen=True, slots=True)
class Reverify:
    """A batch has to be judged again where it is to land: why, and whose tests must not suffer."""

    why: str
    also: tuple[str, ...] = ()


def find_conflicts(judged: Judged, since: ChangesSinceBase) -> Reverify | None:
    """Why the verdict on a batch could be another one by now; None where it could not.

    Its gates read none of the files that changed: the same run again would read the same bytes. No
    batch that landed since read what this one changes: their verdicts still hold.
    """
    if not since.changed:
        return None
    also = [
        target
        for other in since.landed
        if other.reads.programs or other.reads.files & judged.changed
        for target in _targets(other)
    ]
    if why := _why(judged, since):
        return Reverify(why, tuple(dict.fromkeys(also)))
    if also:
        return Reverify(f"the tests of {also[0]} read what it changes", tuple(dict.fromkeys(also)))
    return None


def _why(judged: Judged, since: ChangesSinceBase) -> str | None:
    if clash := sorted(judged.changed & since.changed):
        return f"{clash[0]} was changed since"
    reads = judged.reads
    if not reads.files and not reads.programs:
        return None  # no gate of it read anything
    settings = sorted(path for path in since.changed if PurePosixPath(path).name in _SETTINGS)
    read = sorted(reads.files & since.changed)
    reasons = [
        *(f"{path}, which pytest may read, changed since" for path in settings),
        *(f"its gates start {name}, and nobody knows what that reads" for name in reads.programs),
        *(f"its tests read {path}, which changed since" for path in read),
        *(f"{path} came or went since" for path in sorted(since.came_or_went)),
    ]
    return next(iter(reasons), None)


def _targets(other: Judged) -> list[str]:
    return [target for unit in other.candidate.reached.kept for target in unit.targets]
