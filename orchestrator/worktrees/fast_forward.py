"""Brings commits made elsewhere into the user's branch, and into their files where these are free.

A fast-forward of our own, in steps that a crash may end anywhere: first what is meant is written
down, then files and index move, last the branch.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import time
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import failpoints, files, state_files
from orchestrator.base.codec import UnfitError, decoded, encoded
from orchestrator.base.escape import as_argument
from orchestrator.base.paths import RepoPath
from orchestrator.base.signals import held
from orchestrator.errors import ChangedMeanwhile, Exit, OrchestrateError
from orchestrator.vcs import GitFailed, Repo, worktrees
from orchestrator.vcs.errors import GitHookRefused, GitLocked

_FILE = "advance.json"
_LOOK_S = 0.1
_LOOKS = 100
"""So often a lock of another git is looked at before it is taken for one that stays."""

_NAMES = 100


@dataclass(frozen=True, slots=True)
class FastForwardIntent:
    """What an advance is about: the branch, where it was, and where it shall be."""

    branch: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class ParkedCommits:
    """A commit that could not be brought in: why, and the branch of ours that holds it."""

    why: str
    branch: str

    @property
    def command(self) -> str:
        """What brings it in."""
        return f"git merge {as_argument(self.branch)}"


class NotAdvanced(OrchestrateError):
    """Git does not let the user's branch be moved, so that nothing more can come onto it."""

    exit_code = Exit.CHANGED_MEANWHILE


@dataclass(frozen=True, slots=True)
class BranchMoved:
    """The user's branch is somewhere else by now; nothing was done."""

    tip: str


@dataclass(frozen=True, slots=True)
class BranchUpdater:
    """The user's branch, and the commits of ours that shall come onto it.

    `folder` is ours below git's own.
    """

    repo: Repo
    folder: Path
    branch: str

    @property
    def ours(self) -> str:
        """The branch that holds what could not be brought in."""
        return f"orchestrate/{self.branch}"

    def tip(self) -> str:
        """Where the user's branch is."""
        return self.repo.text("rev-parse", "--verify", f"refs/heads/{self.branch}^{{commit}}")

    def waiting(self) -> str | None:
        """The commit that an earlier run kept, where it still follows on the user's branch."""
        return None if (name := self.ahead()) is None else self._all_ours()[name]

    def ahead(self) -> str | None:
        """The branch of ours that holds that commit."""
        found, furthest = None, (tip := self.tip())
        for name, commit in self._all_ours().items():
            if commit != tip and is_ancestor(self.repo, furthest, commit):
                found, furthest = name, commit
        return found

    def _all_ours(self) -> dict[str, str]:
        """The commits of every branch of ours for this one, by its name."""
        listed = self.repo.text(
            "for-each-ref", "--format=%(refname:lstrip=2) %(objectname)", "refs/heads/"
        )
        rows = dict(row.rsplit(" ", 1) for row in listed.splitlines())
        ours = re.compile(rf"orchestrate[/-]{re.escape(self.branch)}(-\d+)?")
        return {name: commit for name, commit in rows.items() if ours.fullmatch(name)}

    def to(self, new: str, *, old: str) -> ParkedCommits | BranchMoved | None:
        """Let the branch be at `new`, which follows on `old`; None where that is done.

        Files and index are brought along where the branch is checked out here.

        Raises:
            NotAdvanced: git does not move the branch, which is where it was; a branch of ours holds
                `new`, if git makes one.
        """
        with held():
            if (tip := self.tip()) != old:
                return BranchMoved(tip)
            if why := self._obstacle(old, new):
                return self.keep(new, why)
            meant = FastForwardIntent(branch=self.branch, old=old, new=new)
            state_files.write(self.folder / _FILE, encoded(meant))
            failpoints.hit("advancing")
            here = self.repo.branch == self.branch
            if here and (why := self._move_files(old, new)):
                _put_back_files(self.repo, meant)
                (self.folder / _FILE).unlink()
                return self.keep(new, why)
            failpoints.hit("moved")
            if refused := self._move_branch(old, new):
                if here:
                    _put_back_files(self.repo, meant)
                (self.folder / _FILE).unlink()
                if (tip := self.tip()) != old:
                    return BranchMoved(tip)
                raise self._not_advanced(new, refused)
            failpoints.hit("advanced")
            (self.folder / _FILE).unlink()
            self._forget(new)
        return None

    def _obstacle(self, old: str, new: str) -> str | None:
        repo = self.repo
        if operation := repo.operation():
            return f"{operation} is in progress"
        if self._is_locked():
            return "another git command is at work"
        if repo.branch != self.branch:
            if self.branch in worktrees.branches_in_use(repo):
                return f"{self.branch} is checked out in another work tree"
            return None
        paths = changed_between(repo, old, new)
        touched = set(repo.dirty(paths)) | set(self._in_the_way(old, paths))
        if touched:
            return f"you changed {', '.join(map(repr, sorted(touched)))}"
        return None

    def _is_locked(self) -> bool:
        """Whether somebody's git holds the index for longer than a look at the status takes."""
        lock = self.repo.folder() / "index.lock"
        for _ in range(_LOOKS):
            if not lock.exists():
                return False
            time.sleep(_LOOK_S)
        return True

    def _in_the_way(self, old: str, paths: list[str]) -> list[str]:
        """Files git does not know, where a new one would go."""
        known = self.repo.committed_blobs(old, paths)
        return [p for p in paths if p not in known and os.path.lexists(self.repo.top / p)]

    def _move_files(self, old: str, new: str) -> str | None:
        """Move index and files from one commit to the other; why not, where git will not."""
        with contextlib.suppress(GitFailed):  # it says which files differ
            self.repo.run("update-index", "-q", "--refresh")
        for _ in range(_LOOKS):
            try:
                self.repo.run("read-tree", "-m", "-u", old, new)
            except GitLocked:
                time.sleep(_LOOK_S)
            except GitFailed as error:
                lines = error.output.strip().splitlines()
                return lines[0] if lines else "git refused"
            else:
                return None
        return "another git command is at work"

    def _move_branch(self, old: str, new: str) -> GitFailed | None:
        """Move the branch alone; why not, where git will not."""
        reason = "orchestrate: fast-forward"
        refused = None
        for _ in range(_LOOKS):
            try:
                self.repo.run("update-ref", "-m", reason, f"refs/heads/{self.branch}", new, old)
            except GitLocked as error:
                refused = error
                time.sleep(_LOOK_S)
            except GitFailed as error:
                return error
            else:
                return None
        return refused

    def _not_advanced(self, new: str, refused: GitFailed) -> NotAdvanced:
        """Why the branch stays, and where what was made for it is."""
        said = refused.output.strip().partition("\n\n")[0] or "git said nothing"
        try:
            kept = self.keep(new, said)
        except ChangedMeanwhile as lost:
            where, command = f"no branch could be made for {new[:10]}", str(lost.next_step)
        else:
            where, command = f"what was made is on the branch {kept.branch}", kept.command
        error = NotAdvanced(
            f"git does not move {self.branch}, which stays at {self.tip()[:10]}: {said}\n{where}",
            next_step=f"{refused.next_step}, then: {command}",
        )
        error.exit_code = refused.exit_code
        if refused.exit_code is Exit.CANNOT_JUDGE:  # nothing of what git is known to say
            error.exit_code = Exit.CHANGED_MEANWHILE
        return error

    def keep(self, new: str, why: str) -> ParkedCommits:
        """Let a branch of ours hold `new`, so that it is not lost."""
        in_use = worktrees.branches_in_use(self.repo)
        names = itertools.chain(
            [self.ours],
            *([f"{self.ours}-{n}", f"orchestrate-{self.branch}-{n}"] for n in range(2, _NAMES)),
        )
        for name in names:
            if name in in_use or not self._follows(name, new):
                continue
            try:
                self.repo.run("update-ref", f"refs/heads/{name}", new)
            except GitHookRefused:
                break  # it would say the same of every name
            except GitFailed:  # a branch called `orchestrate`, for example
                continue
            return ParkedCommits(why, name)
        raise ChangedMeanwhile(
            f"{new[:10]} could not be brought in ({why}), nor kept on a branch",
            next_step=f"git branch kept {new[:10]}",
        )

    def _follows(self, name: str, new: str) -> bool:
        """Whether a branch is not there yet, or all of it is in `new`."""
        there = self._all_ours().get(name)
        return there is None or is_ancestor(self.repo, there, new)

    def _forget(self, new: str) -> None:
        """Remove the branches of ours of which all is in, unless somebody looks at one."""
        in_use = worktrees.branches_in_use(self.repo)
        for name, commit in self._all_ours().items():
            if name not in in_use and is_ancestor(self.repo, commit, new):
                with contextlib.suppress(GitFailed):  # it is in nobody's way: the next run tries
                    self.repo.run("update-ref", "-d", f"refs/heads/{name}", commit)


def is_ancestor(repo: Repo, older: str, newer: str) -> bool:
    """Whether all of one commit is in another one, or they are the same."""
    try:
        repo.run("merge-base", "--is-ancestor", older, newer)
    except GitFailed:
        return False
    return True


def changed_between(repo: Repo, old: str, new: str) -> list[str]:
    """The files that are not the same in two commits."""
    return repo.paths("diff", "--name-only", "-z", "--no-renames", old, new, "--")


def came_or_went(repo: Repo, old: str, new: str) -> list[str]:
    """The files that are in one of two commits only."""
    listed = ["diff", "--name-only", "-z", "--no-renames", "--diff-filter=AD"]
    return repo.paths(*listed, old, new, "--")


def finish(repo: Repo, folder: Path) -> str | None:
    """End an advance that a crash cut short, one way or the other; told in a sentence."""
    file = folder / _FILE
    if not file.exists():
        return None
    with held():
        try:
            meant = decoded(FastForwardIntent, state_files.read(file))
        except UnfitError:  # it was cut before anything was done
            file.unlink()
            return None
        advance = BranchUpdater(repo, folder, meant.branch)
        try:
            tip = advance.tip()
        except GitFailed:  # it was renamed or removed since
            tip = ""
        if tip == meant.new:
            file.unlink()
            return f"{meant.branch} had been brought to {meant.new[:10]}"
        if repo.text("rev-parse", "HEAD") == meant.old:
            _put_back_files(repo, meant)
        file.unlink()
    where = f"stays at {tip[:10]}" if tip else "is gone"
    return f"{meant.branch} {where}; the files are as they were"


def _put_back_files(repo: Repo, meant: FastForwardIntent) -> None:
    """Give files and index that are at the new commit already what the old one holds."""
    paths = changed_between(repo, meant.old, meant.new)
    old = repo.committed_blobs(meant.old, paths)
    new = repo.committed_blobs(meant.new, paths)
    staged = repo.staged_blobs(paths)
    ours = [path for path in paths if staged.get(path) == new.get(path) != old.get(path)]
    if ours:
        repo.unstage(ours)
    there = [path for path in paths if (repo.top / path).is_file()]
    now = dict(zip(there, hashed(repo, there), strict=True))
    moved = [path for path in paths if now.get(path) == new.get(path)]
    if restored := [path for path in moved if path in old]:
        repo.run("restore", "--worktree", f"--source={meant.old}", "--", *restored)
    for path in moved:
        if path not in old:
            files.remove(repo.top, RepoPath(path))


def hashed(repo: Repo, paths: list[str]) -> list[str]:
    """The blob ids that files of the work tree would have."""
    return repo.text("hash-object", "--", *paths).split() if paths else []
