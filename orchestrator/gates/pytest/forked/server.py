"""The process that has loaded what tests need, as seen from here, and the runs forked from it."""

from __future__ import annotations

import array
import contextlib
import json
import os
import selectors
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from orchestrator.base import process, tempdirs
from orchestrator.gates.pytest.forked.imports import ImportLog
from orchestrator.project.interpreter import Interpreter

_MODULE = "orchestrate_warm"
_LOAD_LIMIT_S = 300.0
_FORK_LIMIT_S = 30.0
_LINE_BYTES = 4096


class NotForked(Exception):
    """A run could not be forked; `why` says what stands in the way, `module` whose doing it is."""

    def __init__(self, why: str, module: str | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.module = module


class EnvironmentChanged(NotForked):
    """A file that was loaded is another one by now."""


class Server:
    """Loads `imports` from its start on; a run is forked as soon as it is ready.

    Raises (`start`):
        EnvironmentChanged: a file that was loaded is another one by now.
        NotForked: it cannot load what it should, it is gone, or it does not answer.
    """

    def __init__(
        self, imports: ImportLog, python: Interpreter, cwd: Path, env: Mapping[str, str]
    ) -> None:
        """Start it in `cwd` with the environment that runs of pytest have."""
        self._all = contextlib.ExitStack()
        self._folder = Path(self._all.enter_context(tempdirs.folder("warm")))
        self._line, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._all.callback(self._line.close)
        self._ready = False
        self._runs = 0
        self.seconds = 0.0
        """How long it took to load all of it; 0 as long as that is not over."""

        command = [str(python.path), "-m", _MODULE, str(theirs.fileno())]
        with theirs:
            self._all.enter_context(
                process.serving(command, cwd=cwd, env=env, descriptor=theirs.fileno())
            )
        wanted = self._folder / "imports.json"
        wanted.write_text(imports.text, "ascii")
        self._send(wanted)

    def start(
        self, command: Sequence[str], cwd: Path, env: Mapping[str, str]
    ) -> process.ChildProcess:
        """Fork a run: `command` is `PYTHON -m pytest ARGUMENTS`."""
        self._wait_until_ready()
        self._runs += 1
        asked = self._folder / f"run-{self._runs}.json"
        run = {"argv": list(command[3:]), "cwd": str(cwd), "env": dict(env)}
        asked.write_text(json.dumps(run), "ascii")
        output, output_there = os.pipe()
        told, told_there = os.pipe()
        try:
            self._send(asked, output_there, told_there)
        except BaseException:
            os.close(output)
            os.close(told)
            raise
        finally:
            os.close(output_there)
            os.close(told_there)
        return Forked(output, told)

    def close(self) -> None:
        """End it; runs that were forked go on."""
        self._all.close()

    def _send(self, path: Path, *descriptors: int) -> None:
        beside = array.array("i", descriptors).tobytes()
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, beside)] if descriptors else []
        try:
            self._line.sendmsg([os.fsencode(path)], ancillary)
        except OSError as error:
            raise NotForked(f"the process that was to be forked is gone: {error}") from error

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        self._line.settimeout(_LOAD_LIMIT_S)
        try:
            line = self._line.recv(_LINE_BYTES)
        except OSError as error:
            raise NotForked(f"the packages were not loaded: {error}") from error
        said = json.loads(line or b"{}")
        if "ready" not in said:
            why = said.get("unfit", "the packages could not be loaded")
            raise NotForked(why, said.get("module"))
        self._line.settimeout(None)
        self._ready = True
        self.seconds = said["ready"]


class Forked:
    """A run that was forked: a `process.Child` whose parent is the server, not this process."""

    def __init__(self, output: int, told: int) -> None:
        """Follow a run by the pipes of its output and of what is told of it."""
        self.stdout: IO[bytes] | None = os.fdopen(output, "rb", buffering=0)
        self._told = os.fdopen(told, "rb", buffering=0)
        self._text = b""
        self.returncode: int | None = None
        self.pid = 0
        try:
            self.pid = int(self._first_line().removeprefix("pid "))
        except BaseException:
            self.stdout.close()
            self._told.close()
            raise

    def poll(self) -> int | None:
        """Look whether it has ended; its `returncode`."""
        if self.returncode is None:
            self._look(0.0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end.

        Raises:
            TimeoutExpired: it did not come within `timeout` seconds.
        """
        until_s = None if timeout is None else time.monotonic() + timeout
        while self.returncode is None:
            left_s = None if until_s is None else until_s - time.monotonic()
            if left_s is not None and left_s <= 0:
                raise subprocess.TimeoutExpired(["pytest"], timeout or 0.0)
            self._look(left_s)
        return self.returncode

    def _first_line(self) -> str:
        until_s = time.monotonic() + _FORK_LIMIT_S
        while b"\n" not in self._text:
            if self.returncode is not None or time.monotonic() > until_s:
                raise NotForked("the process that was to be forked does not answer")
            self._look(1.0)
        line, _, self._text = self._text.partition(b"\n")
        said = line.decode("utf-8", "replace")
        if said.startswith("changed "):
            self._told.close()
            raise EnvironmentChanged(f"{said.removeprefix('changed ')} changed")
        return said

    def _look(self, timeout_s: float | None) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._told, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return
        data = self._told.read(_LINE_BYTES) or b""
        self._text += data
        *_, last = [b"", *self._text.splitlines()]
        if self.pid and last.startswith(b"exit ") and self._text.endswith(b"\n"):
            self.returncode = int(last.removeprefix(b"exit "))
            self._told.close()
        elif not data:  # whoever waited for it is gone, and it with that
            self.returncode = -9
            self._told.close()
