"""How long the rest will take, from what was done took."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median

from orchestrator.records.status import Status

_ENOUGH = 2
"""Of fewer batches nothing can be said."""


def files_left(status: Status) -> int:
    """Files a run would still work on, in phases that do not wait."""
    return sum(len(b.open_targets) for p in status.phases for b in p.batches if b.is_open)


def seconds_left(status: Status, took: Mapping[str, tuple[int, float]]) -> float | None:
    """How long a run over what is left would take here; None where too little is known.

    `took` are the files and the seconds of batches that landed here; the median over them per file
    counts, since the first batch of a run is often the odd one.
    """
    paces = [seconds / files for files, seconds in took.values() if files]
    if len(paces) < _ENOUGH or not (left := files_left(status)):
        return None
    return median(paces) * left
