"""What the user chose for a run, on the command line."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.engine.context.trust import Asking


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The options --python, --strict, --trust and --signoff."""

    python: str | None = None
    strict: bool = False
    trust: bool = False
    signoff: bool = False
    """Add a Signed-off-by to each commit, even if the plan does not set `commit: signoff`."""

    command: str = "next-batch"
    """What the user typed, as far as an error that names it needs."""

    def asking(self, command: str | None = None) -> Asking:
        """Return who asks for trust, when `command` was typed."""
        return Asking(command or self.command, self.trust, self.python)
