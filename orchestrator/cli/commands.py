"""One function per command: find the workspace, make one call, show the answer."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.errors import BadInput, Exit

if TYPE_CHECKING:
    from orchestrator.workspace import Workspace


def status(plan: Path | None, *, as_json: bool, as_markdown: bool, check: bool) -> Exit:
    """Print where the migration stands; with `check`, RED while a run has something to do."""
    from orchestrator.report.status import markdown, to_json
    from orchestrator.workspace import open_workspace

    if as_json and as_markdown:
        raise BadInput(
            "--json and --markdown contradict each other", next_step="orchestrate status"
        )
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `status | head` ends quietly; nothing is undone
    workspace = open_workspace(plan)
    warn_of_interrupted_run(workspace)
    found = workspace.status()
    if as_json or as_markdown:
        from orchestrator.console.streams import data

        data(to_json(found) if as_json else markdown(found))
    else:
        from orchestrator.console.status import show_status

        if (origin := workspace.origin) is not None:
            from orchestrator.console.streams import say

            say(origin.sentence, "dim")
        show_status(found)
    waits = found.next is not None or next(found.unresolved(), None) is not None
    return Exit.RED if check and waits else Exit.DONE


def warn_of_interrupted_run(workspace: Workspace) -> None:
    """Say so where an earlier run left its files as they were when it died."""
    from orchestrator.safety.interrupted import interrupted_run

    if interrupted_run(workspace):
        from orchestrator.console.streams import say

        say("an earlier run was interrupted, and its files are as it left them", "yellow")
        say("next: orchestrate recover")


def validate(plan: Path | None) -> Exit:
    """Check the plan and say what it amounts to."""
    from orchestrator.console.streams import data
    from orchestrator.report.check import check_templates
    from orchestrator.words import plural
    from orchestrator.workspace import open_workspace

    workspace = open_workspace(plan, files_must_exist=True)
    check_templates(workspace.plan)
    batches = list(workspace.plan.places())
    counts = [
        plural(len(workspace.plan.phases), "phase"),
        plural(len(batches), "batch"),
        plural(sum(len(place.batch.targets) for place in batches), "target"),
    ]
    data(f"{workspace.plan_file.name} is fine: {', '.join(counts)}")
    return Exit.DONE


def schema() -> Exit:
    """Print the JSON Schema of the plan."""
    from orchestrator.console.streams import data
    from orchestrator.plan.schema import schema_text

    data(schema_text())
    return Exit.DONE


def recover(plan: Path | None, *, keep: bool, restore: bool) -> Exit:
    """End what an interrupted run left behind."""
    from orchestrator.console.streams import data
    from orchestrator.safety.journal import Decision
    from orchestrator.safety.recovery import recover_here
    from orchestrator.workspace import open_workspace

    if keep and restore:
        raise BadInput(
            "--keep and --restore contradict each other", next_step="orchestrate recover --keep"
        )
    decision = Decision.KEEP if keep else Decision.RESTORE if restore else None
    data(recover_here(open_workspace(plan), decision))
    return Exit.DONE
