"""What judges tasks: in this process, in others beside it, or on other machines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from orchestrator.events import Beside, Tell
from orchestrator.jobs.judging import judged
from orchestrator.jobs.task import Answer, Task
from orchestrator.safety.checkout import Checkout
from orchestrator.safety.session import Session


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

    def submit(self, task: Task) -> None:
        """Begin a task, or see to it that somebody does."""
        ...

    def answers(self) -> Iterator[Answer | Beside]:
        """What came by now, or as soon as something does: answers, and what happens meanwhile.

        Raises:
            CannotJudge: nobody is left who could answer.
        """
        ...

    def close(self) -> None:
        """End what is at work."""
        ...


class Here:
    """Judges one task after the other in this process; what happens is told as it happens."""

    jobs = 1
    is_live = True

    def __init__(self, session: Session, checkout: Checkout, tell: Tell) -> None:
        """Use a session in a checkout."""
        self._session = session
        self._checkout = checkout
        self._tell = tell
        self._asked: Task | None = None

    @property
    def free(self) -> int:
        """One, where none is asked for."""
        return 0 if self._asked else 1

    def submit(self, task: Task) -> None:
        """Remember the task."""
        self._asked = task

    def answers(self) -> Iterator[Answer | Beside]:
        """The answer to the one task there is."""
        task, self._asked = self._asked, None
        assert task is not None
        self._checkout.hold(task.base)
        self._session.tell = self._tell
        yield judged(self._session, task)

    def close(self) -> None:
        """Nothing is at work."""
