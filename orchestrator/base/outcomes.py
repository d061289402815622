"""The one vocabulary of what becomes of a file: verdict, cause, outcome, state."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class GateResult(StrEnum):
    """The three things a gate can say."""

    PASSED = "passed"
    RED = "red"
    CANNOT_JUDGE = "cannot be judged"


class FailureCause(StrEnum):
    """Why the edit of a file is not let in."""

    CULPRIT = "culprit"
    FLAKY = "flaky"
    CANNOT_JUDGE = "cannot be judged"
    NO_TESTS = "without tests"
    REFUSED = "refused"


class TargetOutcome(StrEnum):
    """What became of one target, as its record says."""

    EDITED = "edited"
    UNCHANGED = "unchanged"
    REFUSED = "refused"
    MANUAL = "manual"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"
    ADOPTED = "adopted"


class TargetState(StrEnum):
    """Where one target stands, by its record and its file as it is now."""

    PENDING = "pending"
    DONE = "done"
    EDITED = "edited"
    REGRESSED = "regressed"
    DRIFTED = "drifted"
    COMPLIANT = "compliant"
    QUARANTINED = "quarantined"
    REVERTED = "reverted"
    MISSING = "missing"
    DEFERRED = "deferred"
    MANUAL = "manual"


class FileNow(StrEnum):
    """What a file is, beside what its record says of it."""

    AS_RECORDED = "as recorded"
    CLEAN = "changed, and the fixer would leave it"
    UNKNOWN = "changed, and only a run of the fixer could tell"
    UNCLEAN = "changed, and the fixer would edit it"


OUTCOME_OF: Mapping[FailureCause, TargetOutcome] = {
    FailureCause.CULPRIT: TargetOutcome.QUARANTINED,
    FailureCause.FLAKY: TargetOutcome.QUARANTINED,
    FailureCause.CANNOT_JUDGE: TargetOutcome.QUARANTINED,
    FailureCause.NO_TESTS: TargetOutcome.QUARANTINED,
    FailureCause.REFUSED: TargetOutcome.REFUSED,
}
"""What is recorded of a file by why a gate or its fixer complained; without complaint: EDITED."""

_IN = {
    FileNow.AS_RECORDED: TargetState.DONE,
    FileNow.CLEAN: TargetState.EDITED,
    FileNow.UNKNOWN: TargetState.EDITED,
    FileNow.UNCLEAN: TargetState.REGRESSED,
}
STATE_OF: Mapping[TargetOutcome, Mapping[FileNow, TargetState]] = {
    TargetOutcome.EDITED: _IN,
    TargetOutcome.UNCHANGED: _IN,
    TargetOutcome.ADOPTED: _IN,
    TargetOutcome.MANUAL: _IN,
    TargetOutcome.REFUSED: {
        FileNow.AS_RECORDED: TargetState.QUARANTINED,
        FileNow.CLEAN: TargetState.EDITED,
        FileNow.UNKNOWN: TargetState.PENDING,
        FileNow.UNCLEAN: TargetState.PENDING,
    },
    TargetOutcome.QUARANTINED: {
        FileNow.AS_RECORDED: TargetState.QUARANTINED,
        FileNow.CLEAN: TargetState.QUARANTINED,  # the gates said no to this very edit
        FileNow.UNKNOWN: TargetState.PENDING,
        FileNow.UNCLEAN: TargetState.PENDING,
    },
    TargetOutcome.SKIPPED: dict.fromkeys(FileNow, TargetState.DEFERRED),
}
"""Where a target stands by what was recorded of it.

Its batch can say otherwise: one that was reverted or defined otherwise since, a file that is gone,
a phase that is deferred.
"""

NOT_BROUGHT_IN = frozenset({TargetOutcome.REFUSED, TargetOutcome.QUARANTINED})
"""What a record says of a target that a run could not bring in; its file is as it was."""
