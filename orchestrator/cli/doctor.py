"""`orchestrate doctor`: whether the pattern can work in this project at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from orchestrator.console.streams import data, out, plain
from orchestrator.doctor.diagnosis import Finding, Level, diagnosis
from orchestrator.doctor.examine import examine
from orchestrator.errors import Exit
from orchestrator.git import find_top
from orchestrator.interpreter import interpreter

_STYLES = {Level.OK: "green", Level.WARNING: "yellow", Level.PROBLEM: "bold red"}


def doctor(plan: Path | None, *, python: str | None, as_json: bool) -> Exit:
    """Ask, and print what was found; RED where something makes the pattern useless.

    Raises:
        CannotJudge: there is no Python with a pytest to ask.
        BadInput: there is a plan, and it cannot be read.
    """
    top, named = _project(plan)
    asked = interpreter(top, option=python, plan=named, command="doctor")
    asked.must_have_pytest(command="doctor")
    found = diagnosis(examine(top, asked))
    if as_json:
        data(_as_json(found))
    else:
        _show(found)
    return Exit.RED if any(one.level is Level.PROBLEM for one in found) else Exit.DONE


def _project(plan: Path | None) -> tuple[Path, str | None]:
    """The top of the project, and the interpreter its plan names, where it has a plan."""
    from orchestrator.workspace import open_workspace, plan_above

    here = Path.cwd()
    top = find_top(here)
    if plan is None and plan_above(here, top) is None:
        return top or here, None
    workspace = open_workspace(plan)
    return workspace.top, workspace.plan.verify.python


def _show(found: Sequence[Finding]) -> None:
    for one in found:
        line = plain(f"{one.level.value:8} ", _STYLES[one.level])
        line.append_text(plain(one.what))
        out().print(line, soft_wrap=True)
        if one.step:
            out().print(plain(f"         next: {one.step}"), soft_wrap=True)


def _as_json(found: Sequence[Finding]) -> str:
    rows = [{"level": f.level.value, "what": f.what, "next": f.step or None} for f in found]
    return json.dumps(rows, indent=2)
