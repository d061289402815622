"""Forks the Python programs that the program starts, from the process that has loaded them.

Used by the forks of `forked.py` alone: pytest, the fixer's process and the workers take half a
second each to load what is loaded there. With the variable ORCHESTRATE_TESTS_START in the
environment every process is started as it is for a user.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import inspect
import io
import os
import random
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

ALWAYS_START = "ORCHESTRATE_TESTS_START"
FORKED = {"pytest", "orchestrator.fixers.child", "orchestrator.parallel.worker"}
"""The modules that are forked where they are started by `python -m`."""

# typeshed leaves out what is private; the names of its parameters are the same in 3.11 to 3.13
_EXECUTE = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
_READ_AT_START = ("LANG", "LC_", "PYTHON")
_NOT_READ = {"PYTHONHASHSEED", "PYTHONPATH", "PYTHONPYCACHEPREFIX", "PYTHONUNBUFFERED"}

_plain: frozenset[str] = frozenset()
"""The modules a process of pytest may have, which knows nothing of ours."""


def load_pytest() -> None:
    """Load what every process of pytest loads; called before anything of ours is loaded."""
    global _plain  # noqa: PLW0603 - set once, by the one process that loads; its forks read it
    from _pytest.config import default_plugins

    beside = ("pytest", "asyncio", "unittest.mock", "email.parser", "pdb", "readline", "tomllib")
    execnet = ("execnet.gateway", "execnet.multi", "execnet.rsync")  # what xdist loads
    for name in (*beside, *execnet, *(f"_pytest.{name}" for name in default_plugins)):
        importlib.import_module(name)
    _plain = frozenset(sys.modules)


@dataclass(frozen=True, slots=True)
class _Program:
    """`python [-P] -m module arguments`, as it would be started."""

    module: str
    arguments: Sequence[str]
    is_safe: bool
    cwd: str
    env: Mapping[str, str]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> _Program | None:
        """The program to fork; None where it has to be started."""
        args, env = given["args"], given["env"]
        if ALWAYS_START in os.environ or given["shell"] or given["preexec_fn"]:
            return None
        if not isinstance(args, list) or given["executable"] not in {None, args[0]}:
            return None
        python, *words = map(os.fspath, args)
        is_safe = words[:1] == ["-P"]
        words = words[is_safe:]
        if words[:1] != ["-m"] or words[1] not in FORKED or python != sys.executable:
            return None
        env = dict(os.environ if env is None else env)
        cwd = str(given["cwd"] or Path.cwd())
        if not Path(cwd).is_dir() or _differs(env):
            return None
        return cls(words[1], words[2:], is_safe, cwd, env)


def _differs(env: Mapping[str, str]) -> bool:
    """Whether a Python that is started reads other settings than this one did."""
    names = {name for name, _ in _env_at_start.items() ^ env.items()} - _NOT_READ
    return any(name.startswith(_READ_AT_START) for name in names)


_env_at_start = dict(os.environ)
"""With the seed of hashes that runs of pytest are given; what is started without has a random one."""


class ForkedPopen(subprocess.Popen[Any]):
    """Popen that forks where it may."""

    def _execute_child(self, *arguments: Any) -> None:
        given = _EXECUTE.bind(self, *arguments).arguments
        if (program := _Program.of(given)) is None:
            super()._execute_child(*arguments)  # type: ignore[misc]  # private, see _EXECUTE
            return
        sys.stdout.flush()
        sys.stderr.flush()
        if (pid := os.fork()) == 0:
            _become(program, given)
        self.pid = pid
        self._child_created = True
        self._close_pipe_fds(*(given[name] for name in _PIPES))  # type: ignore[attr-defined]  # private as well


_PIPES = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


def _become(program: _Program, given: Mapping[str, Any]) -> NoReturn:
    """Be the program from its first line to its exit code."""
    try:
        _like_one_that_was_started(program, given)
        runpy.run_module(program.module, run_name="__main__", alter_sys=True)
        end(None)
    except SystemExit as ended:
        end(ended.code)
    except BaseException:  # noqa: BLE001 - as at the end of any program: printed, exit code 1
        traceback.print_exc()
        end(1)


def _like_one_that_was_started(program: _Program, given: Mapping[str, Any]) -> None:
    atexit._clear()
    if given["start_new_session"]:
        os.setsid()
    if given["process_group"] >= 0:
        os.setpgid(0, given["process_group"])
    _take_streams(given)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGALRM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.chdir(program.cwd)
    os.environ.clear()
    os.environ.update(program.env)
    tempfile.tempdir = None
    random.seed()
    if program.module == "pytest":
        ours = [name for name in sys.modules if name not in _plain]
        _kept.extend(sys.modules.pop(name) for name in ours)
    sys.argv = [program.module, *program.arguments]
    first = [] if program.is_safe else [program.cwd]
    paths = program.env.get("PYTHONPATH", "")
    sys.path[:] = [*first, *(path for path in paths.split(os.pathsep) if path), *_search]
    sys.path_importer_cache.clear()


_kept: list[object] = []
"""What the child has in memory and must not take apart."""

_search: list[str] = []


def remember_search() -> None:
    """Remember where a Python that is started looks for modules, but for its own folder."""
    given = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    _search[:] = [path for path in sys.path[1:] if path not in given]


def _take_streams(given: Mapping[str, Any]) -> None:
    for name, number in (("p2cread", 0), ("c2pwrite", 1), ("errwrite", 2)):
        if given[name] != -1:
            os.dup2(given[name], number)
    kept = {0, 1, 2, *given["pass_fds"]}
    for entry in [*Path("/proc/self/fd").iterdir()]:
        if int(entry.name) not in kept:
            with contextlib.suppress(OSError):
                os.close(int(entry.name))
    for number in given["pass_fds"]:
        os.set_inheritable(number, True)
    encoding = sys.__stderr__.encoding if sys.__stderr__ else "utf-8"
    # sys declares the streams of the start as constant; a process that is forked has others
    reader = io.BufferedReader(io.FileIO(0, closefd=False))
    sys.stdin = sys.__stdin__ = io.TextIOWrapper(reader, encoding)  # type: ignore[misc]
    sys.stdout = sys.__stdout__ = _writer(1, encoding, "strict")  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _writer(2, encoding, "backslashreplace")  # type: ignore[misc]


def _writer(number: int, encoding: str, errors: str) -> io.TextIOWrapper:
    """A stream as Python makes it when it starts."""
    buffered = io.BufferedWriter(io.FileIO(number, "w", closefd=False))
    return io.TextIOWrapper(buffered, encoding, errors, line_buffering=number == 2)


def end(code: object) -> NoReturn:
    """End as Python does, without taking apart what a process that is gone needs no more."""
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    if isinstance(code, str):
        sys.stderr.write(f"{code}\n")
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
