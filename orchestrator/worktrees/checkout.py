"""A work tree of our own beside the user's: they go on working in theirs, whatever is run here."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from orchestrator.base import commandline, files, process
from orchestrator.base.disk_errors import disk_errors
from orchestrator.base.paths import RepoPath
from orchestrator.base.redact import redacted
from orchestrator.errors import CannotJudge, DiskError, Refused
from orchestrator.plan.model import Worktree
from orchestrator.vcs import Repo, worktrees
from orchestrator.worktrees import own_folders
from orchestrator.worktrees.own_folders import OwnFolder

CHECKOUT = "worktree"
"""How notes of checkouts begin, in our folder below git's own."""

_SETUP_LIMIT_S = 1_800.0


class Checkout:
    """A linked work tree on no branch, with what the plan says it needs. Make it with `make`."""

    def __init__(self, repo: Repo, common: Path, own: OwnFolder | None = None) -> None:
        """The work tree of `repo`; `common` is what it shares, `own` the folder it lies in."""
        self.repo = repo
        self._common = common
        self._own = own
        self.given: list[str] = []
        """What the plan put there that git would remove again."""

    @property
    def top(self) -> Path:
        """Its top."""
        return self.repo.top

    @classmethod
    def make(
        cls,
        user: Repo,
        folder: Path,
        commit: str,
        needs: Worktree,
        *,
        python: Path | None,
        say: Callable[[str], None],
    ) -> Checkout:
        """One that holds `commit`; the caller closes it. `folder` is ours below git's own.

        Raises:
            Refused: the plan names a file to copy or link that is not there.
            CannotJudge: a command that should set it up failed.
            DiskError: it could not be written.
        """
        with disk_errors():
            common = user.common_folder()
            own = own_folders.make(folder, CHECKOUT)
            place = own.path / (user.top.name or "repository")
            made = cls(Repo(place, ours=True), common, own)
            try:
                worktrees.add(user, place, commit)
                made._give(user.top, needs)
                made.set_up(needs, python, say)
                made.given = worktrees.unknown(made.repo)
            except BaseException:
                made.close()
                raise
            return made

    def hold(self, commit: str) -> None:
        """Let it hold `commit`, and nothing that a run left there."""
        worktrees.move(self.repo, commit, but=self.given)

    def close(self) -> None:
        """Remove it."""
        worktrees.remove(self._common, self.top)
        if self._own is not None:
            self._own.remove()

    def _give(self, top: Path, needs: Worktree) -> None:
        for path, links in [*((p, False) for p in needs.copy), *((p, True) for p in needs.link)]:
            there, here = top / path, self.top / path
            if any(files.is_behind_link(one, RepoPath(path)) for one in (top, self.top)):
                raise Refused(
                    f"`worktree:` of the plan names {path!r}, which is a symbolic link or lies "
                    "behind one",
                    next_step="correct `worktree:` in the plan",
                )
            if not there.exists():
                raise Refused(
                    f"`worktree:` of the plan names {path!r}, and there is no such file or folder",
                    next_step="correct `worktree:` in the plan",
                )
            if os.path.lexists(here):
                raise Refused(
                    f"`worktree:` of the plan names {path!r}, which is in the checkout already",
                    next_step="correct `worktree:` in the plan",
                )
            try:
                here.parent.mkdir(parents=True, exist_ok=True)
                if links:
                    here.symlink_to(there)
                elif there.is_dir():
                    shutil.copytree(there, here, symlinks=True)
                else:
                    shutil.copy2(there, here)
            except OSError as error:
                raise DiskError(f"cannot copy {path!r}: {error}", next_step="df -h") from error

    def set_up(self, needs: Worktree, python: Path | None, say: Callable[[str], None]) -> None:
        """Run what the plan says.

        Raises:
            CannotJudge: a command failed, or there is nothing to start it with.
        """
        for line in needs.setup:
            words = commandline.words(line, (), python)
            say(f"worktree: {line}")
            try:
                ended = process.run(
                    words,
                    cwd=self.top,
                    env=commandline.environment(self.top, python),
                    timeout_s=_SETUP_LIMIT_S,
                )
            except process.ProgramMissing as error:
                raise commandline.missing(error, f"worktree: setup: {line}", words[0]) from error
            if ended.exit_code != 0:
                how = ended.stopped or f"exit code {ended.exit_code}"
                raise CannotJudge(
                    f"`worktree: setup:` failed: {line} ({how})\n{redacted(ended.output)[-2_000:]}",
                    next_step="correct `worktree:` in the plan, or do without --isolated",
                )


def sweep(folder: Path, user: Repo) -> None:
    """Remove the checkouts of runs that are no more; the user's own work trees stay."""
    for note, own in own_folders.abandoned(folder, CHECKOUT):
        if note.run != process.RUN_ID:
            process.end_marked(note.run)  # tests that outlived a killed run
        worktrees.remove(user.common_folder(), own.path / (user.top.name or "repository"))
        own.remove()
