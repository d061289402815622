"""Says how a git command failed: at its own work, on a full disk, or on another git's lock."""

from __future__ import annotations

import re
from collections.abc import Sequence

from orchestrator.errors import Exit, OrchestrateError
from orchestrator.foreign import as_argument

_DISK_FULL = ("No space left on device", "Disk quota exceeded", "Read-only file system")
_OWNED = re.compile(r"dubious ownership in repository at '(?P<top>[^']+)'")
_LOCK_HELD = re.compile(r"Unable to create '(?P<file>[^']+\.lock)': File exists")


class GitFailed(OrchestrateError):
    """A git command said no; `output` is what it printed, hooks included."""

    exit_code = Exit.CANNOT_JUDGE

    def __init__(self, command: Sequence[str], status: int, output: str) -> None:
        super().__init__(
            f"git {_subcommand(command)} exited with {status}: {output.strip()}",
            next_step="git status",
        )
        self.output = output
        self._made_of = command, status, output

    def __reduce__(self) -> tuple[object, ...]:
        """It may have to cross processes."""
        return type(self), self._made_of, {"next_step": self.next_step}


class GitDiskFull(GitFailed):
    """Git could not write."""

    exit_code = Exit.DISK


class GitLocked(GitFailed):
    """Another git command is at work, or one that was killed left its lock."""

    exit_code = Exit.CHANGED_MEANWHILE


class GitDistrusts(GitFailed):
    """The repository belongs to another user: git runs nothing in it, and neither do we."""

    exit_code = Exit.REFUSED


def _subcommand(command: Sequence[str]) -> str:
    return next((word for word in command if word[0] != "-" and "=" not in word), command[0])


def failed(command: Sequence[str], status: int, output: str) -> GitFailed:
    """The failure of a git command, as what it printed tells it."""
    if any(line in output for line in _DISK_FULL):
        full = GitDiskFull(command, status, output)
        full.next_step = "df -h"
        return full
    if found := _OWNED.search(output):
        foreign = GitDistrusts(command, status, output)
        foreign.next_step = f"git config --global --add safe.directory {as_argument(found['top'])}"
        return foreign
    if held := _LOCK_HELD.search(output):
        locked = GitLocked(command, status, output)
        locked.next_step = f"where no git is at work any more: rm {as_argument(held['file'])}"
        return locked
    return GitFailed(command, status, output)
