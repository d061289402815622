"""Works in a checkout of ours as in the user's tree: here, or in another process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.events import Tell
from orchestrator.git import Repo, find_top, worktrees
from orchestrator.git.settings import hooks_folder
from orchestrator.plan.projects import folders_of
from orchestrator.project.folders import TOP
from orchestrator.project.interpreter import Interpreter
from orchestrator.safety import checkout
from orchestrator.safety.journal import Journal
from orchestrator.safety.opens import Opens
from orchestrator.safety.scratch import ScratchCopy
from orchestrator.safety.session import How, Session
from orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Away:
    """A checkout of ours and what it takes to work there: plain values, for another process.

    `workspace` is that of the checkout, `pythons` are the interpreters by project, `home` is the
    top of the user's work tree; `notes` and `logs` are folders of ours below git's own, of the
    user's work tree; `given` is what the plan put into the checkout.
    """

    workspace: Workspace
    how: How
    pythons: Mapping[str, Interpreter]
    home: Path
    notes: Path
    logs: Path
    given: tuple[str, ...] = ()

    @classmethod
    def at(cls, home: Session, there: checkout.Checkout) -> Away:
        """A checkout of the repository in which `home` is at work."""
        pythons = {}
        if home.plan.runs_tests():
            top = home.workspace.top
            folders = dict.fromkeys([TOP, *folders_of(home.projects, home.plan)])
            pythons = {name: home.python(name).moved(top, there.top) for name in folders}
        workspace = replace(home.workspace, top=there.top)
        chosen_ = home.python_path()
        how = replace(home.how, python=None if chosen_ is None else str(chosen_))
        own = home.workspace.top, home.folder, home.logs, tuple(there.given)
        return cls(workspace, how, pythons, *own)


@contextmanager
def at_work(away: Away, tell: Tell, *, lock: int | None = None) -> Iterator[Session]:
    """Work in a checkout of ours as in the user's tree.

    `lock` is held by every git that is started, so that a commit which outlives a killed run is
    waited for.
    """
    repo = Repo(away.workspace.top, ours=True)
    if lock is not None:
        repo.hand_down(lock, away.notes / "lock")
    folder = repo.folder() / "orchestrate"
    folder.mkdir(exist_ok=True)
    (repo.folder() / "index.lock").unlink(missing_ok=True)  # of a worker that was killed
    if find_top(away.home) == away.home:
        repo.hooks = hooks_folder(Repo(away.home)).resolve()
    work = Session(
        away.workspace,
        away.how,
        tell,
        lambda: ScratchCopy(repo, away.notes),
        away.home,
        repo=repo,
        journal=Journal(folder, repo, away.logs),
        folder=folder,
        logs=away.logs,
    )
    work.use(away.pythons)
    with contextlib.suppress(OSError):  # what programs read is not known then
        work.opens = Opens(repo.top, ["", *worktrees.folders(repo)])
    try:
        yield work
    finally:
        work.close()
        if work.opens is not None:
            work.opens.close()
