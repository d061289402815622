"""What the gates of pytest say of files that are the same on both sides; a fork can be asked it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.base.changes import Side
from orchestrator.gates.attribution.before_after import GateRules
from orchestrator.gates.attribution.judge import suite_gates
from orchestrator.gates.attribution.suite import Suite
from orchestrator.gates.pytest.run import PytestRun
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.verify import Verify
from orchestrator.project.interpreter import Interpreter


class OneSide:
    """A tree whose files are the same on both sides."""

    def put(self, side: Side) -> None:
        pass

    def edit_only(self, paths: Collection[str]) -> None:
        pass


@dataclass(frozen=True)
class Judged:
    """The verdicts, the runs of pytest behind them, and what was said meanwhile."""

    verdicts: list[Verdict]
    runs: Sequence[PytestRun]
    said: Sequence[str]


def judged(
    paths: Sequence[str],
    top: Path,
    python: Interpreter,
    rules: GateRules,
    verify: Mapping[str, Any],
) -> Judged:
    said: list[str] = []
    suite = Suite(top, python, Verify(**verify), say=said.append)
    return Judged(list(suite_gates(paths, suite, OneSide(), rules)), suite.runs, said)
