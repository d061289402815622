"""Ends what an interrupted run left behind, when a person asks for it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base import tempdirs
from orchestrator.base.signals import held, interruptible
from orchestrator.commit.journal import Journal, RecoverChoice
from orchestrator.commit.lock import Say, only_run
from orchestrator.vcs.opening import open_repo
from orchestrator.vcs.state_folder import state_folder_of
from orchestrator.worktrees import checkout
from orchestrator.worktrees.fast_forward import finish
from orchestrator.worktrees.scratch import sweep


def recover_here(top: Path, decision: RecoverChoice | None, say: Say) -> str:
    """What was done, in a sentence; `say` is told what is waited for.

    Raises:
        NeedsDecision: a file changed since the crash, and `decision` does not say what counts.
        Locked: the run is still alive.
    """
    repo = open_repo(top)
    folder = state_folder_of(repo)
    with only_run(folder, say), interruptible(), held():
        sweep(folder)
        tempdirs.sweep()
        journal = Journal(folder, repo)
        journal.sweep()
        checkout.sweep(folder, repo)
        if (ended := finish(repo, folder)) is not None:
            return ended
        if not journal.exists:
            return "Nothing to recover: no run was interrupted here."
        return journal.recover(decision).sentence
