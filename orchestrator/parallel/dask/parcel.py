"""What travels to another machine to be judged there: no path of this one, nothing secret."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator import __version__
from orchestrator.base.paths import why_unsafe
from orchestrator.engine.context.run_context import RunContext
from orchestrator.errors import BadInput
from orchestrator.parallel.task import BatchTask
from orchestrator.parallel.wire import Garbled, from_bytes
from orchestrator.plan.model import Plan
from orchestrator.vcs import Repo
from orchestrator.worktrees.fast_forward import is_ancestor


@dataclass(frozen=True, slots=True)
class Parcel:
    """One task with what its judge needs, beside the bundle of the series' first commit.

    `repository` names the clone a worker keeps, `plan_file` is the plan's path from the top.
    `since` is a bundle of what came after the commit `root`; empty where that is the task's own.
    `topic` is where what happens is told.
    """

    task: BatchTask
    plan: Plan
    plan_file: str
    repository: str
    root: str
    since: bytes
    strict: bool
    topic: str
    version: str = __version__


_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REPOSITORY = re.compile(r"[0-9a-f]{20}")


def parcel_from(data: bytes) -> Parcel:
    """The parcel that `wire.plain_bytes` made bytes of.

    Raises:
        Garbled: it is none, or names what it must not name.
    """
    parcel = from_bytes(Parcel, data)
    for path in (parcel.plan_file, *parcel.task.paths, *parcel.task.also):
        if why := why_unsafe(path):
            raise Garbled(why)
    if not all(_COMMIT.fullmatch(commit) for commit in (parcel.root, parcel.task.base)):
        raise Garbled("it is about no commit")
    if not _REPOSITORY.fullmatch(parcel.repository):
        raise Garbled(f"it names the repository {parcel.repository!r}")
    return parcel


@dataclass(frozen=True, slots=True)
class Sender:
    """Packs the tasks of a series that begins at the commit `root`."""

    repo: Repo
    plan: Plan
    plan_file: str
    root: str
    strict: bool
    topic: str
    repository: str

    @classmethod
    def of(cls, home: RunContext, root: str, topic: str) -> Sender:
        """For the repository and plan of a context.

        Raises:
            BadInput: the plan asks for files that are on this machine only.
        """
        needs = home.plan.worktree
        if named := [*needs.copy, *needs.link]:
            raise BadInput(
                f"`worktree:` of the plan names {named[0]!r}, which is on this machine only and "
                "does not travel: `setup:` has to make it where it is needed",
                next_step="orchestrate next-batch --all --jobs auto, or correct the plan",
            )
        workspace = home.workspace
        inside = workspace.plan_file.is_relative_to(workspace.top)
        plan_file = workspace.plan_file.relative_to(workspace.top) if inside else Path("plan.yaml")
        python = home.plan.verify.python
        verify = home.plan.verify
        if python is not None and Path(python).is_absolute():
            verify = replace(verify, python=None)  # it is the path of a program on this machine
        projects = [
            replace(one, python=None) if one.python and Path(one.python).is_absolute() else one
            for one in home.plan.projects
        ]
        plan = replace(home.plan, verify=verify, projects=projects)
        first = home.repo.text("rev-list", "--max-parents=0", root).split()
        repository = hashlib.sha256("\n".join(sorted(first)).encode()).hexdigest()[:20]
        return cls(home.repo, plan, str(plan_file), root, home.options.strict, topic, repository)

    def bundle(self) -> bytes:
        """The first commit with all that is before it."""
        return _bundle(self.repo, self.root)

    def parcel(self, task: BatchTask) -> Parcel:
        """A task with what came since the first commit."""
        since = b""
        if not is_ancestor(self.repo, task.base, self.root):
            since = _bundle(self.repo, task.base, without=self.root)
        return Parcel(
            task,
            self.plan,
            self.plan_file,
            self.repository,
            self.root,
            since,
            self.strict,
            self.topic,
        )


_REF = "refs/worktree/orchestrate/travels"
"""A bundle holds refs, not commits; this one is of the user's work tree alone."""


def _bundle(repo: Repo, commit: str, *, without: str | None = None) -> bytes:
    repo.run("update-ref", _REF, commit)
    try:
        but = [f"^{without}"] if without else []
        return repo.run("bundle", "create", "--quiet", "-", _REF, *but)
    finally:
        repo.run("update-ref", "-d", _REF)
