"""Tells which files below the top of the repository are written to, and by which test.

It runs inside the interpreter of the project under migration: standard library only, Python 3.8.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict, List, Set

_DUMPS = json.dumps  # a test may replace it


class Writes:
    """Hears of every file that Python code of this process writes, renames or removes.

    Each is told once, as one line in one write: every process of the run appends to the same file.
    """

    _CHANGING = frozenset(
        ["os.remove", "os.rename", "os.truncate", "os.rmdir", "os.link", "os.symlink",
         "os.chmod", "shutil.rmtree"]
    )  # fmt: skip
    _WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

    def __init__(self, settings: Dict[str, Any]) -> None:
        self._top = settings["top"] + os.sep
        self._out = os.open(settings["wrote"], os.O_WRONLY | os.O_APPEND)
        self._told: Set[str] = set()

    def __call__(self, event: str, args: Any) -> None:
        """Hear of one audit event."""
        if event == "open":
            if not args[2] & self._WRITING:
                return
            paths = args[:1]
        elif event in self._CHANGING:
            paths = args[:2]
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

    def tell_elsewhere(self, edited: List[str]) -> None:
        """Tell which edited files were imported, by the same path, below another top only."""
        here = os.path.realpath(self._top)
        files = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
        loaded = {os.path.realpath(file) for file in files if isinstance(file, str)}
        for path in edited:
            own = os.path.join(here, path.replace("/", os.sep))
            ending = os.sep + path.replace("/", os.sep)
            others = [file for file in loaded if file.endswith(ending) and file != own]
            if others and own not in loaded:
                self._write({"path": path, "from": sorted(others)[0]})

    def _write(self, values: Dict[str, str]) -> None:
        os.write(self._out, (_DUMPS(values) + "\n").encode("ascii"))


def _getcwd() -> str:
    try:
        return os.getcwd()
    except OSError:  # it was removed
        return os.sep
