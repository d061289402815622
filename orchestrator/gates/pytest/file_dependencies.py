"""What the gates of a batch read: what may change without changing what they said."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.gates.pytest.run import PytestRun


@dataclass(slots=True)
class FileDependencies:
    """Files, by their paths from the top, that the tests of some runs read or imported.

    `programs` were started, and what they read, nobody knows.
    """

    files: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=set)

    def heard(self, ended: PytestRun) -> None:
        """Add what a run of pytest read."""
        self.files |= ended.read
        self.programs |= ended.started
