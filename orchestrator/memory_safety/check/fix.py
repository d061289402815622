"""Fixes files outside any plan: computed in memory, written one by one where they are unchanged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import files
from orchestrator.base.paths import RepoPath
from orchestrator.errors import ChangedMeanwhile, DiskError
from orchestrator.fixers.outcome import Edit, Outcome, Refusal, Source
from orchestrator.fixers.runner import outcomes

FIXER = "memory-safety"


@dataclass(frozen=True, slots=True)
class Fixes:
    """What the fixer says of each file, with the bytes it looked at."""

    outcomes: Sequence[Outcome]
    before: Mapping[str, bytes]


def computed(sources: Sequence[Source], *, top: Path) -> Fixes:
    """The outcome of every file; nothing is written. Edits of links and shut files are refused."""
    found: list[Outcome] = []
    for outcome in outcomes(FIXER, sources, top=top):
        closed = _why_closed(top / outcome.path) if isinstance(outcome, Edit) else None
        found.append(Refusal(outcome.path, closed) if closed else outcome)
    return Fixes(found, {source.path: source.data for source in sources})


def written(fixes: Fixes, *, top: Path) -> list[Outcome]:
    """Write every edit; one that cannot be written, or is of a file that changed, is refused."""
    done: list[Outcome] = []
    for outcome in fixes.outcomes:
        if isinstance(outcome, Edit):
            try:
                before = fixes.before[outcome.path]
                files.replace(top, RepoPath(outcome.path), outcome.data, expected=before)
            except (ChangedMeanwhile, DiskError) as error:
                done.append(Refusal(outcome.path, error.what))
                continue
        done.append(outcome)
    return done


def _why_closed(path: Path) -> str | None:
    if path.is_symlink():
        return "it is a symbolic link; name the file itself"
    if path.stat().st_mode & 0o222 == 0:
        return "it is read-only"
    return None
