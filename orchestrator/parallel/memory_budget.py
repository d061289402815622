"""Decides by memory how many batches run beside each other: what is free, and the peak seen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from orchestrator.base import process, state_files
from orchestrator.base.memory_usage import available_mib

_SPARE = 1.2
"""What a batch may need more than any before it."""


class MemoryBudget:
    """The most one batch was seen to hold, in MiB, here or in earlier runs (kept in `folder`)."""

    def __init__(self, folder: Path, *, bounded: bool) -> None:
        """Without `bounded`, only look, and let begin what is asked for."""
        self._file = folder / "logs" / "peak.json"
        self._bounded = bounded
        self.peak_mib = _read(self._file)

    def look(self, pids: Sequence[int]) -> None:
        """See what processes that judge a batch hold now, with all they started."""
        most = max((process.tree_rss_mib(pid) for pid in pids), default=0.0)
        if most > self.peak_mib:
            self.peak_mib = most
            state_files.write(self._file, json.dumps({"peak_mib": round(most)}).encode())

    def may_begin(self, wanted: int, at_work: int) -> int:
        """How many of `wanted` batches may begin beside `at_work` others; one where none is."""
        if wanted <= 0 or not self._bounded or not self.peak_mib:
            return max(wanted, 0)
        fits = int(available_mib() // (self.peak_mib * _SPARE))
        return min(wanted, max(fits, 0 if at_work else 1))


def _read(file: Path) -> float:
    try:
        return float(json.loads(file.read_bytes())["peak_mib"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
