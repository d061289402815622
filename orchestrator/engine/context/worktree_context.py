"""Works in a checkout of ours as in the user's tree: here, or in another process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.commit.journal import Journal
from orchestrator.commit.transaction import CommitContext
from orchestrator.engine.context.events import EventHandler, Notice
from orchestrator.engine.context.fork_servers import ForkServers
from orchestrator.engine.context.interpreters import Interpreters
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.context.workspace import Workspace
from orchestrator.plan.projects import folders_of
from orchestrator.project.folders import TOP
from orchestrator.project.interpreter import Interpreter
from orchestrator.vcs import Repo, find_top, worktrees
from orchestrator.vcs.settings import hooks_folder
from orchestrator.vcs.state_folder import state_folder_of
from orchestrator.worktrees import checkout
from orchestrator.worktrees.opened_files import OpenedFilesWatcher
from orchestrator.worktrees.scratch import LazyScratch, ScratchCopy


@dataclass(frozen=True, slots=True)
class WorktreeContext:
    """A checkout of ours and what another process needs to work there, as plain values.

    `workspace` is that of the checkout, `pythons` are the interpreters by project, `home` is the
    top of the user's work tree; `notes` and `logs` are our folders in the git directory of that
    work tree; `given` are the untracked files that `worktree:` of the plan put into the checkout.
    """

    workspace: Workspace
    options: RunOptions
    pythons: Mapping[str, Interpreter]
    home: Path
    notes: Path
    logs: Path
    given: tuple[str, ...] = ()

    @classmethod
    def at(cls, home: RunContext, there: checkout.Checkout) -> WorktreeContext:
        """Return the checkout `there` of the repository in which `home` works."""
        pythons = {}
        if home.plan.runs_tests():
            top = home.top
            folders = dict.fromkeys([TOP, *folders_of(home.projects, home.plan)])
            pythons = {name: home.python(name).moved(top, there.top) for name in folders}
        workspace = replace(home.workspace, top=there.top)
        chosen_ = home.interpreters.path()
        options = replace(home.options, python=None if chosen_ is None else str(chosen_))
        own = home.top, home.state_dir, home.logs, tuple(there.given)
        return cls(workspace, options, pythons, *own)


@contextmanager
def open_worktree(
    there: WorktreeContext,
    emit: EventHandler,
    *,
    lock: int | None = None,
    branch: str | None = None,
    fork_servers: ForkServers | None = None,
) -> Iterator[RunContext]:
    """Work in a checkout of ours as in the user's tree.

    `lock` is held by every git that is started, so that a commit which outlives a killed run is
    waited for. `branch` is where its commits will land. `fork_servers` are left running; without
    them, those that are started are ended with the block.
    """
    repo = Repo(there.workspace.top, ours=True)
    if lock is not None:
        repo.hand_down(lock, there.notes / "lock")
    folder = state_folder_of(repo)
    folder.mkdir(exist_ok=True)
    (repo.folder() / "index.lock").unlink(missing_ok=True)  # of a worker that was killed
    if find_top(there.home) == there.home:
        repo.hooks = hooks_folder(Repo(there.home)).resolve()
    scratch = LazyScratch(lambda: ScratchCopy(repo, there.notes))
    journal = Journal(folder, repo, there.logs)
    own_servers = ForkServers()
    opened_files = None
    with contextlib.suppress(OSError):  # what programs read is not known then
        opened_files = OpenedFilesWatcher(repo.top, ["", *worktrees.folders(repo)])
    try:
        yield RunContext(
            there.workspace,
            there.options,
            emit,
            Interpreters(there.workspace, there.options, there.pythons),
            scratch,
            CommitContext(
                repo, journal, folder, there.logs, lambda what: emit(Notice(what)), branch
            ),
            own_servers if fork_servers is None else fork_servers,
            lock,
            there.home,
            opened_files,
        )
    finally:
        own_servers.close()
        scratch.close()
        if opened_files is not None:
            opened_files.close()
