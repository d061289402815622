"""One function per command: find the workspace, make one call, show the answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.escape import as_argument
from orchestrator.errors import BadInput, Exit

if TYPE_CHECKING:
    from orchestrator.engine.context.workspace import Workspace


def warn_of_interrupted_run(workspace: Workspace) -> None:
    """Say so where an earlier run left its files as they were when it died."""
    from orchestrator.commit.interrupted_run import interrupted_run

    if interrupted_run(workspace.top):
        from orchestrator.console.streams import next_step, say

        say("an earlier run was interrupted, and its files are as it left them", "yellow")
        next_step("orchestrate recover")


def warn_of_detached_head(top: Path) -> None:
    """Say so where no batch could land, before somebody counts on it."""
    from orchestrator.vcs.detached import is_detached

    if is_detached(top):
        from orchestrator.console.streams import say

        say("HEAD is detached: next-batch needs a branch to commit on", "yellow")
        say("next: git switch -c BRANCH")


def warn_of_waiting_commits(workspace: Workspace) -> None:
    """Say so where commits of an earlier run are not on the user's branch yet."""
    from orchestrator.worktrees.waiting import waiting

    if found := waiting(workspace.top):
        from orchestrator.console.streams import next_step, say

        branch, ours = found
        say(f"commits of an earlier run wait on {ours}, and are not on {branch}", "yellow")
        next_step(f"git merge {as_argument(ours)}")


def schema() -> Exit:
    """Print the JSON Schema of the plan."""
    from orchestrator.console.streams import data
    from orchestrator.plan.schema import schema_text

    data(schema_text())
    return Exit.DONE


def recover(plan: Path | None, *, keep: bool, restore: bool) -> Exit:
    """End what an interrupted run left behind."""
    from orchestrator.commit.journal import RecoverChoice
    from orchestrator.commit.recovery import recover_here
    from orchestrator.console.streams import answer, say
    from orchestrator.engine.context.workspace import open_workspace

    if keep and restore:
        raise BadInput(
            "--keep and --restore contradict each other", next_step="orchestrate recover --keep"
        )
    decision = RecoverChoice.KEEP if keep else RecoverChoice.RESTORE if restore else None
    answer(recover_here(open_workspace(plan).top, decision, say))
    return Exit.DONE
