"""The reasons a command can stop for, each with its exit code and the next command to type."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """What the exit code of `orchestrate` means; scripts may rely on the numbers."""

    DONE = 0
    RED = 1
    BAD_INPUT = 2
    REFUSED = 3
    CANNOT_JUDGE = 4
    NEEDS_DECISION = 5
    CHANGED_MEANWHILE = 6
    DISK = 7
    BUG = 8
    LOCKED = 9
    INTERRUPTED = 130
    TERMINATED = 143


class OrchestrateError(Exception):
    """A reason to stop that the user can act on: what happened where, then what to type next."""

    exit_code = Exit.BUG

    def __init__(self, what: str, *, next_step: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.next_step = next_step


class BadInput(OrchestrateError):
    """The plan or the command line is wrong."""

    exit_code = Exit.BAD_INPUT


class Refused(OrchestrateError):
    """Going on could lose the user's work; nothing was touched."""

    exit_code = Exit.REFUSED


class CannotJudge(OrchestrateError):
    """The tests could not say anything: no pytest, a crashed interpreter, no finish record."""

    exit_code = Exit.CANNOT_JUDGE


class NoPython(CannotJudge):
    """The project's interpreter is needed, and there is none."""


class NeedsDecision(OrchestrateError):
    """A file holds bytes that are neither the user's old ones nor ours: a person must choose."""

    exit_code = Exit.NEEDS_DECISION


class ChangedMeanwhile(OrchestrateError):
    """Somebody else changed a file, the index or the branch during the run; theirs was kept."""

    exit_code = Exit.CHANGED_MEANWHILE


class DiskError(OrchestrateError):
    """The disk is full, or a file or folder cannot be written."""

    exit_code = Exit.DISK


class Locked(OrchestrateError):
    """Another run is at work in this repository."""

    exit_code = Exit.LOCKED


class Interrupted(OrchestrateError):
    """A signal asked the run to end."""

    def __init__(self, exit_code: Exit) -> None:
        super().__init__("interrupted", next_step="orchestrate status")
        self.exit_code = exit_code
