"""Looks at every test file of a project, over processes, and at none twice that did not change."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.reading import read_regular
from orchestrator.fixers.outcome import Source
from orchestrator.memory_safety.fixer.counting import facts_of
from orchestrator.memory_safety.fixer.reading.module import Parsed
from orchestrator.memory_safety.fixer.values.facts import FileFacts
from orchestrator.memory_safety.fixer.values.options import Require
from orchestrator.memory_safety.scan.cache import Seen, remembered
from orchestrator.project.discover import discovered
from orchestrator.project.pytest_config import settings_for

_WORTH_PROCESSES = 60
"""Files; fewer are looked at faster than processes start."""
_PARTS_A_WORKER = 4


@dataclass(frozen=True, slots=True)
class Survey:
    """What the test files of a project hold, by path; `looked_at` of them were not remembered.

    `conftests` are the conftest files beside them, of which only mocks and fixtures count.
    """

    top: Path
    files: Sequence[FileFacts]
    conftests: Sequence[FileFacts]
    looked_at: int


def survey(given: Sequence[str], *, here: Path, top: Path, exclude: Sequence[str] = ()) -> Survey:
    """The test files below `given` (default: the project's `testpaths`) with what they hold.

    Raises:
        BadInput: there is nothing of that name, or it lies outside the project.
    """
    paths = [
        path
        for path in discovered(given, here=here, top=top, exclude=exclude)
        if is_conftest(path) or settings_for(top, path).collects_file(path)
    ]
    memory = remembered(top, given, paths)
    missing = [path for path in paths if path not in memory.known]
    for seen in _looked(missing, top):
        memory.known[seen.facts.path] = seen
    if missing:
        memory.keep()
    found = [memory.known[path].facts for path in paths]
    return Survey(
        top,
        [facts for facts in found if not is_conftest(facts.path)],
        [facts for facts in found if is_conftest(facts.path)],
        len(missing),
    )


def is_conftest(path: str) -> bool:
    """Whether pytest takes it for a conftest file."""
    return path.rpartition("/")[2] == "conftest.py"


def _looked(paths: Sequence[str], top: Path) -> Iterator[Seen]:
    workers = min(os.cpu_count() or 1, 8)
    if len(paths) < _WORTH_PROCESSES or workers == 1:
        gc.disable()  # syntax trees are many objects and no cycles worth finding
        try:
            yield from _some(paths, top)
        finally:
            gc.enable()
        return
    from concurrent.futures import ProcessPoolExecutor

    size = max(1, len(paths) // (workers * _PARTS_A_WORKER))  # neighbours share their helpers
    parts = [paths[at : at + size] for at in range(0, len(paths), size)]
    with ProcessPoolExecutor(workers, initializer=gc.disable) as pool:
        for found in pool.map(_some, parts, [top] * len(parts)):
            yield from found


def _some(paths: Sequence[str], top: Path) -> list[Seen]:
    parsed = Parsed()
    return [_one(path, top, parsed) for path in paths]


def _one(path: str, top: Path, parsed: Parsed) -> Seen:
    try:
        data = read_regular(top / path)
    except OSError as error:
        return Seen(FileFacts(path, by_hand=[f"cannot be read: {error.strerror}"]), ())
    facts, beside = facts_of(Source(path, data, {"require": Require.ALL.value}), top, parsed)
    return Seen(facts, tuple(beside))
