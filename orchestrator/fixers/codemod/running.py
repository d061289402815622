"""Starts the program that runs a codemod, under the project's interpreter where that has libcst."""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.base import commandline
from orchestrator.errors import CannotJudge
from orchestrator.fixers.child import MEMORY_LIMIT_BYTES
from orchestrator.fixers.outcome import Outcome, Refusal, Source
from orchestrator.fixers.runner import FILE_LIMIT_S, FixerProgram, answers
from orchestrator.fixers.task import Task

_PROGRAM = Path(__file__).parent / "probe" / "run_codemod.py"
_NO_CODEMOD = 3


def outcomes(task: Task) -> list[Outcome]:
    """What the codemod says of each file of `task`, in their order.

    Raises:
        CannotJudge: there is no such codemod.
    """
    missing: dict[str, Outcome] = {
        s.path: Refusal(s.path, "there is no such file") for s in task.sources if not s.exists
    }
    sources = [source for source in task.sources if source.exists]
    found = {one.path: one for one in answers(_child(task, sources), sources)}
    return [{**found, **missing}[source.path] for source in task.sources]


def _child(task: Task, sources: list[Source]) -> FixerProgram:
    python = task.python()
    own = not python.has_libcst
    environment = commandline.environment(task.top, python.path)
    environment["PYTHONDONTWRITEBYTECODE"] = "1"  # nothing is left in the project's folders
    job = {
        "codemod": task.options["codemod"],
        "args": task.options.get("args", {}),
        "top": str(task.top),
        "search": list(python.search) if own else [],
        "limit_s": FILE_LIMIT_S,
        "memory_bytes": MEMORY_LIMIT_BYTES,
        "paths": [source.path for source in sources],
    }
    program = sys.executable if own else str(python.path)
    command = [program, "-P", str(_PROGRAM)] if own else [program, str(_PROGRAM)]
    return FixerProgram(command, job, task.top, environment, {_NO_CODEMOD: _cannot})


def _cannot(printed: str) -> CannotJudge:
    last = printed.strip().splitlines()[-1] if printed.strip() else "it printed nothing"
    return CannotJudge(
        f"the codemod cannot be used: {last}",
        next_step="correct `codemod:` in the plan; it is looked for from the top of the repository "
        "and where the project's interpreter finds modules",
    )
