"""A gate that a fixer brings along: what it made is tried for real."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from orchestrator.base.changes import Change, Content
from orchestrator.base.outcomes import GateResult
from orchestrator.gates.verdict import GateFailure, Verdict

FixerCheck = Callable[[Mapping[str, Content], Path], Sequence[tuple[str, str]]]


def fixer_check_gate(
    name: str, trial: FixerCheck, changes: Sequence[Change], *, top: Path
) -> Verdict:
    """What the fixer called `name` finds wrong with its edits."""
    started_s = time.monotonic()
    found = trial({change.path: change.after for change in changes}, top)
    blames = [GateFailure(path, None, what) for path, what in found]
    kind = GateResult.RED if blames else GateResult.PASSED
    return Verdict(name, kind, len(changes), time.monotonic() - started_s, blames=blames)
