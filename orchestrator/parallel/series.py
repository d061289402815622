"""The story of batches beside each other: judge ahead, land in plan order, one on top of another.

What lands is what one batch after the other would have come to: the same commits and records.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Protocol

from orchestrator.commit import preflight
from orchestrator.engine.context.events import (
    EventHandler,
    Notice,
    ParallelBatchEnded,
    ParallelEvent,
)
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import RunContext, run_context
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.context.worktree_context import WorktreeContext, open_worktree
from orchestrator.engine.next_batch import Ending, Series, ending_of
from orchestrator.engine.results import Landed, Stopped
from orchestrator.engine.select_batch import BatchSelector, queue, refuse_absent
from orchestrator.engine.selection import Selection
from orchestrator.errors import CannotJudge
from orchestrator.parallel.conflicts import Reverify
from orchestrator.parallel.executor import Executor, InProcessExecutor
from orchestrator.parallel.merge_queue import MergeQueue
from orchestrator.parallel.queue import WINDOW, QueuedBatch, to_start
from orchestrator.parallel.task import Answer, BatchTask, Judged, TaskFailed
from orchestrator.plan.model import Place
from orchestrator.records.status import BatchStatus, Status
from orchestrator.worktrees.fast_forward import BranchUpdater, ParkedCommits

_AGAIN = 5
"""How often a batch is judged again because something changed, before the run ends."""

_IN_VAIN = 2
"""After so many batches in a row that had to be judged again, none is judged ahead for a while."""

_PAUSE = 16
"""For so many batches, the first time."""

MakeExecutor = Callable[[RunContext, ExitStack, int], Executor]
"""Makes what judges so many batches at most, from the context in the user's work tree.

What it needs is closed after.
"""


def next_batches_in_worktrees(
    workspace: Workspace,
    selector: BatchSelector,
    options: RunOptions,
    emit: EventHandler,
    *,
    limit: int | None,
    make: MakeExecutor | None = None,
    results: list[Landed | Stopped] | None = None,
) -> Series:
    """Batch after batch, as `next_batches`, in checkouts of ours: the user's tree may be dirty.

    `make` makes what judges them; without it, they are judged here, one at a time.

    Raises:
        OrchestrateError: as for one batch; what landed before it stays.
    """
    started = time.monotonic()
    with run_context(workspace, options, emit) as home, ExitStack() as stack:
        merge_queue = stack.enter_context(_line(home, emit))
        most = len(queue(merge_queue.status(), selector))
        if not most:
            refuse_absent(merge_queue.status())
        if make is None or not most:
            executor: Executor = InProcessExecutor(merge_queue.context, merge_queue.checkout, emit)
        else:
            executor = make(home, stack, most if limit is None else min(most, limit))
        stack.callback(executor.close)
        run = SeriesRun(
            merge_queue, executor, selector, emit, limit, [] if results is None else results
        )
        landed, ending = run.to_its_end()
        waiting = next(merge_queue.status().unresolved(), None) is not None
        return Series(landed, ending, time.monotonic() - started, waiting, merge_queue.kept)


@contextmanager
def _line(home: RunContext, emit: EventHandler) -> Iterator[MergeQueue]:
    """The line that goes on from the user's branch, or from what an earlier run kept."""
    head = preflight.check_branch(home.repo)
    home.repo.identity()
    assert head.branch is not None
    updater = BranchUpdater(home.repo, home.state_dir, head.branch)
    tip, kept = head.commit, None
    if waiting := updater.waiting():
        outcome = updater.to(waiting, old=tip)
        if outcome is None:
            emit(Notice(f"what an earlier run had kept is on {head.branch} now"))
            tip = waiting
        else:
            why = outcome.why if isinstance(outcome, ParkedCommits) else "your branch is moving"
            kept = updater.keep(waiting, why)
            tip = waiting
    checkout = home.checkout(tip)
    try:
        there = WorktreeContext.at(home, checkout)
        with open_worktree(there, emit, lock=home.lock, branch=head.branch) as context:
            merge_queue = MergeQueue(context, checkout, updater, tip)
            merge_queue.kept = kept
            yield merge_queue
    finally:
        checkout.close()


class LandingQueue(Protocol):
    """Where what was judged lands, one after the other."""

    tip: str
    """The commit that what lands next comes onto."""

    @property
    def stop_after(self) -> int:
        """How many files may be quarantined before the series ends."""
        ...

    def status(self) -> Status:
        """Where the migration stands at the tip."""
        ...

    def taken(self, answer: Answer, task: BatchTask) -> Answer:
        """An answer that was looked at."""
        ...

    def land(self, judged: Judged, selection: Selection) -> Landed | Stopped | Reverify:
        """Commit what was judged, or say why it has to be judged again."""
        ...


@dataclass(slots=True)
class SeriesRun:
    """A series on its way: what is judged and has not landed, and what landed."""

    merge_queue: LandingQueue
    executor: Executor
    selector: BatchSelector
    emit: EventHandler
    limit: int | None
    results: list[Landed | Stopped] = field(default_factory=list)
    at_work: dict[str, BatchTask] = field(default_factory=dict)
    ready: dict[str, Answer] = field(default_factory=dict)
    again: dict[str, int] = field(default_factory=dict)
    in_vain: int = 0
    """How many batches in a row were judged again."""

    pause: int = 0
    """How many more batches are begun where they land, none ahead."""

    next_pause: int = _PAUSE

    places: list[Place] = field(default_factory=list)
    batches: dict[str, BatchStatus] = field(default_factory=dict)
    seen: Status | None = None
    """The status that `batches` are of, and by which `places` may be done, the next one first."""

    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def to_its_end(self) -> tuple[list[Landed | Stopped], Ending]:
        """What landed or stopped, and why there is no more."""
        stop_after = self.merge_queue.stop_after
        while True:
            if (ending := ending_of(self.results, self.limit, stop_after)) is not None:
                return self.results, ending
            self._look()
            if not self.places:
                return self.results, Ending.ALL_DONE
            self._start()
            if (answer := self.ready.pop(self.places[0].name, None)) is not None:
                self._land(self.places[0], answer)
            else:
                self._wait()

    def _look(self) -> None:
        status = self.merge_queue.status()
        if status is not self.seen:
            self.seen, self.places = status, queue(status, self.selector)
            self.batches = {b.place.name: b for phase in status.phases for b in phase.batches}

    def _start(self) -> None:
        if self.executor.is_live:  # it works where landing is done: one at a time
            first = self.places[0].name
            self.ready = {name: one for name, one in self.ready.items() if name == first}
            if self.at_work or self.ready:
                return
        jobs, free = self.executor.jobs, self.executor.free
        if free <= 0:
            return
        ahead = WINDOW * jobs if not self.pause else 1
        left = ahead if self.limit is None else min(ahead, self.limit - len(self.results))
        waiting = []
        for place in self.places[:left]:
            paths = [target.path for target in self.batches[place.name].open_targets]
            waiting.append(QueuedBatch(place.name, frozenset(paths)))
        begun = {*self.at_work, *self.ready}
        for one in to_start(waiting, begun, free=free, jobs=jobs):
            self._submit(one.name, tuple(sorted(one.paths)))

    def _submit(self, place: str, paths: tuple[str, ...], also: tuple[str, ...] = ()) -> None:
        is_again = place in self.again
        task = BatchTask(next(self.numbers), place, self.merge_queue.tip, paths, also, is_again)
        self.at_work[place] = task
        self.executor.submit(task)

    def _wait(self) -> None:
        """Take in what comes; a second answer to one question is none.

        Raises:
            ChangedMeanwhile: an answer does not fit what was asked.
        """
        for came in self.executor.answers():
            if isinstance(came, ParallelEvent):
                self.emit(came)
                continue
            asked = {task.number: task for task in self.at_work.values()}
            if (task := asked.get(came.task.number)) is None:
                continue
            self.ready[task.place] = self.merge_queue.taken(came, task)
            del self.at_work[task.place]
            self.emit(ParallelBatchEnded(task.place))

    def _land(self, place: Place, answer: Answer) -> None:
        batch = self.batches[place.name]
        selection = Selection.of(batch, batch.open_targets)
        if isinstance(answer, TaskFailed):
            if answer.task.base != self.merge_queue.tip and self._may_try_again(place):
                self._submit(place.name, tuple(sorted(selection.paths)))
                return
            self._replay(answer)
            raise answer.error
        outcome = self.merge_queue.land(answer, selection)
        if isinstance(outcome, Reverify):
            if not self._may_try_again(place):
                raise CannotJudge(
                    f"{place.name} was judged {_AGAIN} times, and each time something else had "
                    f"changed by then: {outcome.why}",
                    next_step="orchestrate next-batch",
                )
            self.emit(Notice(f"{place.name} is judged again, beside what landed: {outcome.why}"))
            self.in_vain += 1
            if self.in_vain >= _IN_VAIN and not self.pause:
                self._judge_none_ahead()
            self._submit(place.name, tuple(sorted(selection.paths)), outcome.also)
            return
        if self.pause:
            self.pause -= 1
        elif not answer.task.is_again:
            self.in_vain = 0
        self._replay(answer)
        self.results.append(outcome)

    def _judge_none_ahead(self) -> None:
        """For some batches, begin each where it lands; for twice as many the next time."""
        self.pause, self.next_pause = self.next_pause, 2 * self.next_pause
        self.emit(Notice(f"judging ahead was in vain: {self.pause} batches one at a time now"))
        self.ready.clear()
        self.at_work.clear()  # what comes of those is no answer any more

    def _may_try_again(self, place: Place) -> bool:
        self.again[place.name] = self.again.get(place.name, 0) + 1
        return self.again[place.name] <= _AGAIN

    def _replay(self, answer: Judged | TaskFailed) -> None:
        """Tell of a batch as if it had run alone, once it is its turn."""
        if not self.executor.is_live:
            for event in answer.told:
                self.emit(event)
