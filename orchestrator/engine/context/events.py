"""What a run tells while it goes on, as values; who shows them, and how, is not its business."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from orchestrator.gates.pytest.events import TestRun
from orchestrator.gates.verdict import RejectedUnit, Verdict
from orchestrator.plan.model import Place
from orchestrator.project.interpreter import Interpreter


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
    """A step begins: fix, write, a gate, commit.

    `runs` says which program it starts, on what, where that may take long.
    """

    name: str
    runs: str = ""


@dataclass(frozen=True, slots=True)
class InterpreterFound:
    """The project's interpreter was found."""

    python: Interpreter


@dataclass(frozen=True, slots=True)
class TestsRan:
    """Several times a second while tests run: how many are done, and of how many, once known."""

    __test__ = False

    done: int
    of: int | None
    current: str

    @classmethod
    def seen(cls, run: TestRun) -> TestsRan:
        """How far a run has come."""
        total = len(run.ids) if run.collected else None
        return cls(run.done, total, run.running[-1] if run.running else "")


@dataclass(frozen=True, slots=True)
class GateJudged:
    """A gate has spoken."""

    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Notice:
    """Something is done once more, and why."""

    what: str


@dataclass(frozen=True, slots=True)
class UnitRejected:
    """A unit got its old bytes back; the others go on. `next` is the rung that tries it then."""

    taken: RejectedUnit


@dataclass(frozen=True, slots=True)
class ParallelEvent:
    """Something happened to a batch that runs beside others; it is told whole once it lands."""

    place: str
    event: Event


@dataclass(frozen=True, slots=True)
class ParallelBatchEnded:
    """A batch that ran beside others is judged."""

    place: str


Event = (
    Picked | Recovered | StepBegun | InterpreterFound | TestsRan | GateJudged | Notice
    | UnitRejected | ParallelEvent | ParallelBatchEnded
)  # fmt: skip
EventHandler = Callable[[Event], None]


def ignore_events(event: Event) -> None:
    """Tell nobody."""
