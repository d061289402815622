"""Ends what an interrupted run left behind, when a person asks for it."""

from __future__ import annotations

from orchestrator import temporary
from orchestrator.safety import checkout
from orchestrator.safety.advance import finish
from orchestrator.safety.journal import Decision, Journal
from orchestrator.safety.lock import Say, only_run
from orchestrator.safety.preflight import open_repo
from orchestrator.safety.scratch import sweep
from orchestrator.safety.signals import held, interruptible
from orchestrator.workspace import Workspace


def recover_here(workspace: Workspace, decision: Decision | None, say: Say) -> str:
    """What was done, in a sentence; `say` is told what is waited for.

    Raises:
        NeedsDecision: a file changed since the crash, and `decision` does not say what counts.
        Locked: the run is still alive.
    """
    repo = open_repo(workspace.top)
    folder = repo.folder() / "orchestrate"
    with only_run(folder, say), interruptible(), held():
        sweep(folder)
        temporary.sweep()
        journal = Journal(folder, repo)
        journal.sweep()
        checkout.sweep(folder, repo)
        if (ended := finish(repo, folder)) is not None:
            return ended
        if not journal.exists:
            return "Nothing to recover: no run was interrupted here."
        return journal.recover(decision).sentence
