"""Lets one run work in a work tree at a time; the kernel frees the lock of a dead one."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from orchestrator.errors import Locked


@contextmanager
def only_run(folder: Path) -> Iterator[int]:
    """Hold the lock in `folder` (git's own folder of the work tree) for as long as the block runs.

    The descriptor is for git alone: a commit that outlives a killed run keeps the lock until it is
    over, and nobody undoes what it is about to commit.

    Raises:
        Locked: another run holds it.
    """
    folder.mkdir(exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise Locked(
                "another orchestrate run is at work in this repository",
                next_step="wait for it, then: orchestrate status",
            ) from error
        yield descriptor
    finally:
        os.close(descriptor)
