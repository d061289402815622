"""Opens a repository for work: one run at a time, with what a crash left settled before."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator import files
from orchestrator.batch import preflight
from orchestrator.batch.journal import Journal
from orchestrator.batch.lock import only_run
from orchestrator.batch.signals import interruptible
from orchestrator.batch.watcher import Watcher
from orchestrator.batch.workspace import Workspace
from orchestrator.errors import Refused
from orchestrator.gates.interpreter import Interpreter, interpreter
from orchestrator.git import Repo
from orchestrator.plan.model import Plan


@dataclass(frozen=True, slots=True)
class How:
    """How the user wants it done: with which interpreter, how strictly, trusting what."""

    python: str | None = None
    strict: bool = False
    trust: bool = False


@dataclass(slots=True)
class Session:
    """One command at work in a repository; `folder` is ours below git's own."""

    workspace: Workspace
    repo: Repo
    journal: Journal
    folder: Path
    how: How
    watcher: Watcher
    _python: Interpreter | None = field(default=None)

    @property
    def plan(self) -> Plan:
        """The plan of the workspace."""
        return self.workspace.plan

    def python(self) -> Interpreter:
        """The project's interpreter, looked for once.

        Raises:
            CannotJudge: there is none, or none that could run the tests.
        """
        if self._python is None:
            named = self.plan.verify.python
            self._python = interpreter(self.workspace.top, option=self.how.python, plan=named)
            self.watcher.interpreter(self._python)
        return self._python


@contextmanager
def session(
    workspace: Workspace, how: How, watcher: Watcher, *, gates: bool = True
) -> Iterator[Session]:
    """Work in the repository until the block ends; an interrupted run is settled before.

    Without `gates` nothing of the plan is executed, so that nothing of it need be trusted.

    Raises:
        Refused: there is no repository, somebody's file is where a record goes, or the plan holds
            commands that nobody here has trusted yet.
        Locked: another run is at work.
        NeedsDecision: an interrupted run cannot be undone without asking.
    """
    repo = preflight.open_repo(workspace.top)
    folder = repo.folder() / "orchestrate"
    with only_run(folder) as lock, interruptible():
        repo.hand_down(lock)
        journal = Journal(folder, repo)
        if journal.exists:
            watcher.recovered(journal.recover().sentence)
        preflight.check_records(repo, workspace.plan)
        if gates:
            _check_trust(workspace.plan, folder / "trusted", trust=how.trust)
        yield Session(workspace, repo, journal, folder, how, watcher)


def _check_trust(plan: Plan, trusted: Path, *, trust: bool) -> None:
    """Run nothing a plan brings along until a person here has seen it; a change asks anew."""
    commands = plan.verify.commands
    if not commands:
        return
    text = "\n".join(f"{command.name}: {command.run}" for command in commands)
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = trusted.read_text("ascii").split() if trusted.exists() else []
    if digest in known:
        return
    if not trust:
        raise Refused(
            f"the plan would run commands that were not trusted here yet:\n{text}",
            next_step="look at them, then once: orchestrate next-batch --trust",
        )
    files.create(trusted, "\n".join([*known, digest, ""]).encode("ascii"))
