"""Turns the first request to end into an exception, so that a run rolls back before it ends."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from orchestrator.errors import Exit, Interrupted

_EXITS = {
    signal.SIGINT: Exit.INTERRUPTED,
    signal.SIGTERM: Exit.TERMINATED,
    signal.SIGHUP: Exit.TERMINATED,
}


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` in this block at the first INT, TERM or HUP."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            return  # children are being ended and files put back: that has to come to its end
        asked = True
        raise Interrupted(_EXITS[signal.Signals(number)])

    before = {number: signal.signal(number, stop) for number in _EXITS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def held() -> Iterator[None]:
    """Let the same signals wait until this block is over: half a rollback helps nobody."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _EXITS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
