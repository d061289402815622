"""Loads what tests import of installed packages once, and forks itself for every run of pytest.

It runs inside the interpreter of the project under migration: standard library only, Python 3.8,
Linux. Its first argument is the descriptor of a socket. On it come paths of JSON files: first what
to load (see `orchestrate_imports`), then, each with two descriptors beside it, runs to fork:

    argv   the arguments of pytest
    cwd    where it runs
    env    its environment, whole

The first is answered by one line, `{"ready": …}` or `{"unfit": why, "module": name or null}`:
without that module, and what cannot do without it, this process may be fit. Of a run, its output
goes to the first descriptor; the second is told `pid N`, then `exit N`.

Between this process and a run stands one that waits for it: what the run leaves behind becomes its
child, and is ended. Nothing of the repository is loaded here, and nobody is started.
"""

from __future__ import annotations

import array
import contextlib
import gc
import importlib
import json
import os
import random
import runpy
import signal
import socket
import sys
import time
import warnings
from typing import Any, Dict, List, NamedTuple, NoReturn, Optional, Set, Tuple

_PR_SET_CHILD_SUBREAPER = 36
_PATH_BYTES = 4096


class Unfit(Exception):
    """This process may not be forked, because of a module where one is known."""

    def __init__(self, why: str, module: Optional[str] = None) -> None:
        super().__init__(why)
        self.why = why
        self.module = module


class Loaded(NamedTuple):
    """Each file as it looked, what packages made of the environment, and modules no test loads."""

    files: Dict[str, Tuple[int, int]]
    made: Dict[str, Optional[str]]
    own: Set[str]


def main() -> None:
    """Load, then fork for every run that is asked for, until nobody asks any more."""
    asked = socket.socket(fileno=int(sys.argv[1]))
    path, _ = _received(asked)
    started = time.time()
    try:
        loaded = _load(_read(path))
    except Unfit as unfit:
        asked.sendall(_line({"unfit": unfit.why, "module": unfit.module}))
        return
    asked.sendall(_line({"ready": time.time() - started, "modules": len(loaded.files)}))
    while True:
        path, descriptors = _received(asked)
        if not path:
            return
        _reap()
        if changed := _changed(loaded.files):
            os.write(descriptors[1], ("changed %s\n" % changed).encode("utf-8", "replace"))
        elif os.fork() == 0:
            asked.close()
            _attend(_read(path), loaded, descriptors[0], descriptors[1])
        for descriptor in descriptors:
            os.close(descriptor)


def _load(wanted: Dict[str, Any]) -> Loaded:
    """Import what is wanted.

    Raises:
        Unfit: something was loaded that the tests do not load, or a thread or socket came of it.
    """
    hook = _rewriting(wanted["rewritten"], wanted["patterns"])
    sys.meta_path.insert(0, hook)
    before, opened, filters = dict(os.environ), _open_files(), list(warnings.filters)
    files, known, seen = dict(wanted["modules"]), set(wanted["known"]), set(sys.modules)
    own = seen - known - set(files) - {"__main__"}
    installed = set(files.values())
    gc.disable()  # what is imported lives on
    blocked = _Blocked({*wanted["foreign"], *wanted["left_out"]})
    sys.meta_path.insert(0, blocked)
    counts = _Counts()
    made: Dict[str, Optional[str]] = {}
    environ: Dict[int, Dict[str, Optional[str]]] = {}
    for number, changed in wanted["environ"]:
        environ.setdefault(number, {}).update(changed)
    for number, name in enumerate(files):
        _set_environment(environ.get(number, {}))
        if name not in sys.modules and name not in blocked.names:
            was = dict(os.environ)
            _try_to_import(name)
            blocked.check()
            _drop_orphans(set(sys.modules) - seen)
            counts.look(name)
            now = dict(os.environ)
            made.update({n: now.get(n) for n in {*now, *was} if now.get(n) != was.get(n)})
        _check_new(name, set(sys.modules) - seen, installed, known)
        seen = set(sys.modules)
    _set_environment(dict(dict.fromkeys(os.environ), **before))
    warnings.filters[:] = filters  # type: ignore[index]  # what a package sets, pytest takes back
    sys.meta_path.remove(hook)
    sys.meta_path.remove(blocked)
    if left := _open_files() - opened:
        raise Unfit("a file or socket stays open: %s" % sorted(left)[0], counts.first_file)
    _check_threads(counts.first_thread)
    gc.enable()
    gc.collect()
    gc.freeze()  # until a run begins: pages that nobody writes to are shared
    return Loaded({file: _stamp(file) for file in files.values()}, made, own)


def _try_to_import(name: str) -> None:
    """Import a module, unless it needs the repository, or what is set up there."""
    with contextlib.suppress(BaseException):  # whatever a package raises
        importlib.import_module(name)


def _drop_orphans(new: Set[str]) -> None:
    """Forget parts of a package that could not be imported: they will come with it in a run."""
    for name in new:
        parts = name.split(".")
        if any(".".join(parts[:end]) not in sys.modules for end in range(1, len(parts))):
            del sys.modules[name]


class _Blocked:
    """Finds nothing of the repository; a package that does without it would not be what it is."""

    def __init__(self, names: Set[str]) -> None:
        self.names = names
        self._missed: List[Tuple[str, List[str]]] = []

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Find no module of these names, and remember what was being imported then."""
        if name in self.names:
            self._missed.append((name, [n for n, m in list(sys.modules.items()) if _begun(m)]))
            raise ModuleNotFoundError("%s is not loaded here" % name, name=name)

    def check(self) -> None:
        """Make sure that nothing was loaded that missed one of them."""
        missed, self._missed = self._missed, []
        for name, importers in missed:
            if loaded := [importer for importer in importers if importer in sys.modules]:
                raise Unfit("it goes on without %s, which is not loaded here" % name, loaded[-1])


def _begun(module: Any) -> bool:
    """Whether the import of a module has not come to its end."""
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))


class _Counts:
    """Remembers which import made the first thread, and which left the first file open."""

    def __init__(self) -> None:
        self.first_thread: Optional[str] = None
        self.first_file: Optional[str] = None
        self._files = len(os.listdir("/proc/self/fd"))

    def look(self, name: str) -> None:
        """Look at what there is after an import."""
        if self.first_thread is None and len(os.listdir("/proc/self/task")) > 1:
            self.first_thread = name
        if self.first_file is None and len(os.listdir("/proc/self/fd")) > self._files:
            self.first_file = name


def _check_new(name: str, new: Set[str], files: Set[str], known: Set[str]) -> None:
    for odd in new - {"__mp_main__"}:  # another name of this module
        file = getattr(sys.modules[odd], "__file__", None)
        if odd not in known:
            raise Unfit("it loads %s, which the tests do not" % odd, name)
        if isinstance(file, str) and os.path.realpath(file) not in files:
            raise Unfit("it loads %s from %s, and the tests do not" % (odd, file), name)


def _set_environment(changes: Dict[str, Optional[str]]) -> None:
    for variable, value in changes.items():
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = value


def _rewriting(names: List[str], patterns: List[str]) -> Any:
    """The hook by which pytest loads plug-ins, so that they are what they are in a run."""
    from _pytest.assertion import AssertionState
    from _pytest.assertion.rewrite import AssertionRewritingHook, assertstate_key
    from _pytest.config import get_config

    class Settings:
        """As much of pytest's configuration as the hook asks for."""

        def __init__(self) -> None:
            real = get_config([])
            self.trace, self.stash = real.trace, real.stash

        def getini(self, name: str) -> Any:
            return patterns if name == "python_files" else False

        def issue_config_time_warning(self, warning: Any, stacklevel: int) -> None:
            pass

    config: Any = Settings()
    config.stash[assertstate_key] = AssertionState(config, "rewrite")
    hook = AssertionRewritingHook(config)
    hook.mark_rewrite(*names)
    return hook


def _check_threads(first: Optional[str]) -> None:
    """Fork once for trial: threads that end themselves before a fork are no obstacle.

    Raises:
        Unfit: there are others.
    """
    child = os.fork()
    if child == 0:
        os._exit(0)
    threads = len(os.listdir("/proc/self/task"))
    os.waitpid(child, 0)
    if threads > 1:
        raise Unfit("%d threads are at work after the imports" % threads, first)


def _attend(run: Dict[str, Any], loaded: Loaded, output: int, told: int) -> NoReturn:
    """Start the run as a child, wait for it, end what it leaves, and tell how it ended."""
    waits, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(told)
        os.close(go)
        os.read(waits, 1)  # its end: until somebody takes care of what this leaves behind
        os.close(waits)
        _become(run, loaded, output)
    import ctypes  # not in the run, which would not have loaded it

    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.close(waits)
    os.close(go)
    os.write(told, b"pid %d\n" % child)
    os.close(output)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)  # its number is still its own
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    _end_children()
    code = -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    os.write(told, b"exit %d\n" % code)
    os._exit(0)


def _end_children() -> None:
    """End what became a child of this process because its own parent is gone."""
    at = "/proc/self/task/%d/children" % os.getpid()
    while True:
        with open(at) as stream:
            children = [int(word) for word in stream.read().split()]
        if not children:
            return
        for child in children:
            try:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
            except OSError:
                pass


def _become(run: Dict[str, Any], loaded: Loaded, output: int) -> NoReturn:
    """Turn this process into `python -m pytest ARGV`; never returns."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, max(nothing, output, int(sys.argv[1])) + 1)
    os.chdir(run["cwd"])
    os.environ.clear()
    os.environ.update(run["env"])
    _set_environment(loaded.made)
    gc.unfreeze()
    random.seed()
    if (numpy := sys.modules.get("numpy.random")) is not None:
        numpy.seed()
    sys.argv = ["pytest", *run["argv"]]
    sys.path[0] = run["cwd"]
    importlib.invalidate_caches()
    leave = _leave
    for name in loaded.own:
        sys.modules.pop(name, None)
    _forget()
    try:
        runpy._run_module_as_main("pytest")  # type: ignore[attr-defined]  # noqa: SLF001 - what -m is
    except SystemExit as ended:
        leave(ended.code)
    except BaseException:  # noqa: BLE001 - the end of the process
        sys.excepthook(*sys.exc_info())
        leave(1)
    leave(0)


def _leave(code: Any) -> NoReturn:
    """End as an interpreter does, all but taking apart what is loaded: that takes a second.

    Everything of the run was told by then.
    """
    import atexit
    import os
    import sys
    import threading

    if code is not None and not isinstance(code, int):
        sys.stderr.write("%s\n" % (code,))
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - threads are waited for
        atexit._run_exitfuncs()  # noqa: SLF001 - what is registered is done
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(0 if code is None else code if isinstance(code, int) else 1)


def _forget() -> None:
    """Leave nothing of this module in `__main__`, which is pytest's from now on."""
    space = sys.modules["__main__"].__dict__
    for name in [name for name in space if not name.startswith("__")]:
        if name not in {"runpy", "sys"}:
            del space[name]


def _received(asked: socket.socket) -> Tuple[str, List[int]]:
    """The next message with its descriptors; nothing where the other side is gone."""
    descriptors = array.array("i")
    try:
        text, beside, _, _ = asked.recvmsg(_PATH_BYTES, socket.CMSG_LEN(2 * descriptors.itemsize))
    except OSError:
        return "", []
    for level, kind, data in beside:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            descriptors.frombytes(data)
    return text.decode("utf-8", "surrogateescape"), list(descriptors)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except OSError:
        pass


def _changed(files: Dict[str, Tuple[int, int]]) -> Optional[str]:
    return next((file for file, stamp in files.items() if _stamp(file) != stamp), None)


def _stamp(file: str) -> Tuple[int, int]:
    try:
        status = os.stat(file)
    except OSError:
        return 0, 0
    return status.st_mtime_ns, status.st_size


def _open_files() -> Set[str]:
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # the listing's own
            found.add(os.readlink("/proc/self/fd/" + name))
    return found


def _read(path: str) -> Dict[str, Any]:
    with open(path, encoding="ascii") as stream:
        read: Dict[str, Any] = json.load(stream)
    return read


def _line(values: Dict[str, Any]) -> bytes:
    return (json.dumps(values) + "\n").encode("ascii")


if __name__ == "__main__":
    main()
