"""How a run ends: the journal is closed over what landed, or everything is put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.batch.journal import Decision, Journal, Recovered
from orchestrator.batch.signals import held
from orchestrator.batch.taken import TakenOut
from orchestrator.errors import ChangedMeanwhile, Exit
from orchestrator.fixers.base import Outcome
from orchestrator.gates.verdict import Fault, Verdict
from orchestrator.plan.model import Place
from orchestrator.progress.record import Done, Record, TargetRecord


@dataclass(frozen=True, slots=True)
class Landed:
    """A batch that was committed, without the files in `taken_out`.

    `entries` are what the record says of the targets of this run. `seconds` is how long each step
    took, those of pytest `collect` and `test`; `next` is what follows.
    """

    place: Place
    commit: str
    subject: str
    record: Record
    entries: Sequence[TargetRecord]
    verdicts: Sequence[Verdict]
    taken_out: Sequence[TakenOut]
    seconds: Mapping[str, float]
    next: Place | None

    @property
    def given_up(self) -> list[TargetRecord]:
        """The targets of this run that are not in."""
        return [t for t in self.entries if t.done in {Done.REFUSED, Done.QUARANTINED}]

    @property
    def exit_code(self) -> Exit:
        """DONE where every file is in; else RED, or CANNOT_JUDGE where that is all there is."""
        if not self.given_up:
            return Exit.DONE
        faults = {taken.fault for taken in self.taken_out}
        refused = any(entry.done is Done.REFUSED for entry in self.given_up)
        return Exit.CANNOT_JUDGE if faults == {Fault.CANNOT_JUDGE} and not refused else Exit.RED


@dataclass(frozen=True, slots=True)
class Stopped:
    """A batch that was put back: a gate did not pass, or nothing of it could be brought in."""

    place: Place
    outcomes: Sequence[Outcome]
    verdicts: Sequence[Verdict]
    taken_out: Sequence[TakenOut]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """There was no open batch, or none of what was named."""


Result = Landed | Stopped | NothingToDo


def put_back_all(journal: Journal, place: Place) -> None:
    """End a run that stopped: everything it wrote is undone.

    Raises:
        ChangedMeanwhile: a file of the batch holds bytes of somebody else; they were kept.
    """
    if kept := put_back(journal, place.name).kept:
        raise ChangedMeanwhile(
            f"somebody changed {', '.join(map(repr, kept))} during the run; that was kept, "
            "everything else of the batch was put back",
            next_step="git diff",
        )


def put_back(journal: Journal, name: str) -> Recovered:
    """Undo what the run wrote; what somebody else wrote meanwhile stays, and is named."""
    if not journal.exists:
        return Recovered(f"{name} was put back")
    with held():
        return journal.recover(Decision.KEEP)
