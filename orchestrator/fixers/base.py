"""What a fixer must be able to do, and what it answers about one file."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from orchestrator.base.text import suggestion
from orchestrator.fixers.outcome import Options, Outcome, Source

if TYPE_CHECKING:  # the check is a hook, and starts without pydantic
    from orchestrator.base.changes import Content
    from orchestrator.fixers.task import Proposal, Task


class Fixer(ABC):  # noqa: B024 - what a subclass must do is said by the two below
    """One kind of change. It reads the repository below `top` and never writes to it.

    A subclass is a `FileFixer` or a `BatchFixer`. What is said here is true of one that says
    nothing else of itself.
    """

    name: ClassVar[str] = ""
    version: ClassVar[int] = 1
    """Raised whenever the same file would come out differently; part of every record."""

    options: ClassVar[Mapping[str, str]] = {}
    """What a plan may ask for, and what each means."""

    proves_its_edits: ClassVar[bool] = False
    """Whether it makes certain that every old line and test is still there."""

    knows_what_is_left: ClassVar[bool] = False
    """Whether `is_clean` has an answer for every file."""

    may_be_asked_again: ClassVar[bool] = True
    """Whether it may be run only to see what is left; False where a run is dear."""

    target_options: ClassVar[bool] = True
    """Whether a target may have options of its own."""

    groups_tests: ClassVar[bool] = False
    """Whether its edits do something only where pytest-xdist groups tests."""

    per_target: ClassVar[bool] = False
    """Whether its options can only be judged file by file."""

    tries_its_edits: ClassVar[bool] = False
    """Whether `trial` has something to say: a gate of the fixer's own, called by its name."""

    def trial(self, contents: Mapping[str, Content], top: Path) -> Sequence[tuple[str, str]]:
        """What is wrong with what it made, tried for real: a path and a message each.

        `contents` are the edited files.
        """
        return ()

    def tries(self, options: Options) -> int:
        """How often it is asked for one file; it hears what was wrong with the last answer."""
        return 1

    def option_problems(self, path: str, options: Options) -> list[str]:
        """What is wrong with the options a plan gives for `path`."""
        return unknown_options(self.name, options, self.options)

    def conflicts(self, sources: Sequence[Source]) -> list[tuple[str, str]]:
        """What is wrong with the options of several files together: a path and a message each."""
        return []

    def commands(self, options: Options) -> list[str]:
        """What of a plan it would execute: nothing is, until a person has trusted it."""
        return []

    def has_traces(self, data: bytes) -> bool:
        """Whether the change may have been made here before; a look at the bytes, not a parse."""
        return False

    def is_clean(self, source: Source, top: Path) -> bool | None:
        """Whether nothing is left to do; None where only a run of it could tell."""
        return None


class FileFixer(Fixer):
    """A fixer that looks at one file at a time, in memory."""

    @abstractmethod
    def fix(self, source: Source, top: Path) -> Outcome:
        """What to do with one file."""


class BatchFixer(Fixer):
    """A fixer that is given all files of a run at once, and may make and remove files."""

    @abstractmethod
    def propose(self, task: Task) -> Proposal:
        """What to do with the files of `task`."""


def unknown_options(fixer: str, given: Options, known: Mapping[str, str]) -> list[str]:
    """A message for every option that is not one, with the nearest that is."""
    return [
        f"{fixer} has no option {name!r}{suggestion(name, known)}"
        for name in given
        if name not in known
    ]
