"""Finds the test files of a repository that may derive from a class of another file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache
from glob import glob
from pathlib import Path

from orchestrator.base.reading import read_regular
from orchestrator.project.pytest_config import PytestSettings, settings_for

_CLASS = re.compile(rb"^[ \t]*class[ \t]+\w+[ \t]*\(([^)]*)\)", re.MULTILINE)
_ALIAS = re.compile(rb"\b(\w+)[ \t]+as[ \t]+(\w+)")
_NAME = re.compile(rb"\w+")
_NEVER = {".git", "__pycache__", "node_modules", "site-packages"}


@cache
def bases_named(top: Path) -> dict[bytes, list[Path]]:
    """The test files below `top` by the names they derive classes from, aliases looked through.

    A look at the bytes, once in a process: a name too many costs a parse later, and none is missed
    but what is computed.
    """
    found: dict[bytes, list[Path]] = {}
    for path in test_files(top):
        try:
            data = read_regular(path)
        except OSError:
            continue
        names = {name for bases in _CLASS.findall(data) for name in _NAME.findall(bases)}
        if names:
            names |= {old for old, new in _ALIAS.findall(data) if new in names}
            for name in names:
                found.setdefault(name, []).append(path)
    return found


def may_derive_from(name: str, top: Path) -> list[Path]:
    """The test files that may hold a class derived from one called `name`."""
    return bases_named(top).get(name.encode(), [])


def test_files(top: Path) -> Iterator[Path]:
    """The files pytest would take for tests, below `testpaths` or everywhere."""
    names = settings_for(top, "test_it.py").testpaths
    roots = [top / path for name in names for path in sorted(glob(name, root_dir=top))]  # noqa: PTH207 - a path from / too
    for root in roots or [top]:
        if root.is_file():
            yield root
        for folder, folders, files in os.walk(root):
            at = os.path.relpath(folder, top).replace(os.sep, "/")
            settings = settings_for(top, f"{at}/test_it.py")
            folders[:] = [f for f in folders if f not in _NEVER and not _is_venv(folder, f)]
            yield from (Path(folder, f) for f in files if _is_test(f"{at}/{f}", settings))


def _is_test(path: str, settings: PytestSettings) -> bool:
    return path.endswith(".py") and settings.collects_file(path.removeprefix("./"))


def _is_venv(folder: str, name: str) -> bool:
    return Path(folder, name, "pyvenv.cfg").exists()
