"""Says how a git command failed: at its own work, on a full disk, or on another git's lock."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath

from orchestrator.base.escape import as_argument
from orchestrator.errors import Exit, OrchestrateError

_DISK_FULL = ("No space left on device", "Disk quota exceeded", "Read-only file system")
_OWNED = re.compile(r"dubious ownership in repository at '(?P<top>[^']+)'")
_LOCK_HELD = re.compile(r"Unable to create '(?P<file>[^']+\.lock)': File exists")
_DENIED = re.compile(
    r"^(?:error|fatal): (?!cannot exec)(?P<what>.*(?:Permission denied|Operation not permitted|"
    r"Not a directory|non-directory in the way|insufficient permission for adding an object.*))$",
    re.MULTILINE,
)
_PATH = re.compile(r"(?:'(?P<quoted>[^']*/[^']*)'| (?P<bare>[\w./-]+/[\w./-]+))")
_BY_HOOK = re.compile(r"aborted by (?:the reference-transaction )?hook")


class GitFailed(OrchestrateError):
    """A git command said no; `output` is what it printed, hooks included."""

    exit_code = Exit.CANNOT_JUDGE

    def __init__(self, command: Sequence[str], status: int, output: str) -> None:
        super().__init__(
            f"git {_subcommand(command)} exited with {status}: {output.strip()}",
            next_step="git status",
        )
        self.output = output
        self.status = status


class GitDiskFull(GitFailed):
    """Git could not write."""

    exit_code = Exit.DISK


class GitDenied(GitFailed):
    """Git may not write to a file or folder, or something else is in its place."""

    exit_code = Exit.DISK


class GitLocked(GitFailed):
    """Another git command is at work, or one that was killed left its lock."""

    exit_code = Exit.CHANGED_MEANWHILE


class GitDistrusts(GitFailed):
    """The repository belongs to another user: git runs nothing in it, and neither do we."""

    exit_code = Exit.REFUSED


class GitHookRefused(GitFailed):
    """A hook of the repository did not let a branch be moved."""

    exit_code = Exit.RED


def _subcommand(command: Sequence[str]) -> str:
    """The first word that is neither an option nor the value of a `-c`."""
    settings = {at + 1 for at, word in enumerate(command) if word == "-c"}
    words = (w for at, w in enumerate(command) if not w.startswith("-") and at not in settings)
    return next(words, command[0])


def failed(command: Sequence[str], status: int, output: str) -> GitFailed:
    """The error for a git command that failed, of the class that its output points to."""
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
    if denied := _DENIED.search(output):
        kept_out = GitDenied(command, status, output)
        kept_out.next_step = f"make it writable: ls -ld {as_argument(_folder_in(denied['what']))}"
        return kept_out
    if _BY_HOOK.search(output):
        refused = GitHookRefused(command, status, output)
        refused.next_step = "set right what the hook says"
        return refused
    return GitFailed(command, status, output)


def _folder_in(text: str) -> str:
    """The folder of the last path that git names; it names none where it stores an object."""
    paths = [found["quoted"] or found["bare"] for found in _PATH.finditer(text)]
    named = [path for path in paths if not path.startswith("refs/")]
    return str(PurePath(named[-1]).parent) if named else ".git/objects"
