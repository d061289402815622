"""Runs the program in forks of a process that has loaded it: most commands take less than a start.

A fork has the folder, environment and streams it is given, and ends as a process of its own does.
What Python reads while it starts is that of the first one; `fits` says where that would differ.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import json
import os
import pickle
import re
import signal
import socket
import subprocess
import sys
import tempfile
import types
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, cast

import forked_popen

T = TypeVar("T")

LIMIT_S = 300
_HEAD = 8
_READ_AT_START = ("LANG", "LC_", "PYTHON", "GIT_PYTHON_")
_STARTED = re.compile(r"\.probe|\.__main__$|^orchestrator\.parallel\.")
"""Modules that are programs, and those of the cluster."""


class Loaded:
    """A process that has loaded the program, and forks when it is asked to."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self._env = dict(os.environ)
        self._socket = ours
        with theirs:
            command = [sys.executable, __file__, str(theirs.fileno())]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, pass_fds=[theirs.fileno()],
                env=self._env | {"PYTHONHASHSEED": "0"},  # as pytest is started
            )  # fmt: skip

    def close(self) -> None:
        """End it: nobody asks any more."""
        self._socket.close()
        self._process.wait(LIMIT_S)

    @property
    def is_there(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def fits(self, env: Mapping[str, str]) -> bool:
        """Whether nothing that Python reads while it starts is another one in `env`."""
        differing = {name for name, _ in self._env.items() ^ env.items()}
        return not any(name.startswith(_READ_AT_START) for name in differing)

    def run(
        self, arguments: Sequence[str], cwd: Path, env: Mapping[str, str]
    ) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of `orchestrate ARGUMENTS`."""
        return self._asked([list(arguments), str(cwd), dict(env), None])

    def call(self, function: Callable[..., T], *arguments: object) -> T:
        """What a function of ours returns; what it raises is raised here."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "call")
            file.write_bytes(pickle.dumps((function, arguments)))
            code, out, err = self._asked([[], str(Path.cwd()), dict(os.environ), str(file)])
            assert code == 0, (code, out, err)
            raised, facts, result = pickle.loads(file.read_bytes())
        if raised is not None:
            error = raised.__new__(raised)
            error.args, error.__dict__ = facts
            raise error
        return cast("T", result)

    def _asked(self, wanted: list[object]) -> tuple[int, str, str]:
        request = json.dumps(wanted).encode()
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            self._socket.settimeout(LIMIT_S)
            head = len(request).to_bytes(_HEAD, "big")
            socket.send_fds(self._socket, [head], [out.fileno(), err.fileno()])
            self._socket.sendall(request)
            pid = int.from_bytes(received(self._socket, _HEAD), "big")
            try:
                code = int.from_bytes(received(self._socket, _HEAD), "big", signed=True)
            except TimeoutError:
                os.kill(pid, signal.SIGKILL)
                raise
            out.seek(0)
            err.seek(0)
            return code, _text(out.read()), _text(err.read())


_here: list[Loaded] = []


def loaded() -> Loaded:
    """The one of this process; a new one where a test has ended all its children."""
    if not _here or not _here[-1].is_there:
        _here.append(Loaded())
        atexit.register(_here[-1].close)
    return _here[-1]


def _text(data: bytes) -> str:
    return data.decode().replace("\r\n", "\n").replace("\r", "\n")


def received(connection: socket.socket, size: int) -> bytes:
    """So many bytes.

    Raises:
        EOFError: the other side has gone.
    """
    data = b""
    while len(data) < size:
        if not (more := connection.recv(size - len(data))):
            raise EOFError
        data += more
    return data


def _serve(connection: socket.socket) -> None:
    """Fork for each request until nobody is there to ask; the fork runs the program, and ends."""
    while True:
        head, streams, _, _ = socket.recv_fds(connection, _HEAD, 2)
        if not head:
            return
        request = received(connection, int.from_bytes(head, "big"))
        if (pid := os.fork()) == 0:
            connection.close()
            _become(streams, *json.loads(request))
        for stream in streams:
            os.close(stream)
        connection.sendall(pid.to_bytes(_HEAD, "big"))
        _, status = os.waitpid(pid, 0)
        code = os.waitstatus_to_exitcode(status)
        with contextlib.suppress(BrokenPipeError):
            connection.sendall(code.to_bytes(_HEAD, "big", signed=True))


def _become(
    streams: Sequence[int], arguments: list[str], cwd: str, env: dict[str, str], call: str | None
) -> None:
    """Be `python -m orchestrate ARGUMENTS`, or make a call that a file holds."""
    import uuid

    from orchestrator.base import process
    from orchestrator.cli import main

    # mypy lets no class be replaced; in this process alone, ours is what the program starts by
    subprocess.Popen = forked_popen.ForkedPopen  # type: ignore[misc]
    for stream, number in zip(streams, (1, 2), strict=True):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    process.RUN_ID = uuid.uuid4().hex
    sys.path[0] = cwd
    sys.path += [str(Path(__file__).parent)] if call else []
    sys.argv = ["orchestrate", *arguments]
    sys.modules["__main__"] = types.ModuleType("__main__")  # what is spawned would run this file
    try:
        main() if call is None else _answer(Path(call))
    except SystemExit as ended:
        forked_popen.end(ended.code)


def _answer(file: Path) -> None:
    function, arguments = pickle.loads(file.read_bytes())
    answer: tuple[type[Exception] | None, object, object]
    try:
        answer = None, None, function(*arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, the caller raises it again
        answer = type(error), (error.args, error.__dict__), None
    file.write_bytes(pickle.dumps(answer))
    sys.exit(0)


def _load() -> None:
    """Load every module of the program that it may need, with the libraries and what is made once.

    What was loaded is kept out of the garbage collector's sight: forks would copy its pages.
    """
    import importlib
    import pkgutil

    forked_popen.remember_search()
    forked_popen.load_pytest()
    import orchestrator

    for module in pkgutil.walk_packages(orchestrator.__path__, "orchestrator."):
        if not _STARTED.search(module.name):
            importlib.import_module(module.name)
    from orchestrator.base import templates
    from orchestrator.plan import load
    from orchestrator.report.message import BODY

    load._checked()
    templates._compiled(BODY)
    gc.collect()
    gc.freeze()


if __name__ == "__main__":
    asked = socket.socket(fileno=int(sys.argv[1]))
    _load()
    _serve(asked)
