"""Opens a repository for work: one run at a time, with what a crash left settled before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import temporary
from orchestrator.disk import disk_errors
from orchestrator.errors import Refused
from orchestrator.events import InterpreterFound, Recovered, Said, Tell
from orchestrator.gates.reads import Reads
from orchestrator.gates.warm import imports as warm_imports
from orchestrator.gates.warm.runs import Warm
from orchestrator.git import Repo, find_folder, find_top
from orchestrator.git.version import check_version
from orchestrator.plan.model import Plan
from orchestrator.plan.projects import folders_of, projects_of, wanted_python
from orchestrator.progress.origin import check_here
from orchestrator.project.folders import TOP, Projects
from orchestrator.project.ids import file_of, in_project
from orchestrator.project.interpreter import Interpreter, chosen, interpreter
from orchestrator.safety import checkout, points, preflight
from orchestrator.safety.advance import finish
from orchestrator.safety.bystanders import Bystanders
from orchestrator.safety.journal import Journal
from orchestrator.safety.lock import only_run
from orchestrator.safety.opens import Opens
from orchestrator.safety.scratch import ScratchCopy, sweep
from orchestrator.safety.signals import interruptible
from orchestrator.safety.trust import Asking, check_trust, interpreter_lines
from orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class How:
    """How the user wants it done: by which interpreter, how strictly, trusting what."""

    python: str | None = None
    strict: bool = False
    trust: bool = False
    signoff: bool = False
    """Add a Signed-off-by to each commit, even if the plan does not set `commit: signoff`."""

    command: str = "next-batch"
    """What the user typed, as far as an error that names it needs."""

    def asking(self, command: str | None = None) -> Asking:
        """Who asks for trust, when `command` was typed."""
        return Asking(command or self.command, self.trust, self.python)


Started = tuple[str, tuple[str, ...]]
"""A project's folder and the arguments of pytest: runs that share both share a fork server."""


@dataclass(slots=True)
class Workshop:
    """Where fixers and gates work: the interpreter they start, and a copy they may write in."""

    workspace: Workspace
    how: How
    tell: Tell
    _make_scratch: Callable[[], ScratchCopy]
    home: Path | None = None
    """The top of the user's work tree, where another one is worked in."""

    _scratch: ScratchCopy | None = field(default=None)
    _pythons: dict[str, Interpreter] = field(default_factory=dict)
    _warm: dict[Started, Warm] = field(default_factory=dict)
    _projects: Projects | None = field(default=None)
    _several: bool | None = field(default=None)
    """Whether the plan is about several projects."""

    @property
    def plan(self) -> Plan:
        """The plan of the workspace."""
        return self.workspace.plan

    def scratch(self) -> ScratchCopy:
        """The copy of the work tree where programs may write, made when it is first asked for.

        Raises:
            Refused: there is no repository to copy.
        """
        if self._scratch is None:
            self._scratch = self._make_scratch()
        return self._scratch

    def close(self) -> None:
        """Remove the copy, and end what is there to be forked."""
        for warm in self._warm.values():
            warm.close()
        if self._scratch is not None:
            self._scratch.close()

    @property
    def projects(self) -> Projects:
        """Which folder of the repository is the project of a file."""
        if self._projects is None:
            self._projects = projects_of(self.plan, self.workspace.top)
        return self._projects

    def python(self, project: str = TOP) -> Interpreter:
        """The interpreter of a project, looked for once.

        Raises:
            CannotJudge: there is none, or none that starts.
        """
        if project not in self._pythons:
            top, wanted = self.workspace.top, wanted_python(self.plan, self.how.python, project)
            path = chosen(top, wanted)
            known = (one for one in self._pythons.values() if one.path == path)
            if (found := next(known, None)) is None:
                found = interpreter(top, wanted, command=self.how.command)
                self.tell(InterpreterFound(found))
                if why := self._needs_groups and found.why_groups_are_inert:
                    self.tell(Said(why))
            self._pythons[project] = found
        return self._pythons[project]

    @property
    def _needs_groups(self) -> bool:
        """Whether the plan groups tests, or runs them in workers."""
        rungs = [rung for phase in self.plan.phases for rung in phase.rungs()]
        workers = any(verify.workers for _, verify, _ in self.plan.all_verify())
        return workers or any(r.fixer == "memory-safety" for r in rungs)

    def warm(self, project: str, arguments: Sequence[str]) -> Warm:
        """What forks runs of pytest in a project, made once for the same arguments of pytest.

        Raises:
            CannotJudge: there is no interpreter.
        """
        if (started := (project, tuple(arguments))) not in self._warm:
            folder = self.workspace.top / project
            environment = warm_imports.Environment(
                str((self.home or self.workspace.top) / project),
                self.python(project),
                started[1],
            )
            self._warm[started] = Warm(environment, folder, lambda what: self.tell(Said(what)))
        return self._warm[started]

    def spelled(self, test_id: str) -> str:
        """The id of a test as records have it: with its project, where the plan has several."""
        if self._several is None:
            self._several = len(folders_of(self.projects, self.plan)) > 1
        folder = self.projects.of(file_of(test_id)) if self._several else TOP
        return in_project(test_id, folder)

    def take_warm(self) -> dict[Started, Warm]:
        """What forks runs of pytest, for whoever keeps it beyond this session."""
        warm, self._warm = self._warm, {}
        return warm

    def use_warm(self, kept: Mapping[Started, Warm]) -> None:
        """Fork runs of pytest from what an earlier session has loaded."""
        self._warm = dict(kept)
        for warm in kept.values():
            warm.say = lambda what: self.tell(Said(what))

    def use(self, pythons: Mapping[str, Interpreter]) -> None:
        """Take these interpreters, by project, and look for no other of those projects."""
        self._pythons |= pythons

    def found_python(self) -> Interpreter | None:
        """The interpreter, where somebody needed it before; nothing is started for it."""
        return self._pythons.get(TOP) or next(iter(self._pythons.values()), None)

    def python_path(self, project: str = TOP) -> Path | None:
        """Where an interpreter is, without starting it; None where there is none."""
        if project in self._pythons:
            return self._pythons[project].path
        return chosen(self.workspace.top, wanted_python(self.plan, self.how.python, project))


@dataclass(slots=True)
class Session(Workshop):
    """One command at work in a repository; `folder` is ours below git's own."""

    repo: Repo = field(kw_only=True)
    journal: Journal = field(kw_only=True)
    folder: Path = field(kw_only=True)
    bystanders: Bystanders | None = None
    """What is not of the batch that is at work, where one is."""

    reads: Reads = field(default_factory=Reads)
    """What the gates of the batch that is at work have read."""

    opens: Opens | None = None
    """What hears which files are opened, in a work tree where nobody else is at work."""

    lands_on: str | None = None
    """The branch onto which commits come that are made in a work tree of ours, on no branch."""

    lock: int | None = None
    """The descriptor of the lock that this run holds."""

    logs: Path = field(kw_only=True)
    """Where what a run did is kept, below git's own folder of the user's work tree."""

    @property
    def signs_off(self) -> bool:
        """Whether whoever runs it signs off its commits."""
        return self.how.signoff or self.plan.commit.signoff

    def checkout(self, commit: str) -> checkout.Checkout:
        """A work tree of ours that holds `commit`, with what the plan puts there. Close it.

        Raises:
            Refused, CannotJudge, DiskError: as `Checkout.make`.
        """
        return checkout.Checkout.make(
            self.repo,
            self.folder,
            commit,
            self.plan.worktree,
            python=self.python_path(),
            say=lambda what: self.tell(Said(what)),
        )

    @contextmanager
    def reading(self, program: str | None = None) -> Iterator[None]:
        """What is opened while the block runs, a gate has read; `program` is what it starts."""
        if self.opens is None:
            if program is not None:
                self.reads.programs.add(program)
            yield
            return
        before = set(self.reads.programs)
        self.opens.forget()
        yield
        if program is None and self.reads.programs == before:
            return  # nothing was started: the probe has heard it all
        if (seen := self.opens.seen()) is not None:
            self.reads.files |= seen
            self.reads.programs = before
        elif program is not None:
            self.reads.programs.add(program)


@contextmanager
def session(
    workspace: Workspace,
    how: How,
    tell: Tell,
    *,
    command: str = "next-batch",
    gates: bool = True,
    commits: bool = True,
) -> Iterator[Session]:
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
    check_here(workspace.top, workspace.plan)
    repo = preflight.open_repo(workspace.top)
    check_version(repo)
    folder = repo.folder() / "orchestrate"
    with (
        disk_errors(),
        only_run(folder, lambda what: tell(Said(what))) as lock,
        interruptible(),
    ):
        points.passed("locked")
        repo.hand_down(lock, folder / "lock")
        repo.on_wait = lambda what: tell(Said(what))
        sweep(folder)
        checkout.sweep(folder, repo)
        temporary.sweep()
        journal = Journal(folder, repo)
        journal.sweep()
        if journal.exists:
            tell(Recovered(journal.recover().sentence))
        if (ended := finish(repo, folder)) is not None:
            tell(Recovered(ended))
        if commits:
            preflight.check_branch(repo)
        preflight.check_records(repo, workspace.plan)
        if gates:
            check_trust(workspace.plan, repo, how.asking(command))
        work = Session(
            workspace,
            how,
            tell,
            lambda: ScratchCopy(repo, folder),
            repo=repo,
            journal=journal,
            folder=folder,
            lock=lock,
            logs=folder,
        )
        try:
            yield work
        finally:
            work.close()


@contextmanager
def onlooker(workspace: Workspace, how: How, tell: Tell) -> Iterator[Workshop]:
    """See what a run would do, beside whatever else is at work here; nothing of it is written."""
    check_here(workspace.top, workspace.plan)
    work = Workshop(workspace, how, tell, lambda: own_copy(workspace.top))
    try:
        yield work
    finally:
        work.close()


def check_trusted(workspace: Workspace, asking: Asking) -> None:
    """Make sure that what the plan would execute was trusted here.

    Raises:
        Refused: it was not, and nobody said so; or there is no repository to remember it.
    """
    _our_folder(workspace.top)
    check_trust(workspace.plan, Repo(workspace.top), asking)


def check_started(workspace: Workspace, asking: Asking, *, arguments: bool) -> None:
    """The same for a command that starts the project's interpreter, and nothing else of the plan.

    With `arguments`, it gives those of the plan to pytest.
    """
    plan, top = workspace.plan, workspace.top
    repo = Repo(top) if find_top(top) == top else None
    given = arguments and any(verify.pytest_args for _, verify, _ in plan.all_verify())
    if given or interpreter_lines(plan, top, repo, asking.python):
        check_trusted(workspace, asking)


def own_copy(top: Path) -> ScratchCopy:
    """A copy of the work tree beside whatever else is at work here; the caller closes it.

    Raises:
        Refused: there is no repository, or no commit in it.
    """
    folder, repo = _our_folder(top), preflight.open_repo(top)
    if repo.is_unborn:
        raise Refused(
            "nothing was committed here yet, and a copy is made of a commit",
            next_step="git add --all && git commit",
        )
    return ScratchCopy(repo, folder)


def _our_folder(top: Path) -> Path:
    if find_top(top) != top:
        raise Refused(
            f"{str(top)!r} is not in a git work tree, which a copy of it needs",
            next_step="git init, or change to your repository",
        )
    return find_folder(top) / "orchestrate"
