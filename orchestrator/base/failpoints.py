"""Names the moments between which a run can die, so that a test can end it at each of them."""

from __future__ import annotations

import os
import signal

POINTS = (
    "locked", "preflight", "prepared", "applying", "written", "gated", "committing", "staged",
    "recorded", "committed", "verified", "closed",
)  # fmt: skip
"""In the order of a run; what each is for is said where it is passed."""

_VARIABLE = "ORCHESTRATE_STOP_AT"


def hit(point: str) -> None:
    """A run has come this far; `ORCHESTRATE_STOP_AT=POINT:SIGNAL[:SIGNAL]` ends it here."""
    if (wanted := os.environ.get(_VARIABLE)) and wanted.partition(":")[0] == point:
        del os.environ[_VARIABLE]  # once
        for name in wanted.split(":")[1:]:
            os.kill(os.getpid(), signal.Signals[name])
