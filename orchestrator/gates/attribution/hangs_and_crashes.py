"""What to make of a run that hung, or whose interpreter died: whose doing it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from orchestrator.base.changes import Side
from orchestrator.base.outcomes import FailureCause, GateResult
from orchestrator.base.redact import last_lines
from orchestrator.gates.attribution.before_after import BeforeAfterRunner, with_kind
from orchestrator.gates.pytest.run import Halt, PytestRun
from orchestrator.gates.verdict import GateFailure, Verdict
from orchestrator.plan.verify import GateName


def judged_halt(
    sides: BeforeAfterRunner, first: PytestRun, files: Sequence[str]
) -> tuple[PytestRun, Verdict | None]:
    """Whose doing it is that `first` came to a halt, or another run that came to its end."""
    blames = []
    for halt in first.halts():
        where = halt.test_id or halt.path
        sides.suite.say(f"{where}: {halt.what}; its file is run alone, on both sides")
        if blame := _halting(sides, halt):
            blames.append(blame)
    gate = GateName.TEST if first.run.collected else GateName.COLLECT
    verdict = Verdict(gate, GateResult.RED, len(first.run.ids), 0.0)
    if blames and (why := _everywhere(sides, first, blames, files)):
        return first, replace(verdict, kind=GateResult.CANNOT_JUDGE, why=why)
    if blames:
        return first, with_kind(replace(verdict, blames=blames))
    sides.suite.say("each of them comes to its end alone; everything once more")
    second = sides.run(Side.EDITED, files)
    blames = [
        _blame(sides, halt, f"{halt.what}, beside the others only", FailureCause.CANNOT_JUDGE)
        for halt in second.halts()
    ]
    return second, with_kind(replace(verdict, blames=blames)) if blames else None


def _everywhere(
    sides: BeforeAfterRunner, first: PytestRun, blames: Sequence[GateFailure], files: Sequence[str]
) -> str | None:
    """How every file halts before its first test, without the edit too; None where not all do.

    A fixture of the whole session that ends pytest would quarantine one file after the other.
    """
    others = [file for file in files if file not in {blame.path for blame in blames}]
    if first.run.done or not others or any(b.fault is FailureCause.CULPRIT for b in blames):
        return None
    other = sides.run(Side.BEFORE, others[:1])
    if not other.halts() or other.run.done:
        return None
    return (
        f"the tests of every file come to a halt before the first one, without the edit too: "
        f"{blames[0].what}\n{last_lines(other.process.output)}"
    )


def _halting(sides: BeforeAfterRunner, halt: Halt) -> GateFailure | None:
    """Whether the file halts alone: with the edit (a culprit), or without it as well."""
    baseline = sides.rules.baseline
    if baseline and sides.run(Side.BEFORE, [halt.path]).halts():
        what = f"{halt.what}; it does so without the edit too"
        return _blame(sides, halt, what, FailureCause.CANNOT_JUDGE)
    if sides.run(Side.EDITED, [halt.path]).halts():
        if baseline:
            return _blame(sides, halt, f"{halt.what}; not without the edit", FailureCause.CULPRIT)
        fault = FailureCause.CULPRIT if halt.is_hang else FailureCause.CANNOT_JUDGE
        return _blame(sides, halt, halt.what, fault)
    return None


def _blame(sides: BeforeAfterRunner, halt: Halt, what: str, fault: FailureCause) -> GateFailure:
    suite = sides.suite
    text = last_lines(suite.runs[-1].process.output)
    return GateFailure(halt.path, halt.test_id, what, fault, text, halts=True)
