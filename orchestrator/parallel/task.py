"""What is asked of whoever judges a batch, and what comes back; all of it may cross machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.engine.context.events import Event
from orchestrator.engine.run_batch import Candidate
from orchestrator.errors import OrchestrateError
from orchestrator.gates.pytest.file_dependencies import FileDependencies


@dataclass(frozen=True, slots=True)
class BatchTask:
    """Some targets of a batch, to be judged on the commit `base`.

    `number` tells it from every other task of the run. The tests of the files `also`, which landed
    before it, must not suffer.
    """

    number: int
    place: str
    base: str
    paths: tuple[str, ...]
    also: tuple[str, ...] = ()
    is_again: bool = False
    """Whether it was judged before, on a commit that was not the right one."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What a task came to: what may land, what its gates read, and what was told meanwhile."""

    task: BatchTask
    candidate: Candidate
    reads: FileDependencies
    told: Sequence[Event] = ()

    @property
    def changed(self) -> frozenset[str]:
        """The files that would be changed."""
        return frozenset(self.candidate.contents)


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """A task that came to nothing, and why."""

    task: BatchTask
    error: OrchestrateError
    told: Sequence[Event] = ()


Answer = Judged | TaskFailed
