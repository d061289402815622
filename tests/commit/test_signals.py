"""A request to end waits while it must, whichever thread the system gives it to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from orchestrator.base import signals
from orchestrator.base.signals import held, interruptible
from orchestrator.errors import Interrupted


@pytest.fixture
def another_thread() -> Iterator[None]:
    """One that blocks no signal, as those of libraries do."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    yield
    over.set()
    thread.join()


def asked_to_end(number: signal.Signals) -> None:
    """Send a signal, and wait until the handler has heard it."""
    os.kill(os.getpid(), number)
    until_s = time.monotonic() + 30
    while not signals._waiting and time.monotonic() < until_s:
        time.sleep(0.01)


def interrupted(number: signal.Signals, steps: list[str]) -> None:
    with interruptible():
        with held():
            with held():
                asked_to_end(number)
                steps.append("inner")
            steps.append("outer")
        steps.append("after")


def failing() -> None:
    with interruptible(), held():
        asked_to_end(signal.SIGTERM)
        raise ValueError("of another kind")


@pytest.mark.usefixtures("another_thread")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_waits_for_the_end_of_what_is_held(number: signal.Signals) -> None:
    steps: list[str] = []
    with pytest.raises(Interrupted):
        interrupted(number, steps)
    assert steps == ["inner", "outer"]


@pytest.mark.usefixtures("another_thread")
def test_a_signal_is_not_lost_where_what_is_held_fails() -> None:
    with pytest.raises(Interrupted) as caught:
        failing()
    assert isinstance(caught.value.__context__, ValueError)


def test_what_is_started_while_held_is_not_ended_by_the_terminal() -> None:
    with interruptible(), held():
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert {signal.SIGINT, signal.SIGTERM, signal.SIGHUP} <= blocked
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())


LATE = """
import os, signal, sys
from orchestrator.cli import main

class Late:
    def __init__(self): self.kill, self.pid, self.number = os.kill, os.getpid(), signal.{name}
    def __del__(self): self.kill(self.pid, self.number)

late = Late()
sys.argv = ["orchestrate", *{words}]
main()
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
@pytest.mark.parametrize(("words", "code"), [(["--version"], 0), (["check", "--nonsense"], 2)])
def test_a_signal_while_python_shuts_down_changes_no_exit_code(
    name: str, words: list[str], code: int
) -> None:
    program = LATE.format(name=name, words=words)
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert run.returncode == code, run.stderr
