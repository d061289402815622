"""The compile gate: every file of the batch compiles under the project's own interpreter."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path

from orchestrator import process
from orchestrator.gates.interpreter import Interpreter
from orchestrator.gates.verdict import Blame, Kind, Verdict
from orchestrator.plan.model import GateName

_PROGRAM = """
import json, sys
errors = []
for path in sys.argv[1:]:
    try:
        with open(path, "rb") as stream:
            compile(stream.read(), path, "exec", 0, True)
    except Exception as error:
        errors.append([path, "%s: %s" % (type(error).__name__, error)])
print(json.dumps(errors))
"""
"""Compiles without writing bytecode; one process for all files. Runs on any Python 3."""


def compile_gate(
    paths: Sequence[str], *, top: Path, python: Interpreter, timeout_s: float
) -> Verdict:
    """Whether `paths` compile, all judged by one process that imports nothing of the project."""
    command = [str(python.path), "-I", "-S", "-c", _PROGRAM, *(f"./{path}" for path in paths)]
    ended = process.run(command, cwd=top, timeout_s=timeout_s)
    try:
        errors = json.loads(ended.output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        why = (
            ended.stopped or f"the interpreter ended with {ended.exit_code}: {ended.output[-500:]}"
        )
        return Verdict(GateName.COMPILE, Kind.CANNOT_JUDGE, len(paths), ended.duration_s, why=why)
    blames = [_blame(path.removeprefix("./"), what, python) for path, what in errors]
    kind = Kind.RED if blames else Kind.PASSED
    return Verdict(GateName.COMPILE, kind, len(paths), ended.duration_s, blames)


def _blame(path: str, what: str, python: Interpreter) -> Blame:
    return Blame(path, None, what, shlex.join([str(python.path), "-m", "py_compile", path]))
