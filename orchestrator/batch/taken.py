"""A file that a gate took out of its batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.gates.verdict import Blame, Fault


@dataclass(frozen=True, slots=True)
class TakenOut:
    """A file that has its old bytes back, with everything the gate held against it."""

    path: str
    gate: str
    blames: Sequence[Blame]

    @property
    def fault(self) -> Fault:
        """CULPRIT where anything is the edit's doing, else what the first blame says."""
        faults = [blame.fault for blame in self.blames]
        return Fault.CULPRIT if Fault.CULPRIT in faults else faults[0]
