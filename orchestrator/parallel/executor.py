"""What judges tasks: in this process, in others beside it, or on other machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from orchestrator.engine.context.events import EventHandler, ParallelEvent
from orchestrator.engine.context.run_context import RunContext
from orchestrator.parallel.task import Answer, BatchTask
from orchestrator.parallel.verify_task import judged
from orchestrator.worktrees.checkout import Checkout


class Executor(Protocol):
    """Takes tasks and gives answers, each once, in whatever order.

    None of them lands anything.
    """

    @property
    def jobs(self) -> int:
        """How many are at work at most."""
        ...

    @property
    def is_live(self) -> bool:
        """Whether what happens to a batch was told by the time its answer comes."""
        ...

    @property
    def free(self) -> int:
        """How many more tasks may begin now."""
        ...

    def submit(self, task: BatchTask) -> None:
        """Begin a task, or see to it that somebody does."""
        ...

    def answers(self) -> Iterator[Answer | ParallelEvent]:
        """What came by now, or as soon as something does: answers, and what happens meanwhile.

        Raises:
            CannotJudge: nobody is left who could answer.
        """
        ...

    def close(self) -> None:
        """End what is at work."""
        ...


class InProcessExecutor:
    """Judges one task after the other in this process; what happens is told as it happens."""

    jobs = 1
    is_live = True

    def __init__(self, context: RunContext, checkout: Checkout, emit: EventHandler) -> None:
        """Use a context in a checkout."""
        self._context = context.with_emit(emit)
        self._checkout = checkout
        self._asked: BatchTask | None = None

    @property
    def free(self) -> int:
        """One, where none is asked for."""
        return 0 if self._asked else 1

    def submit(self, task: BatchTask) -> None:
        """Remember the task."""
        self._asked = task

    def answers(self) -> Iterator[Answer | ParallelEvent]:
        """The answer to the one task there is."""
        task, self._asked = self._asked, None
        assert task is not None
        self._checkout.hold(task.base)
        yield judged(self._context, task)

    def close(self) -> None:
        """Nothing is at work."""
