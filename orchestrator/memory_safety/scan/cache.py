"""Remembers what files hold by their git blob ids, so that what did not change is not parsed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from orchestrator import __version__
from orchestrator.base.blob import blob_id
from orchestrator.base.cache import cache_folder, kept, recalled
from orchestrator.base.reading import read_regular
from orchestrator.memory_safety.fixer.values.facts import FileFacts
from orchestrator.project.pytest_config import CONFIGURATIONS

_RACY_NS = 2_000_000_000
"""A file that was changed this short before it was looked at may change again unnoticed."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file holds, and the other files that were looked at for it."""

    facts: FileFacts
    beside: tuple[str, ...]


@dataclass(slots=True)
class _State:
    """A file as it was: modification time in ns, size in bytes, id of its contents ("": gone)."""

    mtime: int
    size: int
    blob: str


@dataclass(slots=True)
class ScanCache:
    """What is known of the files of one project, to be filled and kept."""

    top: Path
    file: Path
    surroundings: str
    known: dict[str, Seen] = field(default_factory=dict)
    _states: dict[str, _State] = field(default_factory=dict)

    def keep(self) -> None:
        """Write it down in the user's cache; where that is impossible it costs only time."""
        for seen in self.known.values():
            for path in (seen.facts.path, *seen.beside):
                if path not in self._states:
                    self._states[path] = _state(self.top, path, None)
        plain = {
            "surroundings": self.surroundings,
            "at": time.time_ns(),
            "states": {p: [s.mtime, s.size, s.blob] for p, s in self._states.items()},
            "files": [[asdict(seen.facts), seen.beside] for seen in self.known.values()],
        }
        with contextlib.suppress(OSError):
            kept(self.file, json.dumps(plain).encode("ascii"))


def remembered(top: Path, given: Sequence[str], paths: Sequence[str]) -> ScanCache:
    """What is known of `paths` and still true: neither they nor what was asked for them changed."""
    name = hashlib.sha256("\0".join([str(top), *given]).encode("utf-8", "replace"))
    memory = ScanCache(
        top, cache_folder() / f"scan-{name.hexdigest()[:32]}.json", _surroundings(top, paths)
    )
    try:
        plain = json.loads(recalled(memory.file) or b"")
        if plain["surroundings"] != memory.surroundings:
            return memory
        before = {path: _State(*state) for path, state in plain["states"].items()}
        known = [Seen(FileFacts(**facts), tuple(beside)) for facts, beside in plain["files"]]
        written = plain["at"]
    except (ValueError, RecursionError, KeyError, TypeError):
        return memory
    changed = set()
    for path, state in before.items():
        is_racy = state.mtime + _RACY_NS > written
        now = _state(top, path, None if is_racy else state)
        memory._states[path] = now  # noqa: SLF001 - it is made here
        if now.blob != state.blob:
            changed.add(path)
    for seen in known:
        if changed.isdisjoint((seen.facts.path, *seen.beside)):
            memory.known[seen.facts.path] = seen
    return memory


def _state(top: Path, path: str, before: _State | None) -> _State:
    """The file as it is; its bytes are only read where its time or size is another than before."""
    name = f"{top}{os.sep}{path}"
    try:
        found = os.stat(name)  # noqa: PTH116 - thousands of files
        if before and (found.st_mtime_ns, found.st_size) == (before.mtime, before.size):
            return before
        return _State(found.st_mtime_ns, found.st_size, blob_id(read_regular(name)))
    except OSError:
        return _State(0, 0, "")


def _surroundings(top: Path, paths: Sequence[str]) -> str:
    """A digest of what concerns all files: which there are, pytest's configuration, the rules."""
    digest = hashlib.sha256(f"{__version__}\0{_rules()}\0{sys.version}".encode())
    digest.update("\0".join(paths).encode("utf-8", "surrogateescape"))
    folders = {""}
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    for folder in sorted(folders):
        for name in CONFIGURATIONS:
            try:
                held = read_regular(os.path.join(top, folder, name))  # noqa: PTH118 - thousands
            except OSError:
                continue
            digest.update(f"\0{folder}/{name}\0".encode() + held)
    return digest.hexdigest()


def _rules() -> str:
    """The rules as they stand in this installation: newer ones may judge the same bytes anew."""
    from orchestrator.memory_safety import fixer

    folder = Path(fixer.__file__).parent
    return ",".join(
        f"{file.name}:{file.stat().st_mtime_ns}" for file in sorted(folder.rglob("*.py"))
    )
