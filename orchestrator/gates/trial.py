"""A gate that a fixer brings along: what it made is tried for real."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orchestrator.base.changes import Change, Content
from orchestrator.gates.verdict import GateFailure, GateResult, Verdict

Trial = Callable[[Mapping[str, Content], Path], Sequence[tuple[str, str]]]


def trial_gate(name: str, trial: Trial, changes: Sequence[Change], *, top: Path) -> Verdict:
    """What the fixer called `name` finds wrong with its edits."""
    started_s = time.monotonic()
    found = trial({change.path: change.after for change in changes}, top)
    blames = [GateFailure(path, None, what) for path, what in found]
    kind = GateResult.RED if blames else GateResult.PASSED
    return Verdict(name, kind, len(changes), time.monotonic() - started_s, blames=blames)
