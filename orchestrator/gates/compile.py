"""The compile gate: every file of the batch compiles under the project's own interpreter."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.base import process
from orchestrator.base.outcomes import FailureCause, GateResult
from orchestrator.base.redact import redacted
from orchestrator.gates.verdict import GateFailure, Verdict
from orchestrator.plan.verify import GateName
from orchestrator.project.interpreter import Interpreter

_PROGRAM = Path(__file__).parent / "probe" / "compile_files.py"


def compile_gate(
    paths: Sequence[str], *, top: Path, python: Interpreter, timeout_s: float
) -> Verdict:
    """Whether `paths` compile, all judged by one process that imports nothing of the project."""
    command = [str(python.path), "-I", "-S", str(_PROGRAM), *(f"./{path}" for path in paths)]
    ended = process.run(command, cwd=top, timeout_s=timeout_s)
    verdict = Verdict(
        GateName.COMPILE, GateResult.PASSED, len(paths), ended.duration_s, commands=[command]
    )
    try:
        errors = json.loads(ended.output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        why = (
            ended.stopped
            or f"the interpreter ended with {ended.exit_code}: {redacted(ended.output)[-500:]}"
        )
        return replace(verdict, kind=GateResult.CANNOT_JUDGE, why=why)
    blames = [_blame(path.removeprefix("./"), what) for path, what in errors]
    return replace(verdict, kind=GateResult.RED, blames=blames) if blames else verdict


def unless_before(verdict: Verdict, before: Verdict) -> Verdict:
    """`verdict` with the files that did not compile `before` either as ones nobody can judge."""
    old = {blame.path for blame in before.blames}
    blames = [
        replace(
            blame, what=f"{blame.what}; nor did it before the edit", fault=FailureCause.CANNOT_JUDGE
        )
        if blame.path in old
        else blame
        for blame in verdict.blames
    ]
    unclear = all(blame.fault is FailureCause.CANNOT_JUDGE for blame in blames)
    return replace(
        verdict, kind=GateResult.CANNOT_JUDGE if unclear else GateResult.RED, blames=blames
    )


def _blame(path: str, what: str) -> GateFailure:
    return GateFailure(path, None, what, text=what)
