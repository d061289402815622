"""The command line: each command finds the plan, makes one call, shows the answer."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn, TextIO

from orchestrator.base.plugins import loaded
from orchestrator.cli.programs import programs
from orchestrator.errors import Exit, OrchestrateError

_COMPLETION = "_ORCHESTRATE_COMPLETE"


def main() -> NoReturn:
    """Run `orchestrate`. What is typed most, or is a hook, starts without typer."""
    name, *rest = sys.argv[1:] or [""]
    if name in programs() and _COMPLETION not in os.environ:
        run_to_exit(lambda: loaded(programs()[name])(rest, prog=f"orchestrate {name}"))
    from orchestrator.cli.app import every_command, program_for

    program = every_command() if _COMPLETION in os.environ else program_for(sys.argv[1:])
    run_to_exit(lambda: program(prog_name="orchestrate"))


def main_check() -> NoReturn:
    """Run `orchestrate-check`, for hooks."""
    check = programs()["check"]
    run_to_exit(lambda: loaded(check)(sys.argv[1:], prog="orchestrate-check"))


def run_to_exit(program: Callable[[], Exit | None]) -> NoReturn:
    """Run a program to its exit code.

    One more Ctrl-C while its end is being told changes nothing of the end. Nor does one while
    Python shuts down: it gives every signal that has a handler back to the system first, which
    would end this process by the signal and not with its exit code.
    """
    try:
        _to_its_exit(program)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)


def _to_its_exit(program: Callable[[], Exit | None]) -> NoReturn:
    """Run it; the only place where our errors become exit codes."""
    if not sys.stdout.isatty():
        sys.stdout = _patient(sys.stdout)
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold what the terminal cannot show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    try:
        sys.exit(program() or Exit.DONE)
    except OrchestrateError as problem:
        from orchestrator.console import streams

        streams.error(problem)
        sys.exit(problem.exit_code)
    except BrokenPipeError:
        sys.stderr.close()  # nobody reads on; Python would complain about that at exit
        sys.exit(Exit.DONE)
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
    except OSError as problem:
        from orchestrator.base.disk_errors import disk_error

        if (refused := disk_error(problem)) is None:
            _tell_bug()
        sys.stderr.write(f"error: {refused.what}\nnext: {refused.next_step}\n")
        sys.stderr.flush()
        os._exit(Exit.DISK)  # not sys.exit: the interpreter would try to write once more
    except Exception:  # noqa: BLE001 - whatever comes here is a bug of ours, and is shown whole
        _tell_bug()


class _Patient(io.FileIO):
    """Standard output that goes on when nobody reads it any more: the answer is the exit code.

    `check | head -1` must not turn a no into a yes, and a run must not end in the middle.
    """

    def write(self, data: object) -> int:
        try:
            return super().write(data)  # type: ignore[arg-type]  # whatever the buffer gives
        except BrokenPipeError:
            return len(memoryview(data))  # type: ignore[arg-type]  # as above


def _patient(stream: TextIO) -> TextIO:
    try:
        raw = _Patient(stream.fileno(), "wb", closefd=False)
    except (OSError, ValueError):  # no file behind it
        return stream
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding=stream.encoding)


def _tell_bug() -> NoReturn:
    import traceback

    from orchestrator.console import streams

    streams.say(traceback.format_exc().rstrip("\n"))
    streams.say("this is a bug in orchestrate; nothing of it is your fault")
    streams.next_step("orchestrate status")
    sys.exit(Exit.BUG)
