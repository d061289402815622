"""`orchestrate scan`: what there is to fix, ranked."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from pathlib import Path

from orchestrator.engine.context.workspace import DEFAULT_PLAN, plan_above
from orchestrator.errors import BadInput, Exit
from orchestrator.memory_safety.check.config import read_config
from orchestrator.memory_safety.scan.scan import Survey, survey
from orchestrator.project.discover import project_top

_SHOWN = 10


def scan(paths: Sequence[str], *, as_json: bool, every: bool) -> Exit:
    """Print the rankings, or everything as JSON."""
    from orchestrator.console.streams import data
    from orchestrator.memory_safety.scan.console import show_survey, survey_json

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `scan | head` ends quietly; nothing is undone
    found = scanned(paths)
    if as_json:
        data(survey_json(found))
        return Exit.DONE
    if not found.files:
        where = ", ".join(paths) or "the testpaths of pytest's configuration, or below here"
        raise BadInput(
            f"no test file in {where}",
            next_step="orchestrate scan FOLDER, or python_files in the configuration of pytest",
        )
    show_survey(found, limit=None if every else _SHOWN, command=_next(found.top))
    return Exit.DONE


def scanned(paths: Sequence[str]) -> Survey:
    """What the test files here hold.

    Raises:
        BadInput: there is nothing of that name.
    """
    here = Path.cwd()
    top = project_top(here)
    return survey(paths, here=here, top=top, exclude=read_config(top).exclude)


def _next(top: Path) -> str:
    if plan_above(Path.cwd(), top):
        return f"orchestrate plan --update        ({DEFAULT_PLAN} is there)"
    return f"orchestrate plan        (writes {DEFAULT_PLAN})"
