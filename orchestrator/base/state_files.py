"""Files of our own below git's folder: whole or not there, and for nobody but the user to read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator.base.disk_errors import is_full
from orchestrator.base.escape import as_argument
from orchestrator.base.reading import MOST_MIB, read_regular
from orchestrator.errors import DiskError

FILE_MODE, FOLDER_MODE = 0o600, 0o700
"""What tests print, and files that somebody keeps private, are copied here."""


def read(path: Path, *, most_mib: int = MOST_MIB) -> bytes:
    """What one holds.

    Raises:
        DiskError: it cannot be read, or is not a regular file.
    """
    try:
        return read_regular(path, most_mib=most_mib)
    except OSError as error:
        raise DiskError(f"cannot read {str(path)!r}: {error.strerror}") from error


def write(path: Path, data: bytes) -> None:
    """Write one, atomically, with the folders it needs.

    Raises:
        DiskError: the disk is full, or the folder cannot be written.
    """
    with cannot_write(path):
        make_folder(path.parent)
        temporary = _written_beside(path, data)
        try:
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)


def make_folder(folder: Path) -> None:
    """Make a folder with those above it; what is made is open to the user alone."""
    if not folder.is_dir():
        make_folder(folder.parent)
        with contextlib.suppress(FileExistsError):
            folder.mkdir(mode=FOLDER_MODE)


def _written_beside(path: Path, data: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=".orchestrate-", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def sync_folder(folder: Path) -> None:
    """Make the names in a folder last."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def cannot_write(path: str | Path) -> Iterator[None]:
    """Turn what the system says of a file into an error of ours.

    Raises:
        DiskError: the block could not write `path`.
    """
    try:
        yield
    except OSError as error:
        folder = str(path).rpartition("/")[0] or "."
        step = "df -h" if is_full(error) else f"ls -ld {as_argument(folder)}"
        raise DiskError(f"cannot write {str(path)!r}: {error.strerror}", next_step=step) from error
