"""Tells which files below the top of the repository are written to, by which test, and are read.

It runs inside the interpreter of the project under migration: standard library only, Python 3.8.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict, List, Set

_DUMPS = json.dumps  # a test may replace it
_HARMLESS = frozenset(
    ["cc", "file", "gcc", "git", "hostname", "ld", "ldconfig", "locale", "lscpu", "sysctl", "uname"]
)
"""Programs that are asked about the machine or the history, and do not read what is edited."""


class Files:
    """Hears of every file that Python code of this process reads, writes, renames or removes.

    Each is told once, as one line in one write: every process of the run appends to the same file.
    What a program reads that is started, nobody hears: that it was started is told.
    """

    _CHANGING = frozenset(
        ["os.remove", "os.rename", "os.truncate", "os.rmdir", "os.link", "os.symlink",
         "os.chmod", "shutil.rmtree"]
    )  # fmt: skip
    _STARTING = frozenset(
        ["subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system"]
    )
    _WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def __init__(self, settings: Dict[str, Any]) -> None:
        self._top = settings["top"] + os.sep
        self._depth = len(list(filter(None, settings["folder"].split("/"))))
        self._out = os.open(settings["touched"], os.O_WRONLY | os.O_APPEND)
        self._has_workers = bool(settings["workers"])
        self._prefix = (sys.pycache_prefix or "").rstrip(os.sep)
        self._told: Set[str] = set()
        self._read: Set[str] = set()

    def __call__(self, event: str, args: Any) -> None:
        """Hear of one audit event."""
        if event == "open":
            if not args[2] & self._WRITING:
                if isinstance(args[0], str):
                    self._tell_read(args[0])
                return
            paths = args[:1]
        elif event in self._CHANGING:
            paths = args[:2]
        elif event in self._STARTING:
            self._tell_started(args)
            return
        else:
            return
        for path in paths:
            if isinstance(path, (str, bytes, os.PathLike)):
                self._tell(os.fsdecode(path))

    def _tell(self, path: str) -> None:
        full = os.path.normpath(os.path.join(_getcwd(), path))
        if not full.startswith(self._top) or full in self._told:
            return
        self._told.add(full)
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        self._write({"path": full[len(self._top) :].replace(os.sep, "/"), "by": test})

    def _tell_read(self, path: str) -> None:
        if path in self._read:
            return
        self._read.add(path)
        full = os.path.normpath(os.path.join(_getcwd(), path))
        if full.endswith(".pyc"):
            full = self._source_of(full)
        if full.startswith(self._top) and full not in self._told:
            self._write({"read": full[len(self._top) :].replace(os.sep, "/")})

    def _source_of(self, compiled: str) -> str:
        """The file whose code is kept in `__pycache__`, by Python or by pytest."""
        folder, name = os.path.split(compiled)
        if self._prefix and folder.startswith(self._prefix + os.sep):
            folder = folder[len(self._prefix) :]
        elif os.path.basename(folder) == "__pycache__":
            folder = os.path.dirname(folder)
        return os.path.join(folder, name.partition(".")[0] + ".py")

    def _tell_started(self, args: Any) -> None:
        words = [w for w in (args[1] if len(args) > 1 else args) or () if isinstance(w, str)]
        program = os.path.basename(os.fsdecode(args[0]) if args[0] is not None else "")
        if self._has_workers and "exec(eval(sys.stdin.readline()))" in " ".join(words):
            return  # a worker of pytest-xdist, which has a hook of its own
        if program not in _HARMLESS and program not in self._told:
            self._told.add(program)
            self._write({"started": program})

    def tell_elsewhere(self, edited: List[str]) -> None:
        """Tell which edited files are modules that were imported from another place."""
        for path in edited:
            own = os.path.realpath(os.path.join(self._top, path))
            for name in self._module_names(path):
                file = getattr(sys.modules.get(name), "__file__", None)
                real = os.path.realpath(file) if isinstance(file, str) else own
                if real != own and not real.startswith(os.path.realpath(self._top) + os.sep):
                    self._write({"path": path, "from": real})

    def _module_names(self, path: str) -> List[str]:
        """The names an edited file is imported by: of its package, or from the top or `src`."""
        if not path.endswith(".py"):
            return []
        parts = path[: -len(".py")].split("/")
        start = len(parts) - 1
        while start and os.path.exists(os.path.join(self._top, *parts[:start], "__init__.py")):
            start -= 1
        in_no_package = [0, self._depth]
        in_no_package += [at + 1 for at in in_no_package if parts[at : at + 1] == ["src"]]
        starts = [start] if start < len(parts) - 1 else in_no_package
        names = [[p for p in parts[at:] if p != "__init__"] for at in starts]
        return sorted({".".join(name) for name in names if name})

    def _write(self, values: Dict[str, str]) -> None:
        os.write(self._out, (_DUMPS(values) + "\n").encode("ascii"))


def _getcwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return os.sep
