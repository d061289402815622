"""Starts programs, bounds what they may use, and ends every process they leave behind."""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import signal
import subprocess
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from orchestrator.errors import CannotJudge

TICK_S = 0.1
"""How often a running program is looked at, in seconds."""

_MEMORY_INTERVAL_S = 0.5
_CHUNK_BYTES = 65_536
_GRACE_S = 2.0
_MARK = "ORCHESTRATE_RUN"

_OUR_ID = "ORCHESTRATE_RUN_ID"
MARKS = (_MARK, _OUR_ID)
"""Variables that are put into the environment of what is started here."""

RUN_ID = os.environ.pop(_OUR_ID, "") or uuid.uuid4().hex
"""Marks every program this process starts, so that they are found should this process be killed.

Of a process that serves another one of ours, it begins with that one's.
"""


_RUN_ID = re.compile(r"[0-9a-f]{32}")


class ChildProcess(Protocol):
    """A program at work, as `subprocess.Popen` shows it: started, or forked from one that was."""

    pid: int
    stdout: IO[bytes] | None

    @property
    def returncode(self) -> int | None:
        """How it ended; negative for a signal, None as long as nobody has seen it end."""
        ...

    def poll(self) -> int | None:
        """Look whether it has ended; its `returncode`."""
        ...

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end, for so many seconds at most."""
        ...


Start = Callable[[Sequence[str], Path, Mapping[str, str]], ChildProcess]
"""Starts a command in a folder with an environment, as leader of a process group of its own."""


class ProgramMissing(CannotJudge):
    """There is no such program."""


@dataclass(frozen=True, slots=True)
class Completed:
    """How a program ended.

    `exit_code` is negative for a signal, and None where the program was ended for `stopped`.
    `output` is the last part of stdout and stderr together, at most the bound that was asked for.
    """

    exit_code: int | None
    output: str
    duration_s: float
    stopped: str | None = None


def run(
    command: Sequence[str],
    *,
    cwd: Path,
    env: Mapping[str, str] | None = None,
    timeout_s: float,
    memory_mib: float | None = None,
    on_start: Callable[[int], None] = lambda pid: None,
    on_tick: Callable[[], str | None] = lambda: None,
    keep_bytes: int = _CHUNK_BYTES,
    starts_others: bool = True,
    stdin: Path | None = None,
    start: Start | None = None,
) -> Completed:
    """Run `command` in its own process group and wait for it.

    Past a limit, or when `on_tick` (called every 100 ms) answers with a reason, the program and all
    it started are ended: `exit_code` is then None and `stopped` says why. Processes that outlive
    the program are ended too, even those that left its session. Memory is the resident sum over
    the tree, read every 500 ms: shorter peaks go unseen. `on_start` is told its process id.

    `starts_others=False` is for our own code, which starts nothing: nobody is looked for then.
    `stdin` is a file to read from; without one there is nothing to read. `start` starts it in
    place of the system, and raises what it likes.

    Raises:
        ProgramMissing: there is no such program.
    """
    mark = f"{RUN_ID}-{uuid.uuid4().hex}"
    started = time.monotonic()
    marked = {**(os.environ if env is None else env), _MARK: mark}
    child = start(command, cwd, marked) if start else _start(command, cwd, marked, stdin)
    watch = _Watch(child.pid, started, timeout_s, memory_mib, on_tick)
    stopped: str | None = None
    tail = _Tail(keep_bytes)
    try:
        on_start(child.pid)
        for chunk in _chunks(child):
            tail.add(chunk)
            if (stopped := watch.reason_to_stop()) is not None:
                break
    finally:
        _end_all(child, mark if starts_others else None)
    exit_code = None if stopped else child.returncode
    return Completed(exit_code, tail.text(), time.monotonic() - started, stopped)


def environment(*, without: Sequence[str], **changes: str) -> dict[str, str]:
    """The current environment less the variables in `without`, with `changes` laid over it."""
    kept = {name: value for name, value in os.environ.items() if name not in without}
    return kept | changes


@contextlib.contextmanager
def children_marked(kind: str) -> Iterator[str]:
    """The mark of whatever a library starts in the block, and of all that starts in turn."""
    mark = f"{RUN_ID}-{kind}"
    os.environ[_OUR_ID] = mark
    try:
        yield mark
    finally:
        del os.environ[_OUR_ID]


@contextlib.contextmanager
def serving(
    command: Sequence[str], *, cwd: Path, env: Mapping[str, str], descriptor: int
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that holds `descriptor`, says nothing and is ended with the block, and its own.

    Raises:
        ProgramMissing: there is no such program.
    """
    mark = f"{RUN_ID}-{uuid.uuid4().hex}"
    marked = {**env, _MARK: mark, _OUR_ID: mark}
    try:
        child = subprocess.Popen(
            list(command),
            cwd=cwd,
            env=marked,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[descriptor],
            start_new_session=True,
        )
    except OSError as error:
        raise ProgramMissing(f"cannot start {command[0]!r}: {error.strerror}") from error
    try:
        yield child
    finally:
        _end_all(child, mark)


def _start(
    command: Sequence[str], cwd: Path, env: Mapping[str, str], stdin: Path | None
) -> subprocess.Popen[bytes]:
    try:
        with Path(os.devnull if stdin is None else stdin).open("rb") as read:
            return subprocess.Popen(
                list(command),
                cwd=cwd,
                env=dict(env),
                stdin=read,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except OSError as error:
        raise ProgramMissing(f"cannot start {command[0]!r}: {error.strerror}") from error


def _chunks(child: ChildProcess) -> Iterator[bytes]:
    """Yield what the program prints as it comes, and at least every 100 ms, until it has ended.

    The end of the program counts, not the end of the pipe: a grandchild may hold that open.
    """
    pipe = child.stdout
    assert pipe is not None
    os.set_blocking(pipe.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while child.poll() is None:
            if selector.select(TICK_S):
                data = _read(pipe)
                if data == b"":  # closed by a program that ends, or goes on running
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        child.wait(TICK_S)
                yield data or b""
            else:
                yield b""
    while data := _read(pipe):
        yield data


def _read(pipe: IO[bytes]) -> bytes | None:
    with contextlib.suppress(BlockingIOError):
        return os.read(pipe.fileno(), _CHUNK_BYTES)
    return None


class _Tail:
    """The last `keep_bytes` bytes of a stream."""

    def __init__(self, keep_bytes: int) -> None:
        self._chunks: deque[bytes] = deque()
        self._size_bytes = 0
        self._keep_bytes = keep_bytes

    def add(self, chunk: bytes) -> None:
        self._chunks.append(chunk)
        self._size_bytes += len(chunk)
        while self._size_bytes - len(self._chunks[0]) >= self._keep_bytes:
            self._size_bytes -= len(self._chunks.popleft())

    def text(self) -> str:
        return b"".join(self._chunks)[-self._keep_bytes :].decode("utf-8", "replace")


class _Watch:
    """Decides, each time it is asked, whether a running program has to be ended."""

    def __init__(
        self,
        pid: int,
        started: float,
        timeout_s: float,
        memory_mib: float | None,
        on_tick: Callable[[], str | None],
    ) -> None:
        self._pid = pid
        self._timeout_s = timeout_s
        self._deadline = started + timeout_s
        self._memory_mib = memory_mib
        self._on_tick = on_tick
        self._next_tick = started
        self._next_memory = started

    def reason_to_stop(self) -> str | None:
        now = time.monotonic()
        if now >= self._deadline:
            return f"ran longer than {self._timeout_s:g} s"
        if self._memory_mib is not None and now >= self._next_memory:
            self._next_memory = now + _MEMORY_INTERVAL_S
            if (used_mib := tree_rss_mib(self._pid)) > self._memory_mib:
                return f"used {used_mib:.0f} MiB, more than {self._memory_mib:g} MiB"
        if now >= self._next_tick:
            self._next_tick = now + TICK_S
            return self._on_tick()
        return None


def tree_rss_mib(pid: int) -> float:
    """Resident memory of a process and all its descendants, in MiB; 0 when it is gone."""
    from orchestrator.base.memory_usage import tree

    return sum(use.rss_mib for use in tree(pid))


def tree_cpu_s(pid: int) -> float:
    """What a process and all its descendants have used of the processors, in seconds."""
    import psutil

    used_s = 0.0
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.Error):
                times = one.cpu_times()
                used_s += times.user + times.system
    return used_s


def _end_all(child: ChildProcess, mark: str | None) -> None:
    """End the program if it still runs, then whatever it started that is still there.

    Descendants are known by a mark in their environment: a process group or a parent id is lost
    by a child that calls setsid and outlives its parent.
    """
    if child.poll() is None:
        _signal_group(child.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE_S)
    _signal_group(child.pid, signal.SIGKILL)
    child.wait()
    if child.stdout is not None:
        child.stdout.close()
    if mark is not None:
        end_marked(mark)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def end_descendants() -> None:
    """End every process this one started, and what those started, and wait until they are gone."""
    import psutil

    processes = psutil.Process().children(recursive=True)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, left = psutil.wait_procs(processes, timeout=_GRACE_S)
    for process in left:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(left, timeout=_GRACE_S)


def end_holders_of(file: Path) -> None:
    """End every other process of this user that holds `file` open."""
    import psutil

    processes = []
    for pid in holders_of(file):
        with contextlib.suppress(psutil.Error):
            processes.append(psutil.Process(pid))
            processes[-1].kill()
    psutil.wait_procs(processes, timeout=_GRACE_S)


def holders_of(file: Path) -> dict[int, str]:
    """The names of this user's other processes that hold `file` open, by their ids."""
    import psutil

    user, wanted, found = os.getuid(), str(file.resolve()), dict[int, str]()
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid == os.getpid() or process.uids().real != user:
                continue
            if any(open_file.path == wanted for open_file in process.open_files()):
                found[process.pid] = process.name()
    return found


def is_alive(pid: int) -> bool:
    """Whether a process with this number is there; one that ended and was not waited for is not."""
    import psutil

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def end_marked(mark: str) -> None:
    """End every process whose mark begins with `mark`: a run's id, or one program of it.

    What does not begin as the id of a run does was made up, and ends nothing: an empty text is the
    beginning of every mark, and of none at all.
    """
    if not _RUN_ID.match(mark):
        return
    import psutil

    user, ended = os.getuid(), []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.uids().real == user and process.environ().get(_MARK, "").startswith(mark):
                process.kill()
                ended.append(process)
    psutil.wait_procs(ended, timeout=_GRACE_S)
