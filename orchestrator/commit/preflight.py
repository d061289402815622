"""Refuses what would lose work, before anything is touched."""

from __future__ import annotations

import os
from collections.abc import Sequence

from orchestrator.base import files
from orchestrator.base.changes import Change
from orchestrator.base.escape import as_argument
from orchestrator.base.paths import RepoPath
from orchestrator.base.text import listed
from orchestrator.errors import BadInput, ChangedMeanwhile, Refused
from orchestrator.plan.model import Place, Plan
from orchestrator.plan.patterns import is_pattern
from orchestrator.records.record import record_path
from orchestrator.vcs import Head, Repo
from orchestrator.vcs.sparse import left_out


def check(
    repo: Repo, plan: Plan, place: Place, paths: Sequence[str], *, new: Sequence[str] = ()
) -> Head:
    """Where the branch stands, once it is certain that nothing of the user's can be lost.

    `paths` are the files of the batch that are about to be edited; those in `new` may be made.

    Raises:
        Refused: a merge or the like is in progress, HEAD is detached, something is staged, or a
            target or the record is modified, hidden from git, untracked, ignored or a link.
        BadInput: a target does not exist.
        ChangedMeanwhile: another git command holds the index.
        CannotJudge: git has no name to commit with.
    """
    head = check_branch(repo)
    if staged := repo.staged():
        raise Refused(
            f"you have staged changes, which the commit would include: {listed(staged)}",
            next_step="git stash, or git commit",
        )
    to_make = [path for path in new if not os.path.lexists(repo.top / path)]
    _check_targets(repo, [path for path in paths if path not in to_make])
    _check_can_be_made(repo, to_make)
    check_record(repo, record_path(plan, place))
    repo.identity()
    return head


def check_beside(repo: Repo, changes: Sequence[Change], paths: Sequence[str]) -> None:
    """Make sure that files beside the targets in `paths` can be changed without losing anything.

    Raises:
        Refused: one is modified, hidden from git, untracked, ignored or a link, or stands where a
            new one would go.
    """
    beside = [change for change in changes if change.path not in paths]
    _check_targets(repo, [change.path for change in beside if change.before is not None])
    _check_can_be_made(repo, [change.path for change in beside if change.before is None])


def _check_can_be_made(repo: Repo, paths: Sequence[str]) -> None:
    for path in paths:
        if os.path.lexists(repo.top / path):
            raise Refused(
                f"{path!r} would be made, and there is such a file",
                next_step=f"git status {as_argument(path)}",
            )
        if files.is_behind_link(repo.top, RepoPath(path)):
            raise Refused(f"{path!r} lies behind a symbolic link", next_step="git status")
        if repo.ignored(path):
            raise Refused(
                f"git ignores {path!r}, so it could not be committed",
                next_step=f"git check-ignore --verbose {as_argument(path)}",
            )


def check_adopted(repo: Repo, plan: Plan, place: Place, paths: Sequence[str]) -> Head:
    """As `check`, for files a person has changed: they may be modified, staged or new.

    Raises:
        Refused: something else is staged, a file is hidden from git or a link, or as in `check`.
        BadInput: there is no such file.
    """
    head = check_branch(repo)
    if foreign := sorted(set(repo.staged()) - set(paths)):
        raise Refused(
            f"something else is staged, and a commit would carry it along: {listed(foreign)}",
            next_step="git stash, or git commit",
        )
    _check_files(repo, paths)
    if half := repo.half_staged(paths):
        raise Refused(
            f"what is staged of {listed(half)} is not what the file holds",
            next_step=f"git add {as_argument(half[0])}, "
            f"or git restore --staged {as_argument(half[0])}",
        )
    if ignored := [path for path in repo.untracked(paths) if repo.ignored(path)]:
        raise Refused(
            f"git ignores {listed(ignored)}, so it could not be committed",
            next_step=f"git check-ignore --verbose {as_argument(ignored[0])}",
        )
    check_record(repo, record_path(plan, place))
    repo.identity()
    return head


def check_branch(repo: Repo) -> Head:
    """Where the branch stands, once it is certain that a commit can be made on it.

    Raises:
        Refused: a merge or the like is in progress, or HEAD is detached.
        ChangedMeanwhile: another git command holds the index.
    """
    head = repo.head()
    if operation := repo.operation():
        raise Refused(f"{operation} is in progress", next_step="git status")
    if not repo.wait_for_index():
        raise ChangedMeanwhile(
            "another git command is at work: index.lock exists", next_step="git status"
        )
    return head


def check_records(repo: Repo, plan: Plan) -> None:
    """Make sure that no file of somebody else stands where a record is or will be.

    Raises:
        Refused: there is one that git does not know.
    """
    ours = {record_path(plan, place) for place in plan.places()}
    if foreign := sorted(ours.intersection(repo.others(plan.reports))):
        raise Refused(
            f"{foreign[0]!r} is in the way: the record of a batch goes there, and git does not "
            "know that file",
            next_step="if it is a record, git add and git commit it; else move it, or set "
            f"`reports:` in the plan: git status {as_argument(foreign[0])}",
        )


def check_out(repo: Repo, absent: Sequence[str]) -> None:
    """Make sure that files which are not there were not left out by a sparse checkout.

    Raises:
        Refused: git has one, and it is not checked out.
    """
    if found := left_out(repo, absent):
        folder = found[0].rpartition("/")[0] or "."
        raise Refused(
            f"{listed(found)} is not checked out: a sparse checkout leaves it out",
            next_step=f"git sparse-checkout add {as_argument(folder)}",
        )


def _check_files(repo: Repo, paths: Sequence[str]) -> None:
    missing = [path for path in paths if not (repo.top / path).exists()]
    if patterns := [path for path in missing if is_pattern(path)]:
        raise BadInput(
            f"{listed(patterns)} is a pattern, and a batch needs the files it means",
            next_step="orchestrate plan --update",
        )
    check_out(repo, missing)
    if missing:
        raise BadInput(
            f"the batch names files that do not exist: {listed(missing)}",
            next_step="create them, or correct their paths in the plan",
        )
    for path in paths:
        if files.is_behind_link(repo.top, RepoPath(path)):
            raise Refused(
                f"{path!r} is a symbolic link or lies behind one",
                next_step="name the file itself in the plan",
            )
        if not (repo.top / path).is_file():
            raise Refused(f"{path!r} is not a file")
    if hidden := repo.hidden(paths):
        raise Refused(
            f"git was told not to look at {listed(hidden)} (assume-unchanged or skip-worktree)",
            next_step=f"git update-index --no-assume-unchanged --no-skip-worktree "
            f"{as_argument(hidden[0])}",
        )


def _check_targets(repo: Repo, paths: Sequence[str]) -> None:
    if not paths:
        return
    _check_files(repo, paths)
    if filtered := repo.filtered(paths):
        raise Refused(
            f"{listed(filtered)} is under a filter of git (LFS or the like): what is "
            "committed would not be what was judged",
            next_step=f"git check-attr filter {as_argument(filtered[0])}, "
            "or take it out of the plan",
        )
    if untracked := repo.untracked(paths):
        if inside := repo.submodule_of(untracked[0]):
            raise Refused(
                f"{untracked[0]!r} is in the submodule {inside!r}, a repository of its own",
                next_step=f"cd {as_argument(str(inside))}, with a plan of its own there",
            )
        raise Refused(
            f"git does not know {listed(untracked)}",
            next_step="git add and git commit them first",
        )
    if dirty := repo.dirty(paths):
        raise Refused(
            f"you have uncommitted changes in {listed(dirty)}",
            next_step="git commit or git stash them; a preview needs neither: "
            "orchestrate next-batch --dry-run",
        )


def check_record(repo: Repo, path: str) -> None:
    """Make sure that the record can be written to `path` and committed.

    Raises:
        Refused: it has uncommitted changes, is ignored, or lies behind a link.
    """
    exists = os.path.lexists(repo.top / path)
    if exists and repo.dirty([path]):
        raise Refused(f"you have uncommitted changes in the record {path!r}", next_step="git diff")
    if not exists and repo.ignored(path):
        raise Refused(
            f"the records' folder is ignored by git: {path!r} could not be committed",
            next_step="set `reports:` in the plan to a folder that is not ignored",
        )
    if files.is_behind_link(repo.top, RepoPath(path)):
        raise Refused(
            f"{path!r} lies behind a symbolic link", next_step="set `reports:` in the plan"
        )
