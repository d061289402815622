"""What a run tells while it goes on; who shows it, and how, is not its business."""

from __future__ import annotations

from typing import Protocol

from orchestrator.batch.taken import TakenOut
from orchestrator.gates.events import TestRun
from orchestrator.gates.interpreter import Interpreter
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Place


class Watcher(Protocol):
    """Hears of each step of a run."""

    def picked(self, place: Place, files: int) -> None:
        """The batch was chosen, and how many files of it are worked on."""
        ...

    def recovered(self, what: str) -> None:
        """What an earlier run left behind was settled."""
        ...

    def step(self, name: str) -> None:
        """A step begins: fix, write, compile, collect and test, commit."""
        ...

    def interpreter(self, python: Interpreter) -> None:
        """The interpreter of the gates was found."""
        ...

    def tests(self, run: TestRun) -> None:
        """Several times a second while tests run."""
        ...

    def verdict(self, verdict: Verdict) -> None:
        """A gate has spoken."""
        ...

    def said(self, what: str) -> None:
        """Something is done once more, and why."""
        ...

    def taken_out(self, taken: TakenOut) -> None:
        """A file got its old bytes back; the others go on."""
        ...


class Silent:
    """Tells nobody."""

    def picked(self, place: Place, files: int) -> None:
        """Nothing."""

    def recovered(self, what: str) -> None:
        """Nothing."""

    def step(self, name: str) -> None:
        """Nothing."""

    def interpreter(self, python: Interpreter) -> None:
        """Nothing."""

    def tests(self, run: TestRun) -> None:
        """Nothing."""

    def verdict(self, verdict: Verdict) -> None:
        """Nothing."""

    def said(self, what: str) -> None:
        """Nothing."""

    def taken_out(self, taken: TakenOut) -> None:
        """Nothing."""
