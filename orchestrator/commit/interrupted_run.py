"""Tells whether an interrupted run left something, without what only its recovery needs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.reading import read_own
from orchestrator.commit.lock import is_free
from orchestrator.vcs.state_folder import state_folder

_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class AtWork:
    """The batch that a run is working on, and the files that the run may have edited by now."""

    place: str
    paths: frozenset[str]


def run_at_work(top: Path) -> AtWork | None:
    """Return what another process of this program is working on here; None if there is none.

    Only reads files.
    """
    folder = state_folder(top)
    data = read_own(folder / "journal.json", most=_MOST_BYTES)
    if data is None or is_free(folder):
        return None
    try:
        entry = json.loads(data)
        return AtWork(str(entry["place"]), frozenset(str(file["path"]) for file in entry["files"]))
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def interrupted_run(top: Path) -> bool:
    """Whether a run began here that neither goes on nor came to its end; starts no git."""
    folder = state_folder(top)
    left = (folder / "journal.json", folder / "advance.json")
    return any(file.exists() for file in left) and is_free(folder)
