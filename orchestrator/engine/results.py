"""How a run ends: landed, stopped, or with nothing to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.base.outcomes import FailureCause, GateResult, TargetOutcome
from orchestrator.commit.transaction import Commit
from orchestrator.errors import Exit
from orchestrator.fixers.outcome import NoChange, Refusal
from orchestrator.gates.verdict import RejectedUnit, Verdict
from orchestrator.plan.model import Place
from orchestrator.records.record import Record, TargetRecord


@dataclass(frozen=True, slots=True)
class BatchOutcome:
    """The result of a run on a batch, before it is committed or rolled back.

    `rejected` and `refused` are what no rung could bring in; `seconds` is how long each step took,
    those of pytest as `collect` and `test`.
    """

    verdicts: Sequence[Verdict]
    rejected: Sequence[RejectedUnit]
    refused: Sequence[Refusal]
    unchanged: Sequence[NoChange]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Landed:
    """A batch that was committed, without what could not be brought in.

    `entries` are what the record says of the targets of this run; `next` is what follows. Where
    `did_nothing`, a fixer that cannot say itself what is left changed none of its first files.
    """

    place: Place
    commit: Commit
    record: Record
    entries: Sequence[TargetRecord]
    found: BatchOutcome
    next: Place | None
    did_nothing: bool = False

    @property
    def quarantined(self) -> list[TargetRecord]:
        """The targets of this run that are not in."""
        return [
            t for t in self.entries if t.done in {TargetOutcome.REFUSED, TargetOutcome.QUARANTINED}
        ]

    @property
    def exit_code(self) -> Exit:
        """DONE where every file is in; else RED, or CANNOT_JUDGE where that is all there is."""
        if not self.quarantined:
            return Exit.DONE
        faults = {taken.fault for taken in self.found.rejected}
        refused = any(entry.done is TargetOutcome.REFUSED for entry in self.quarantined)
        return (
            Exit.CANNOT_JUDGE if faults == {FailureCause.CANNOT_JUDGE} and not refused else Exit.RED
        )


@dataclass(frozen=True, slots=True)
class Stopped:
    """A batch that was rolled back: a gate did not pass, or nothing of it could be brought in."""

    place: Place
    found: BatchOutcome

    @property
    def exit_code(self) -> Exit:
        """RED, or CANNOT_JUDGE where the last gate could not say."""
        verdicts = self.found.verdicts
        unclear = bool(verdicts) and verdicts[-1].kind is GateResult.CANNOT_JUDGE
        return Exit.CANNOT_JUDGE if unclear else Exit.RED


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """There was no open batch, or none of what was named."""

    @property
    def exit_code(self) -> Exit:
        """DONE: that is no failure."""
        return Exit.DONE


Result = Landed | Stopped | NothingToDo
