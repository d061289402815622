"""What a run tells while it goes on, as values; who shows them, and how, is not its business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.gates.events import TestRun
from orchestrator.gates.verdict import TakenOut, Verdict
from orchestrator.interpreter import Interpreter
from orchestrator.plan.model import Place


@dataclass(frozen=True, slots=True)
class Picked:
    """The batch was chosen, and how many files of it are worked on."""

    place: Place
    files: int


@dataclass(frozen=True, slots=True)
class Recovered:
    """What an earlier run left behind was settled, in a sentence."""

    sentence: str


@dataclass(frozen=True, slots=True)
class StepBegun:
    """A step begins: fix, write, a gate, commit."""

    name: str


@dataclass(frozen=True, slots=True)
class InterpreterFound:
    """The project's interpreter was found."""

    python: Interpreter


@dataclass(frozen=True, slots=True)
class TestsRan:
    """Several times a second while tests run."""

    __test__ = False

    run: TestRun


@dataclass(frozen=True, slots=True)
class Judged:
    """A gate has spoken."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Said:
    """Something is done once more, and why."""

    what: str


@dataclass(frozen=True, slots=True)
class Lost:
    """A unit got its old bytes back; the others go on. `next` is the rung that tries it then."""

    taken: TakenOut


Event = Picked | Recovered | StepBegun | InterpreterFound | TestsRan | Judged | Said | Lost
Tell = Callable[[Event], None]


def nobody(event: Event) -> None:
    """Tell nobody."""
