"""Starts git in a work tree, and waits where somebody else's git holds the index."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from orchestrator.errors import CannotJudge
from orchestrator.vcs import own
from orchestrator.vcs.errors import GitLocked, failed

_LOOK_S, _LOOKS = 0.1, 50
"""How often it is looked whether somebody else's git is still at work."""

_WAITING = "another git holds the index (an editor or a prompt looks at it); waiting for it"


class GitProgram:
    """The real git, started in one work tree as `own` says, by argument lists only."""

    def __init__(self, top: Path, *, ours: bool = False) -> None:
        """Open the work tree whose top is `top`; one that is `ours` is on no branch.

        Raises:
            CannotJudge: there is no git program.
        """
        try:
            import git
        except ImportError as error:  # what GitPython raises where no git can be run
            raise CannotJudge(
                f"git cannot be started: {error}", next_step="git --version"
            ) from error
        self.top = top
        self._ours = ours
        self.hooks: Path | None = None
        """Where a commit takes its hooks from, if not from where git looks here."""
        self._git = git.Git(str(top))
        self._command_error = git.GitCommandError
        self.on_wait: Callable[[str], None] = lambda what: None
        """Told once a command waits for somebody else's git."""
        self._in_vain = False
        """Whether it was waited for somebody's git that never ended: a lock that was left."""
        self._folders: tuple[Path, Path] | None = None
        self._inherited: tuple[int, ...] = ()
        self._lock: Path | None = None

    def run(self, *command: str, index: Path | None = None) -> bytes:
        """What `git COMMAND` prints, as bytes; `index` is used in place of the user's.

        Raises:
            GitFailed: it ended with another code than 0.
        """
        return self._execute(command, index=index)

    def feed(self, *command: str, stdin: BinaryIO) -> bytes:
        """What `git COMMAND` prints that reads from `stdin`; errors as in `run`."""
        return self._execute(command, stdin=stdin)

    def _execute(
        self,
        command: Sequence[str],
        *,
        literal: bool = True,
        stdin: BinaryIO | None = None,
        index: Path | None = None,
    ) -> bytes:
        """Run git as `own` says; `literal` tells it to take paths as they are written.

        `check-ignore` does so by itself.
        """
        over = own.environment() | ({} if index is None else {"GIT_INDEX_FILE": str(index)})
        options = own.options(literal=literal, is_ours=self._ours)
        return self._started([*options, *command], over, stdin)

    def _started(
        self, command: Sequence[str], over: Mapping[str, str], stdin: BinaryIO | None = None
    ) -> bytes:
        """What git prints, with `over` laid over the environment.

        Where somebody else's git holds the index, this one has done nothing yet: it is started
        again, for some seconds.
        """
        try:
            return self._once(command, over, stdin)
        except GitLocked as error:
            if stdin is not None or self._in_vain or "index.lock" not in error.output:
                raise
        self.on_wait(_WAITING)
        for _ in range(_LOOKS):
            time.sleep(_LOOK_S)
            with contextlib.suppress(GitLocked):
                return self._once(command, over, stdin)
        self._in_vain = True
        return self._once(command, over, stdin)

    def _once(
        self, command: Sequence[str], over: Mapping[str, str], stdin: BinaryIO | None
    ) -> bytes:
        try:
            out = self._git.execute(
                ["git", *command],
                stdout_as_string=False,
                strip_newline_in_stdout=False,
                pass_fds=self._inherited,
                istream=stdin,
                env=dict(over),
            )
        except self._command_error as error:
            text = f"{_as_text(error.stderr)}{_as_text(error.stdout)}"
            status = error.status if isinstance(error.status, int) else -1
            raise failed(command, status, text) from error
        except BaseException:  # a signal: a hook that goes on would write into what is restored
            from orchestrator.base import process

            process.end_descendants()
            if self._lock is not None:
                process.end_holders_of(self._lock)
            raise
        assert isinstance(out, bytes)
        return out

    def hand_down(self, descriptor: int, file: Path) -> None:
        """Let each git started later hold `file` open by `descriptor`, after this process too."""
        self._inherited, self._lock = (descriptor,), file

    def text(self, *command: str) -> str:
        """What `git COMMAND` prints, as text without the last newline."""
        return os.fsdecode(self.run(*command)).rstrip("\n")

    def paths(self, *command: str) -> list[str]:
        """The NUL-separated names that `git COMMAND` prints."""
        return [os.fsdecode(name) for name in self.run(*command).split(b"\0") if name]

    def folder(self) -> Path:
        """Git's own folder of this work tree (below `.git/worktrees` in a linked one)."""
        return self._gits_own()[0]

    def common_folder(self) -> Path:
        """The folder that all work trees of the repository share; `folder` in a first one."""
        return self._gits_own()[1]

    def _gits_own(self) -> tuple[Path, Path]:
        if self._folders is None:
            asked = "--git-dir", "--git-common-dir"
            told = self.text("rev-parse", *asked).splitlines()
            if len(told) != len(asked):  # a folder has a line end in its name
                told = [self.text("rev-parse", name) for name in asked]
            own, common = told
            self._folders = (self.top / own).resolve(), (self.top / common).resolve()
        return self._folders

    def wait_for_index(self) -> bool:
        """Whether nobody else's git holds the index, after some seconds at the latest."""
        lock = self.folder() / "index.lock"
        if not lock.exists():
            return True
        self.on_wait(_WAITING)
        for _ in range(_LOOKS):
            time.sleep(_LOOK_S)
            if not lock.exists():
                return True
        return False


def _as_text(printed: object) -> str:
    """What GitPython keeps of a stream, without the label it puts around it."""
    text = printed.decode("utf-8", "replace") if isinstance(printed, bytes) else str(printed or "")
    text = text.strip()
    for label in ("stderr:", "stdout:"):
        if text.startswith(label):
            text = text.removeprefix(label).strip().removeprefix("'").removesuffix("'")
    return f"{text}\n" if text else ""
