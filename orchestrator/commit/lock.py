"""Lets one run work in a work tree at a time; the kernel frees the lock of a dead one."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import Locked

_WAIT_S = 600.0
_LOOK_S = 0.1

Say = Callable[[str], None]


@contextmanager
def only_run(folder: Path, say: Say | None = None) -> Iterator[int]:
    """Hold the lock in `folder` (git's own folder of the work tree) for as long as the block runs.

    The descriptor is for git alone: a commit that outlives a killed run keeps the lock until it is
    over, and nobody undoes what it is about to commit. Such a commit is waited for where `say` is
    there to be told so, at most 10 minutes.

    Raises:
        Locked: another run holds it, or a program that the commit left does not end.
    """
    folder.mkdir(exist_ok=True)
    file = folder / "lock"
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        if not _taken(descriptor):
            _wait_for_orphans(file, descriptor, say)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode("ascii"), 0)
        yield descriptor
    finally:
        os.close(descriptor)


def is_free(folder: Path) -> bool:
    """Whether nobody holds the lock in `folder`; nothing is written."""
    try:
        descriptor = os.open(folder / "lock", os.O_RDONLY)
    except FileNotFoundError:
        return True
    try:
        return _taken(descriptor)
    finally:
        os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _wait_for_orphans(file: Path, descriptor: int, say: Say | None) -> None:
    """Wait for what a run that is no more left at work; its own process is not waited for."""
    from orchestrator.base import process

    owner, holders = _owner(file), process.holders_of(file)
    if not holders and _taken(descriptor):
        return  # what held it ended while it was looked for
    if say is None or owner is None or owner in holders or not holders:
        raise _at_work(f" (process {owner})" if owner else "")
    named = _named(holders)
    say(f"a run ended, and what it had started is still at work: {named}; waiting for it")
    until_s = time.monotonic() + _WAIT_S
    while not _taken(descriptor):
        if time.monotonic() > until_s:
            raise Locked(
                f"what an ended run had started is still at work after {_WAIT_S:g} s: {named}",
                next_step=f"see what it does, or end it: kill {next(iter(holders))}",
            )
        if _owner(file) != owner:
            raise _at_work("")  # somebody else was quicker
        time.sleep(_LOOK_S)


def _owner(file: Path) -> int | None:
    """The process that took the lock last; None where an older version did."""
    said = file.read_bytes()
    return int(said) if said.isdigit() else None


def _named(holders: dict[int, str]) -> str:
    return ", ".join(f"{name} (process {pid})" for pid, name in holders.items())


def _at_work(whose: str) -> Locked:
    return Locked(
        f"another orchestrate run is at work in this repository{whose}",
        next_step="wait for it, then: orchestrate status",
    )
