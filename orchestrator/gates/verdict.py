"""What a gate says: passed, red with what is to blame, or that it cannot be judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.plan.model import GateName


class Kind(StrEnum):
    """The three things a gate can say."""

    PASSED = "passed"
    RED = "red"
    CANNOT_JUDGE = "cannot be judged"


@dataclass(frozen=True, slots=True)
class Blame:
    """One thing that is wrong: the file, the test where it is one, what was seen, how to see it."""

    path: str
    test_id: str | None
    what: str
    reproduce: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate says of a batch.

    `count` is how many things were looked at (files, or tests), `known` the ids that are red and
    were known to be, `notes` what a person should hear although the gate is not red.
    """

    gate: GateName
    kind: Kind
    count: int
    duration_s: float
    blames: Sequence[Blame] = ()
    known: Sequence[str] = ()
    notes: Sequence[str] = ()
    why: str = ""

    @property
    def passed(self) -> bool:
        """Whether the batch may go on to the next gate."""
        return self.kind is Kind.PASSED
