"""`orchestrate validate`: what is wrong with a plan, and what does not hold any more."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.text import plural
from orchestrator.cli.commands import warn_of_detached_head
from orchestrator.console.streams import answer, next_step, say
from orchestrator.engine.context.workspace import open_workspace
from orchestrator.errors import BadInput, Exit
from orchestrator.planning.warnings import warnings
from orchestrator.report.check import check_templates


def validate(plan: Path | None, *, strict: bool) -> Exit:
    """Check the plan and say what it amounts to; warnings are errors where `strict` says so.

    Raises:
        BadInput: it is wrong, or with `strict` something does not hold.
    """
    workspace = open_workspace(plan, files_must_exist=True)
    warn_of_detached_head(workspace.top)
    check_templates(workspace.plan)
    found = list(warnings(workspace))
    name = workspace.plan_file.name
    if found and strict:
        lines = [f"{name}: {warning.text}" for warning in found]
        raise BadInput("\n".join(lines), next_step=found[0].next_step)
    for warning in found:
        say(f"warning: {warning.text}", "yellow")
    batches = list(workspace.plan.places())
    counts = [
        plural(len(workspace.plan.phases), "phase"),
        plural(len(batches), "batch"),
        plural(sum(len(place.batch.targets) for place in batches), "target"),
    ]
    word = f" but for {plural(len(found), 'warning')}" if found else ""
    answer(f"{name} is fine{word}: {', '.join(counts)}")
    for step in dict.fromkeys(warning.next_step for warning in found if warning.next_step):
        next_step(f"{step}")
    return Exit.DONE
