"""What one run works on: some targets of a batch, beside what its record already holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.plan.model import Place, Target
from orchestrator.records.record import Record, TargetRecord
from orchestrator.records.status import BatchStatus


@dataclass(frozen=True, slots=True)
class Selection:
    """The targets of a run; those of the batch it leaves alone keep their entry in `earlier`."""

    place: Place
    targets: Sequence[Target]
    earlier: Record | None

    @classmethod
    def of(cls, batch: BatchStatus, targets: Sequence[Target]) -> Selection:
        """These targets of a batch."""
        return cls(batch.place, targets, batch.record)

    @property
    def paths(self) -> list[str]:
        """The files of the run."""
        return [target.path for target in self.targets]

    def kept(self, path: str) -> TargetRecord | None:
        """The entry of a target this run leaves alone, as it was."""
        entries = self.earlier.targets if self.earlier else ()
        if path in self.paths:
            return None
        return next((entry for entry in entries if entry.path == path), None)
