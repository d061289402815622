"""Reads a file only where it is a regular one of this user's, through no link, within a limit."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def own_bytes(file: Path, *, most: int, others_may_write: int = stat.S_IWOTH) -> bytes | None:
    """What the file holds; None where there is none, or it could be somebody else's.

    `others_may_write` are the permissions that would make it so.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(file, flags), "rb") as stream:
            found = os.fstat(stream.fileno())
            is_own = found.st_uid == os.getuid() and not found.st_mode & others_may_write
            if not is_own or not stat.S_ISREG(found.st_mode) or found.st_size > most:
                return None
            return stream.read(most)
    except OSError:
        return None
