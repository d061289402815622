"""Judges tasks on the workers of a Dask cluster; whatever becomes of it, nothing lands there."""

from __future__ import annotations

import contextlib
import queue
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from orchestrator.base import process
from orchestrator.base.escape import as_argument
from orchestrator.engine.context.events import InterpreterFound, Notice, ParallelEvent
from orchestrator.engine.context.run_context import RunContext
from orchestrator.errors import BadInput, CannotJudge, Exit
from orchestrator.parallel.dask.no_unpickling import refuse_pickles
from orchestrator.parallel.dask.parcel import Sender
from orchestrator.parallel.dask.remote import judge_parcel
from orchestrator.parallel.series import MakeExecutor
from orchestrator.parallel.task import Answer, BatchTask, Judged, TaskFailed
from orchestrator.parallel.wire import Garbled, answer_from, plain_bytes

if TYPE_CHECKING:
    from distributed import Client, Future

_LOOK_S = 0.5
_CONNECT_S = 15.0
_GONE_S = 120.0
"""How long a scheduler that went away is waited for."""

_TRIES = 3
_RETURNS = 5
"""How often the scheduler may go away and come back without an answer in between."""

_TRIES_AFTER_ERROR = 2
"""How often a task is asked for that Dask dropped, as after its `allowed-failures`.

Why it did is in a pickle of the scheduler or of a worker, which is not looked into.
"""
_SLOW = 4.0
"""A task is asked for a second time once it took so many times what the slowest of others did."""

_SLOW_AT_LEAST_S = 60.0


def on_cluster(scheduler: str | None, jobs: int | None) -> MakeExecutor:
    """Workers of the scheduler at an address, or, without one, of a cluster on this machine.

    `jobs` bounds how many tasks run at a time; None: as many as there are threads.
    """

    def make(home: RunContext, stack: ExitStack, most: int) -> Cluster:
        try:
            import distributed
        except ImportError as error:
            raise BadInput(
                "--engine dask needs the package distributed, which is not installed here",
                next_step="pip install 'orchestrate-migration[dask]'",
            ) from error
        address = scheduler
        if address is not None:
            stack.enter_context(refuse_pickles())
        else:
            with process.children_marked("cluster") as mark:
                local = distributed.LocalCluster(
                    n_workers=None if jobs is None else min(jobs, most),
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address=None,
                    worker_dashboard_address=None,
                    silence_logs=50,
                )
            stack.callback(process.end_marked, mark)  # tests that outlive their worker
            stack.callback(local.close)
            address = local.scheduler_address
        return Cluster(home, str(address), jobs)

    return make


@dataclass(slots=True)
class _Asked:
    """A task at work: what was submitted for it, since when, and how often it failed."""

    task: BatchTask
    futures: list[Any]
    began_s: float
    tries: int = 1
    was_doubled: bool = False


class Cluster:
    """Tasks on their way through one scheduler."""

    is_live = False

    def __init__(self, home: RunContext, address: str, jobs: int | None) -> None:
        """Connect to the scheduler at `address`.

        Raises:
            CannotJudge: nobody answers there.
        """
        self._address = address
        self._most = jobs
        self._home = home
        self._came: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._asked: dict[int, _Asked] = {}
        self._longest_s = 0.0
        self._returns = 0
        self._alone_since_s: float | None = None
        self._topic = f"orchestrate-{uuid.uuid4().hex}"
        self._sender = Sender.of(home, home.repo.head().commit, self._topic)
        self._client: Client | None = None
        self._bundle: Future[bytes] | None = None
        self._connect(_CONNECT_S)

    @property
    def jobs(self) -> int:
        """How many tasks run at a time: those of every worker that is there now."""
        threads = sum(self._threads().values())
        return max(1, min(threads, self._most or threads))

    def _threads(self) -> dict[str, int]:
        """The threads of each worker that is there; none while the scheduler is not."""
        if self._client is None or self._client.status != "running":
            return {}
        with contextlib.suppress(Exception):  # it may go away this very moment
            return dict(self._client.nthreads())
        return {}

    @property
    def free(self) -> int:
        """How many more tasks may begin now."""
        return self.jobs - len(self._asked)

    def submit(self, task: BatchTask) -> None:
        """Hand a task to the scheduler."""
        self._asked[task.number] = _Asked(task, [], time.monotonic())
        if self._is_there():
            self._begin(self._asked[task.number])

    def answers(self) -> Iterator[Answer | ParallelEvent]:
        """Wait until a worker has sent something, and return all that was sent.

        Every task ends by limits of its own, so that somebody answers as long as workers are there.

        Raises:
            CannotJudge: the scheduler is away for too long or too often, or has no worker.
        """
        while True:
            with contextlib.suppress(queue.Empty):
                came = [self._came.get(timeout=_LOOK_S)]
                while not self._came.empty():
                    came.append(self._came.get())
                found = [answer for one in came for answer in self._taken(one)]
                if found:
                    self._returns = 0
                    yield from found
                    return
            if not self._is_there():
                self._reconnect()
                return
            self._must_have_workers()
            self._double_slow_ones()

    def close(self) -> None:
        """Let go of every task, and of the scheduler."""
        for asked in self._asked.values():
            self._cancel(asked)
        self._disconnect()

    def _must_have_workers(self) -> None:
        if self._threads():
            self._alone_since_s = None
            return
        now_s = time.monotonic()
        since_s = self._alone_since_s = self._alone_since_s or now_s
        if now_s - since_s > _GONE_S:
            raise CannotJudge(
                f"the scheduler at {self._address} has had no worker for {_GONE_S:g} s",
                next_step=f"start one: dask worker {self._address}",
            )

    def _is_there(self) -> bool:
        return self._client is not None and self._client.status == "running"

    def _begin(self, asked: _Asked) -> None:
        client = self._connected()
        if self._bundle is None or self._bundle.status != "finished":
            self._bundle = self._scattered(client)
        future = client.submit(
            judge_parcel,
            plain_bytes(self._sender.parcel(asked.task)),
            self._bundle,
            key=f"{self._topic}-{asked.task.number}-{uuid.uuid4().hex[:6]}",
            pure=False,
            priority=-asked.task.number,
        )
        asked.futures.append(future)
        number = asked.task.number
        future.add_done_callback(lambda done: self._came.put((number, done)))

    def _taken(self, came: Any) -> list[Answer | ParallelEvent]:
        """An answer, or what a worker tells; what fails is asked for again."""
        if isinstance(came, bytes):
            return self._told(came)
        number, future = came
        asked = self._asked.get(number)
        if asked is None or future not in asked.futures:
            return []
        asked.futures.remove(future)
        status = future.status
        answer: Answer | ParallelEvent | None = None
        why = f"a worker ended, or could not run it ({status})"
        if status == "finished":
            try:
                answer = answer_from(future.result(), self._home.plan)
            except Exception as error:  # noqa: BLE001 - it is asked for again
                why = next(iter(str(error).splitlines()), type(error).__name__)
        if isinstance(answer, TaskFailed) and answer.error.exit_code is Exit.BUG:
            why = answer.error.what  # another worker may do better
        elif isinstance(answer, Judged | TaskFailed):
            del self._asked[number]
            self._cancel(asked)
            self._longest_s = max(self._longest_s, time.monotonic() - asked.began_s)
            # commands that are printed here name the interpreter that is here
            told = [event for event in answer.told if not isinstance(event, InterpreterFound)]
            return [replace(answer, told=told)]
        if not self._is_there():
            return []  # all of it is asked for again once the scheduler is back
        return self._failed(asked, why, most=_TRIES_AFTER_ERROR if status == "error" else _TRIES)

    def _heard(self, event: tuple[float, object]) -> None:
        """Take in what anybody on the cluster may have said."""
        if isinstance(event[1], bytes):
            self._came.put(event[1])

    def _told(self, said: bytes) -> list[Answer | ParallelEvent]:
        """What a worker tells of a batch: a step begins, or how far its tests are."""
        with contextlib.suppress(Garbled):
            told = answer_from(said, self._home.plan)
            places = {asked.task.place for asked in self._asked.values()}
            return [told] if isinstance(told, ParallelEvent) and told.place in places else []
        return []

    def _failed(self, asked: _Asked, why: str, *, most: int) -> list[Answer | ParallelEvent]:
        if asked.futures:
            return []  # it was asked for twice, and the other may answer
        if asked.tries >= most:
            del self._asked[asked.task.number]
            return [TaskFailed(asked.task, _not_answered(asked.task, why))]
        asked.tries += 1
        first = why.partition("\n")[0]
        self._begin(asked)
        self._home.emit(Notice(f"{asked.task.place} is asked for again: {first}"))
        return []

    def _double_slow_ones(self) -> None:
        """Ask once more for what takes far longer than anything did: the first answer counts."""
        limit_s = max(_SLOW_AT_LEAST_S, _SLOW * self._longest_s)
        for asked in self._asked.values():
            is_slow = self._longest_s and time.monotonic() - asked.began_s > limit_s
            if is_slow and not asked.was_doubled and self.free > 0:
                asked.was_doubled = True
                self._begin(asked)
                self._home.emit(Notice(f"{asked.task.place} takes long: a second worker is asked"))

    def _connected(self) -> Client:
        if self._client is None:
            raise CannotJudge(
                f"the scheduler at {self._address} is gone",
                next_step="orchestrate next-batch --all --jobs auto",
            )
        return self._client

    def _connect(self, limit_s: float) -> None:
        from distributed import Client

        until_s = time.monotonic() + limit_s
        while self._client is None:
            try:
                self._client = Client(
                    self._address,
                    timeout=_LOOK_S * 10,
                    set_as_default=False,
                    deserializers=["dask", "msgpack", "error"],
                )
            except (OSError, TimeoutError, ValueError) as error:
                if time.monotonic() > until_s:
                    raise CannotJudge(
                        f"no scheduler answers at {self._address}: {error}",
                        next_step="start one: dask scheduler, or do without --scheduler",
                    ) from error
                time.sleep(_LOOK_S)
        for topic in ("print", "warn"):  # whoever logs to these speaks as if it were we
            self._client.unsubscribe_topic(topic)
        self._client.subscribe_topic(self._topic, self._heard)
        self._bundle = self._scattered(self._client)

    def _scattered(self, client: Client) -> Future[bytes]:
        """The bundle, where workers find it; they are waited for.

        Raises:
            CannotJudge: none comes.
        """
        until_s = time.monotonic() + _GONE_S
        said = False
        while True:
            try:
                client.wait_for_workers(1, timeout=_CONNECT_S)
                bundle: Future[bytes] = client.scatter(self._sender.bundle(), hash=False)
            except Exception as error:
                if time.monotonic() > until_s:
                    raise CannotJudge(
                        f"the scheduler at {self._address} has no worker: {error}",
                        next_step=f"start one: dask worker {as_argument(self._address)}",
                    ) from error
                if not said:
                    self._home.emit(Notice(f"the scheduler at {self._address} has no worker yet"))
                    said = True
                time.sleep(_LOOK_S)
            else:
                return bundle

    def _reconnect(self) -> None:
        """Wait for a scheduler that went away, and ask it for all that was at work."""
        self._returns += 1
        if self._returns > _RETURNS:
            raise CannotJudge(
                f"the scheduler at {self._address} went away {self._returns} times without an "
                "answer in between",
                next_step="orchestrate next-batch --all --jobs auto",
            )
        self._home.emit(Notice(f"the scheduler at {self._address} went away; waiting for it"))
        self._disconnect()
        self._connect(_GONE_S)
        self._home.emit(Notice("it is back: what was at work is asked for again"))
        for asked in self._asked.values():
            asked.futures.clear()
            asked.began_s = time.monotonic()
            self._begin(asked)

    def _cancel(self, asked: _Asked) -> None:
        for future in asked.futures:
            with contextlib.suppress(Exception):  # whoever holds it may be gone
                future.cancel()

    def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(Exception):  # as above
                client.close(timeout=2)


def _not_answered(task: BatchTask, why: str) -> CannotJudge:
    return CannotJudge(
        f"{task.place} could not be judged on the cluster: {why}",
        next_step="orchestrate next-batch --all --jobs 1",
    )
