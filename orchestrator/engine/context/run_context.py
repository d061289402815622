"""Opens a repository for a run: one at a time, with what a crash left settled before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.base import failpoints, tempdirs
from orchestrator.base.changes import Content
from orchestrator.base.disk_errors import disk_errors
from orchestrator.base.signals import interruptible
from orchestrator.commit import preflight
from orchestrator.commit.journal import Journal
from orchestrator.commit.lock import only_run
from orchestrator.commit.transaction import CommitContext, Transaction, transaction
from orchestrator.engine.context.events import EventHandler, Notice, Recovered
from orchestrator.engine.context.fork_servers import ForkServers
from orchestrator.engine.context.interpreters import Interpreters
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.trust import check_trust
from orchestrator.engine.context.workspace import Workspace
from orchestrator.gates.pytest.forked.fork_server import ForkServer
from orchestrator.plan.model import Place, Plan
from orchestrator.project.folders import TOP, Projects
from orchestrator.project.interpreter import Interpreter
from orchestrator.records.origin import check_here
from orchestrator.records.record import record_path
from orchestrator.report.message import Message
from orchestrator.vcs import Head, Repo
from orchestrator.vcs.opening import open_repo
from orchestrator.vcs.state_folder import state_folder_of
from orchestrator.vcs.version import check_version
from orchestrator.worktrees import checkout
from orchestrator.worktrees.fast_forward import finish
from orchestrator.worktrees.opened_files import OpenedFilesWatcher
from orchestrator.worktrees.scratch import LazyScratch, ScratchCopy, own_copy, sweep


@dataclass(frozen=True, slots=True)
class ReadOnlyContext:
    """What a command that writes nothing works with; `emit` is called with each event."""

    workspace: Workspace
    options: RunOptions
    emit: EventHandler
    interpreters: Interpreters
    scratch_copy: LazyScratch

    @property
    def plan(self) -> Plan:
        """The plan of the workspace."""
        return self.workspace.plan

    @property
    def top(self) -> Path:
        """The top of the work tree."""
        return self.workspace.top

    @property
    def projects(self) -> Projects:
        """Which folder of the repository is the project of a file."""
        return self.interpreters.projects

    def say(self, what: str) -> None:
        """Emit a sentence for the user."""
        self.emit(Notice(what))

    def python(self, project: str = TOP) -> Interpreter:
        """Return the interpreter of a project.

        Raises:
            CannotJudge: there is none, or none that starts.
        """
        return self.interpreters.of(project, self.emit)

    def scratch(self) -> ScratchCopy:
        """Return the copy of the work tree where programs may write.

        Raises:
            Refused: there is no repository to copy.
        """
        return self.scratch_copy.get()


@dataclass(frozen=True, slots=True)
class RunContext(ReadOnlyContext):
    """What a command that commits works with.

    `commits` says where commits are made. `lock` is the descriptor of the lock that the run holds,
    `home` the top of the user's work tree, where the run is in another one. `opened_files` watches
    a work tree in which nobody else works.
    """

    commits: CommitContext
    fork_servers: ForkServers
    lock: int | None = None
    home: Path | None = None
    opened_files: OpenedFilesWatcher | None = None

    @property
    def repo(self) -> Repo:
        """The repository, as seen from the work tree."""
        return self.commits.repo

    @property
    def state_dir(self) -> Path:
        """The folder of this program below git's own."""
        return self.commits.state_dir

    @property
    def logs(self) -> Path:
        """Where the logs of runs are kept: in the state folder of the user's work tree."""
        return self.commits.logs

    def with_emit(self, emit: EventHandler) -> RunContext:
        """Return the same context with another handler of events."""
        commits = replace(self.commits, say=lambda what: emit(Notice(what)))
        return replace(self, emit=emit, commits=commits)

    def fork_server(self, project: str, arguments: Sequence[str]) -> ForkServer:
        """Return what forks the runs of pytest in a project that have these arguments.

        Raises:
            CannotJudge: there is no interpreter.
        """
        home = (self.home or self.top) / project
        return self.fork_servers.of(home, self.top / project, self.python(project), arguments)

    def transaction(
        self, place: Place, head: Head, before: Mapping[str, Content]
    ) -> AbstractContextManager[Transaction]:
        """Write and commit in the block; where it ends without a commit, all is as it was.

        `before` are the files that may be changed, with what they hold; `head` is where HEAD is.
        """
        return transaction(
            self.commits,
            place.name,
            head,
            before,
            record=record_path(self.plan, place),
            may_write=self.plan.verify_for(place).may_write,
        )

    def signed(self, message: Message) -> Message:
        """Return the message with the user's Signed-off-by, where the plan or --signoff asks."""
        if self.options.signoff or self.plan.commit.signoff:
            return message.signed_off(self.repo.committer())
        return message

    def checkout(self, commit: str) -> checkout.Checkout:
        """Return a work tree of ours that holds `commit`, with what the plan puts there. Close it.

        Raises:
            Refused, CannotJudge, DiskError: as `Checkout.make`.
        """
        return checkout.Checkout.make(
            self.repo,
            self.state_dir,
            commit,
            self.plan.worktree,
            python=self.interpreters.path(),
            say=self.say,
        )


@contextmanager
def run_context(
    workspace: Workspace,
    options: RunOptions,
    emit: EventHandler,
    *,
    command: str = "next-batch",
    gates: bool = True,
    commits: bool = True,
) -> Iterator[RunContext]:
    """Work in the repository until the block ends; an interrupted run is settled before.

    Without `gates` nothing of the plan is executed, so that nothing of it need be trusted; without
    `commits` nothing is committed, so that no branch is needed. `command` is what was typed, for
    whoever has to type it once more.

    Raises:
        Refused: there is no repository, no branch to commit on, somebody's file is where a record
            goes, or the plan holds commands that nobody here has trusted yet.
        Locked: another run is at work.
        NeedsDecision: an interrupted run cannot be undone without asking.
    """

    def say(what: str) -> None:
        emit(Notice(what))

    check_here(workspace.top, workspace.plan)
    repo = open_repo(workspace.top)
    check_version(repo)
    folder = state_folder_of(repo)
    with disk_errors(), only_run(folder, say) as lock, interruptible():
        failpoints.hit("locked")
        repo.hand_down(lock, folder / "lock")
        repo.on_wait = say
        sweep(folder)
        checkout.sweep(folder, repo)
        tempdirs.sweep()
        journal = Journal(folder, repo)
        journal.sweep()
        if journal.exists:
            emit(Recovered(journal.recover().sentence))
        if (ended := finish(repo, folder)) is not None:
            emit(Recovered(ended))
        if commits:
            preflight.check_branch(repo)
        preflight.check_records(repo, workspace.plan)
        if gates:
            check_trust(workspace.plan, repo, options.asking(command))
        context = RunContext(
            workspace,
            options,
            emit,
            Interpreters(workspace, options),
            LazyScratch(lambda: ScratchCopy(repo, folder)),
            CommitContext(repo, journal, folder, folder, say),
            ForkServers(),
            lock,
        )
        try:
            yield context
        finally:
            context.fork_servers.close()
            context.scratch_copy.close()


@contextmanager
def read_only_context(
    workspace: Workspace, options: RunOptions, emit: EventHandler
) -> Iterator[ReadOnlyContext]:
    """See what a run would do, beside whatever else is at work here; nothing of it is written."""
    check_here(workspace.top, workspace.plan)
    scratch = LazyScratch(lambda: own_copy(workspace.top))
    try:
        yield ReadOnlyContext(workspace, options, emit, Interpreters(workspace, options), scratch)
    finally:
        scratch.close()
