"""How far the migration was after each commit of its records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.base.outcomes import TargetOutcome

COUNTS = frozenset({TargetOutcome.EDITED, TargetOutcome.UNCHANGED, TargetOutcome.ADOPTED})
"""What of a record counts as progress."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """A commit that changed records.

    `at` is its date, in seconds since 1970; `batches` are those whose records it changed, with how
    many files count as progress in each (0 where it removed the record); `done` is how many files
    of the whole plan were done after it.
    """

    commit: str
    at: int
    author: str
    subject: str
    batches: Mapping[str, int]
    done: int


@dataclass(frozen=True, slots=True)
class History:
    """The landings, oldest first. `began` is when the plan came; `before` was done by then."""

    landings: Sequence[HistoryEntry] = field(default_factory=list)
    began: int | None = None
    before: int = 0
    total: int = 0

    def points(self) -> list[tuple[int, int]]:
        """Time and files done, from the beginning on."""
        start = [(self.began, self.before)] if self.began is not None else []
        return [*start, *((landing.at, landing.done) for landing in self.landings)]

    def commit_of(self, batch: str) -> str | None:
        """The last commit that recorded a batch."""
        found = (landing.commit for landing in reversed(self.landings) if batch in landing.batches)
        return next(found, None)
