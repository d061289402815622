"""A process that judges tasks in one checkout; its only argument is the descriptor of a socket.

It is told where it works, then one task after the other, and answers with events and what each came
to. It ends with the process that asks, whatever it is at.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import threading
import time
import traceback
from multiprocessing.connection import Connection

from orchestrator.base.disk_errors import disk_errors
from orchestrator.base.signals import interruptible
from orchestrator.engine.context.events import Event, ParallelEvent, StepBegun, TestsRan
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.context.worktree_context import WorktreeContext, open_worktree
from orchestrator.errors import CannotJudge, Interrupted, OrchestrateError
from orchestrator.parallel.secrets import without_secrets
from orchestrator.parallel.task import Answer, BatchTask, TaskFailed
from orchestrator.parallel.verify_task import judged
from orchestrator.parallel.wire import from_bytes, to_bytes
from orchestrator.vcs import worktrees

_TELL_S = 0.3
"""How often it is told how far the tests are, in seconds."""


def main(descriptor: int) -> None:
    """Judge what is asked for until nobody asks any more."""
    line = Connection(descriptor)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    worktree = from_bytes(WorktreeContext, line.recv_bytes())
    tasks: queue.SimpleQueue[BatchTask] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(line, tasks), daemon=True).start()
    teller = _Teller(line)
    try:
        with interruptible(), open_worktree(worktree, teller.emit) as context:
            while True:
                task = tasks.get()
                teller.place = task.place
                line.send_bytes(to_bytes(without_secrets(_answer(context, task, worktree))))
    except (Interrupted, BrokenPipeError):
        return


def _answer(context: RunContext, task: BatchTask, worktree: WorktreeContext) -> Answer:
    try:
        with disk_errors():
            worktrees.move(context.repo, task.base, but=worktree.given)
            return judged(context, task)
    except Interrupted:
        raise
    except OrchestrateError as error:
        return TaskFailed(task, error)
    except Exception as error:  # noqa: BLE001 - nobody else would hear of it
        at = "".join(traceback.format_exception(error)[-2:])
        return TaskFailed(task, CannotJudge(f"{task.place} could not be judged: {error}\n{at}"))


def _listen(line: Connection, tasks: queue.SimpleQueue[BatchTask]) -> None:
    """Hand tasks on as they come; where nobody asks any more, this process ends."""
    try:
        while True:
            tasks.put(from_bytes(BatchTask, line.recv_bytes()))
    except (EOFError, OSError):
        os.kill(os.getpid(), signal.SIGTERM)


class _Teller:
    """Tells what happens to the batch at work, as much of it as is shown meanwhile."""

    def __init__(self, line: Connection) -> None:
        self.place = ""
        self._line = line
        self._last_s = 0.0

    def emit(self, event: Event) -> None:
        if isinstance(event, TestsRan):
            if time.monotonic() - self._last_s < _TELL_S:
                return
            self._last_s = time.monotonic()
        elif not isinstance(event, StepBegun):
            return  # it comes with the answer
        self._line.send_bytes(to_bytes(ParallelEvent(self.place, without_secrets(event))))


if __name__ == "__main__":
    main(int(sys.argv[1]))
