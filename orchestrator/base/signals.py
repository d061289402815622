"""Turns the first request to end into an exception, so that a run rolls back before it ends."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from orchestrator.errors import Exit, Interrupted

_EXITS = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
    signal.SIGHUP: Exit.TERMINATED,
}

_blocks = 0
"""How many blocks of `held` the main thread is in."""

_waiting: list[int] = []
"""The signals that came meanwhile."""


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` in this block at the first INT, TERM or HUP."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if _blocks:
            _waiting.append(number)
            return
        if asked:
            return  # children are being ended and files restored: that has to come to its end
        asked = True
        raise Interrupted(_EXITS[signal.Signals(number)])

    _waiting.clear()
    before = {number: signal.signal(number, stop) for number in _EXITS}
    try:
        yield
    finally:
        # a process that was asked to end is about to: one more Ctrl-C must not turn its exit code
        # into that of a process which died of the signal
        for number, handler in before.items() if not asked else ():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Let the same signals wait until this block is over: half a rollback helps nobody.

    They are masked, for the sake of the programs that are started in the block, which inherit that.
    A mask is of one thread, and the system gives a signal of the process to any other one that
    does not block it; Python then calls the handler in the main thread all the same. So the handler
    of `interruptible` only takes note meanwhile.
    """
    global _blocks  # noqa: PLW0603 - handlers of signals belong to the process
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _EXITS)
    _blocks += is_main
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        _blocks -= is_main
        if not _blocks and _waiting:
            signal.raise_signal(_waiting.pop(0))
