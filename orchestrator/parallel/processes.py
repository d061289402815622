"""Judges tasks in processes beside this one, each with a checkout of its own."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait

from orchestrator.base import process
from orchestrator.engine.context.events import ParallelEvent
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.context.worktree_context import WorktreeContext
from orchestrator.errors import CannotJudge
from orchestrator.parallel.memory_budget import MemoryBudget
from orchestrator.parallel.series import MakeExecutor
from orchestrator.parallel.task import Answer, BatchTask, Judged, TaskFailed
from orchestrator.parallel.wire import MOST_BYTES, Garbled, answer_from, plain_bytes

_LOOK_S = 0.5
_TRIES = 2
"""How often a task is begun whose process is lost, before the run ends."""


def process_executor(jobs: int | None) -> MakeExecutor:
    """So many processes beside this one; None: as many as cores and free memory bear."""

    def make(home: RunContext, stack: ExitStack, most: int) -> Processes:
        count = min(most, jobs if jobs is not None else _cores())
        memory = MemoryBudget(home.logs, bounded=jobs is None)
        checkouts = []
        head = home.repo.head().commit
        for _ in range(count):
            checkout = home.checkout(head)
            stack.callback(checkout.close)
            checkouts.append(checkout)
        return Processes([WorktreeContext.at(home, checkout) for checkout in checkouts], memory)

    return make


def _cores() -> int:
    """As many as this process may use."""
    import psutil

    allowed = getattr(psutil.Process(), "cpu_affinity", None)
    return len(allowed()) if allowed is not None else os.cpu_count() or 1


_WORKER = "orchestrator.parallel.worker"


@dataclass(slots=True)
class _Worker:
    """One process, the checkout it works in, and what it is at."""

    worktree: WorktreeContext
    line: Connection
    pid: int
    stack: ExitStack
    task: BatchTask | None = None

    @classmethod
    def start(cls, worktree: WorktreeContext) -> _Worker:
        """Begin it; it says nothing until it is asked."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        stack = ExitStack()
        with theirs:
            command = [sys.executable, "-P", "-m", _WORKER, str(theirs.fileno())]
            child = stack.enter_context(
                process.serving(
                    command, cwd=worktree.home, env=os.environ, descriptor=theirs.fileno()
                )
            )
        line = Connection(ours.detach())
        stack.callback(line.close)
        try:
            line.send_bytes(plain_bytes(worktree))
        except OSError as error:
            stack.close()
            raise CannotJudge(
                f"a process that should judge ended at once: {error}",
                next_step="orchestrate next-batch --all --jobs 1",
            ) from error
        return cls(worktree, line, child.pid, stack)


class Processes:
    """As many workers as checkouts; one that dies is begun anew, and its task with it."""

    is_live = False

    def __init__(self, places: list[WorktreeContext], memory: MemoryBudget) -> None:
        """Begin a worker in each of `places`."""
        self.jobs = len(places)
        self._memory = memory
        self._workers = [_Worker.start(worktree) for worktree in places]
        self._waiting: list[BatchTask] = []
        self._lost: dict[int, int] = {}
        self._idle_deaths = 0

    @property
    def free(self) -> int:
        """How many more tasks may begin now: one at least, where none is at work."""
        at_work = sum(worker.task is not None for worker in self._workers) + len(self._waiting)
        return self._memory.may_begin(self.jobs - at_work, at_work)

    def submit(self, task: BatchTask) -> None:
        """Give it to a worker, or let it wait for one."""
        self._waiting.append(task)
        self._hand_out()

    def answers(self) -> Iterator[Answer | ParallelEvent]:
        """Wait until a worker has sent something, and return all that was sent.

        A worker that is alive answers: each of its steps has a limit of its own. One that is not is
        begun anew, so often and no more.
        """
        while True:
            ready = wait([worker.line for worker in self._workers], _LOOK_S)
            busy = [worker.pid for worker in self._workers if worker.task is not None]
            self._memory.look(busy)
            came = [
                found
                for worker in list(self._workers)
                if worker.line in ready
                for found in self._from(worker)
            ]
            self._hand_out()
            if came:
                yield from came
                return

    def close(self) -> None:
        """End every worker, with all it started."""
        for worker in self._workers:
            worker.line.close()  # all of them begin to end
        for worker in self._workers:
            worker.stack.close()

    def _hand_out(self) -> None:
        for worker in self._workers:
            if self._waiting and worker.task is None:
                worker.task = self._waiting.pop(0)
                with contextlib.suppress(OSError):  # it is gone, and its line will say so
                    worker.line.send_bytes(plain_bytes(worker.task))

    def _from(self, worker: _Worker) -> Iterator[Answer | ParallelEvent]:
        try:
            data = worker.line.recv_bytes(MOST_BYTES)
            found = answer_from(data, worker.worktree.workspace.plan)
        except (EOFError, OSError, Garbled):
            yield from self._begin_anew(worker)
            return
        if isinstance(found, Judged | TaskFailed):
            worker.task = None
        yield found

    def _begin_anew(self, worker: _Worker) -> list[Answer]:
        """Put another worker in the place of one that is gone, and its task into the queue."""
        worker.stack.close()
        self._workers[self._workers.index(worker)] = _Worker.start(worker.worktree)
        if (task := worker.task) is None:
            self._idle_deaths += 1
            if self._idle_deaths > _TRIES * self.jobs:
                raise CannotJudge(
                    "the processes that should judge end before they are asked anything",
                    next_step="orchestrate next-batch --all --jobs 1",
                )
            return []
        self._lost[task.number] = self._lost.get(task.number, 0) + 1
        if self._lost[task.number] < _TRIES:
            self._waiting.insert(0, task)
            return []
        error = CannotJudge(
            f"two processes died while they judged {task.place}; the usual cause is that memory "
            "ran out",
            next_step="orchestrate next-batch --all --jobs 1",
        )
        return [TaskFailed(task, error)]
