"""Asks the gates of the plan one after the other, as far as the first that does not pass."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.batch.watcher import Watcher
from orchestrator.gates.compile import compile_gate
from orchestrator.gates.interpreter import Interpreter
from orchestrator.gates.suite import collect_gate, suite_gates
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import GateName, Verify


def gate(
    paths: Sequence[str], top: Path, python: Interpreter, verify: Verify, watcher: Watcher
) -> Iterator[Verdict]:
    """The verdicts on `paths`, in order; nothing is asked where nothing was edited.

    `collect` and `test` come from one pytest process: start-up and imports dominate small batches.
    """
    if not paths:
        return
    if GateName.COMPILE in verify.gates:
        watcher.step("compile")
        verdict = compile_gate(paths, top=top, python=python, timeout_s=verify.timeout_s)
        yield verdict
        if not verdict.passed:
            return
    if GateName.TEST in verify.gates:
        watcher.step("collect and test")
        collect, test = suite_gates(
            paths, top=top, python=python, verify=verify, on_progress=watcher.tests
        )
        if GateName.COLLECT in verify.gates or not collect.passed:
            yield collect
        if collect.passed:
            yield test
    elif GateName.COLLECT in verify.gates:
        watcher.step("collect")
        yield collect_gate(paths, top=top, python=python, verify=verify, on_progress=watcher.tests)
