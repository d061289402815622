"""Tells what the disk or its permissions refused from what is a bug of ours."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import PurePosixPath

from orchestrator.base.escape import as_argument
from orchestrator.errors import DiskError

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO})
_REFUSED = frozenset({
    errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP,
    errno.ENAMETOOLONG, errno.EMFILE, errno.ENFILE, errno.EXDEV,
})  # fmt: skip
_NO_TEMPORARY = "No usable temporary directory"


def is_full(error: OSError) -> bool:
    """Whether the disk has no room, rather than that something may not be written there."""
    return error.errno in _FULL


def disk_error(error: OSError) -> DiskError | None:
    """What the user has to hear of it, with the file or folder; None where it is another thing."""
    named = error.filename if isinstance(error.filename, str | bytes) else ""
    path = os.fsdecode(named)
    what = f"cannot use {path!r}: {error.strerror}" if path else f"cannot write: {error.strerror}"
    if error.errno in _FULL:
        return DiskError(what, next_step="df -h")
    if error.errno in _REFUSED:
        folder = as_argument(str(PurePosixPath(path).parent))
        step = f"ls -ld {folder} {as_argument(path)}"
        return DiskError(what, next_step=step if path else "df -h")
    if _NO_TEMPORARY in str(error):
        return DiskError(str(error.strerror), next_step="set TMPDIR to a folder that is writable")
    return None


@contextlib.contextmanager
def disk_errors() -> Iterator[None]:
    """Raise `DiskError` in this block for what the disk refused."""
    try:
        yield
    except OSError as error:
        if (found := disk_error(error)) is None:
            raise
        raise found from error
