"""The settle step: the journal is closed over what landed, or everything is put back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.batch.journal import Decision, Journal, Recovered
from orchestrator.batch.signals import held
from orchestrator.errors import ChangedMeanwhile
from orchestrator.fixers.base import Outcome
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Place
from orchestrator.progress.record import Record


@dataclass(frozen=True, slots=True)
class Landed:
    """A batch that was committed; `seconds` is how long each step took, `next` what follows."""

    place: Place
    commit: str
    subject: str
    record: Record
    verdicts: Sequence[Verdict]
    seconds: Mapping[str, float]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A batch that was put back: a gate did not pass, or no file of it could be fixed."""

    place: Place
    outcomes: Sequence[Outcome]
    verdicts: Sequence[Verdict]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """There was no open batch, or none of what was named."""


Result = Landed | Stopped | NothingToDo


def settle(result: Landed | Stopped, journal: Journal) -> None:
    """End the run that came to `result`.

    Raises:
        ChangedMeanwhile: a file of a stopped batch holds bytes of somebody else; they were kept.
    """
    if isinstance(result, Landed):
        journal.close()
    elif kept := put_back(journal, result.place).kept:
        raise ChangedMeanwhile(
            f"somebody changed {', '.join(map(repr, kept))} during the run; that was kept, "
            "everything else of the batch was put back",
            next_step="git diff",
        )


def put_back(journal: Journal, place: Place) -> Recovered:
    """Undo what the run wrote; what somebody else wrote meanwhile stays, and is named."""
    if not journal.exists:
        return Recovered(f"{place.name} was put back")
    with held():
        return journal.recover(Decision.KEEP)
