"""`orchestrate check --phase`: what is left to do in the files of a phase of the plan."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from orchestrator.base.escape import as_argument
from orchestrator.base.text import plural
from orchestrator.console.streams import answer, next_step, say
from orchestrator.engine.context.events import ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.workspace import open_workspace
from orchestrator.engine.views.remaining import left_of
from orchestrator.errors import Exit


def left(plan: Path | None, phase: str, how: RunOptions) -> Exit:
    """Print what is left, a line each; RED where anything is."""
    how = replace(how, command=f"check --phase {phase}")
    asked = left_of(open_workspace(plan), phase, how, ignore_events)
    for one in asked.left:
        answer(f"{one.path}: {one.what}" if one.path and one.path not in one.what else one.what)
    if asked.left:
        say(f"something is left in {asked.phase.id} ({plural(asked.files, 'file')} asked)")
        if asked.is_open:
            next_step(f"orchestrate next-batch --phase {as_argument(asked.phase.id)}")
        else:
            next_step("orchestrate unresolved        (no run takes them up before a `retry`)")
        return Exit.RED
    say(f"nothing is left in {asked.phase.id} ({plural(asked.files, 'file')} asked)")
    return Exit.DONE
