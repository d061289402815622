"""Remembers what a run imported, its tests included, for a process that is to load it beforehand.

It runs inside the interpreter of the project under migration: standard library only, Python 3.8.
Told are, as one JSON object:

    modules    [name, file] of every installed or standard module, as their imports began
    known      every name that stood in `sys.modules`
    foreign    those of modules that are not installed: the repository's
    environ    [index, {name: value or null}]: what changed of the environment before that import
    rewritten  what pytest was told to rewrite the assertions of
    patterns   the files it does so in by their names
    unfit      why no process may be forked that holds all this; null where nothing is known
"""

from __future__ import annotations

import json
import os
import sys
import sysconfig
from typing import Any, Dict, List, Optional, Tuple

_DUMPS = json.dumps  # a test may replace it
_GPU = ("cupy", "jax", "tensorflow")


class Imports:
    """Hears of every import of this process until `tell` is called; `top` is the repository's."""

    def __init__(self, out: str, top: str) -> None:
        self._out = out
        self._top = os.path.realpath(top) + os.sep
        self._environ = dict(os.environ)
        self._changes: List[Tuple[int, Dict[str, Optional[str]]]] = []
        self._order: Dict[str, None] = dict.fromkeys(sys.modules)
        self._listens = True

    def __call__(self, event: str, args: Any) -> None:
        """Hear of one audit event; `importlib.import_module` raises none, what it leads to does."""
        if event != "import" or not self._listens:
            return
        self._look_at_environment()
        parts = args[0].split(".")
        for end in range(1, len(parts) + 1):
            self._order.setdefault(".".join(parts[:end]))

    def _look_at_environment(self) -> None:
        now, before = dict(os.environ), self._environ
        if now != before:
            changed: Dict[str, Optional[str]] = {
                name: now.get(name) for name in {*now, *before} if now.get(name) != before.get(name)
            }
            self._changes.append((len(self._order), changed))
            self._environ = now

    def tell(self, rewritten: List[str], patterns: List[str]) -> None:
        """Write down what was heard; nothing is heard after it."""
        if not self._listens:
            return
        self._look_at_environment()
        self._listens = False
        known = list(sys.modules)
        folders = _folders()  # loads more
        self._order.update(dict.fromkeys(known))
        modules: List[List[str]] = []
        foreign: List[str] = []
        index: List[int] = []
        for name in self._order:
            index.append(len(modules))
            file = _file(name)
            if file is not None and _is_installed(file, folders, self._top):
                modules.append([name, os.path.realpath(file)])
            elif file is not None:
                foreign.append(name)
        told = {
            "modules": modules,
            "known": known,
            "foreign": foreign,
            "environ": [[(*index, len(modules))[at], changed] for at, changed in self._changes],
            "rewritten": sorted(rewritten),
            "patterns": list(patterns),
            "unfit": _unfit(),
        }
        with open(self._out, "w", encoding="ascii") as stream:
            stream.write(_DUMPS(told))


def _folders() -> Tuple[str, ...]:
    """Where installed and standard modules are, each with a slash at its end."""
    paths = sysconfig.get_paths()
    found = [paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple({folder + os.sep for path in found for folder in (path, os.path.realpath(path))})


def _is_installed(file: str, folders: Tuple[str, ...], top: str) -> bool:
    """Whether no edit of the repository reaches it; it may be a link to a store of packages."""
    real = os.path.realpath(file)
    return real.startswith(folders) or (file.startswith(folders) and not real.startswith(top))


def _file(name: str) -> Optional[str]:
    """Where a module came from; None of one without a file, or that is another one's second name.

    A package may put an object of its own in the place of a module, which has no spec.
    """
    module = sys.modules.get(name)
    spec, file = getattr(module, "__spec__", None), getattr(module, "__file__", None)
    if not isinstance(file, str) or (spec is not None and getattr(spec, "name", name) != name):
        return None
    return file


def _unfit() -> Optional[str]:
    if getattr(sys.modules.get("gevent.monkey"), "saved", None):
        return "gevent replaced parts of the standard library"
    if getattr(sys.modules.get("eventlet.patcher"), "already_patched", None):
        return "eventlet replaced parts of the standard library"
    for name in _GPU:
        if name in sys.modules:
            return name + " may hold a device"
    cuda = getattr(sys.modules.get("torch"), "cuda", None)
    if cuda is not None and cuda.is_initialized():
        return "torch holds a device"
    return None
