"""Replaces bytes on disk, atomically, and only where they are the ones that were read."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from orchestrator.errors import ChangedMeanwhile, DiskError


def read(path: Path) -> bytes:
    """The bytes of `path`.

    Raises:
        DiskError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise DiskError(f"cannot read {str(path)!r}: {error.strerror}") from error


def replace(path: Path, data: bytes, *, expected: bytes) -> None:
    """Put `data` where `expected` is now; the file's mode stays, a crash leaves one or the other.

    The new modification time always differs from the old one by a whole second or more, so that no
    interpreter takes bytecode compiled from the old bytes for the new ones (it compares seconds
    and size).

    Raises:
        ChangedMeanwhile: the file no longer holds `expected`; it is left alone.
        DiskError: the disk is full, or the folder cannot be written.
    """
    with _disk_errors(path):
        before = path.stat()
        temporary = _written_beside(path, data)
        try:
            temporary.chmod(before.st_mode & 0o7777)
            after = temporary.stat()
            if int(after.st_mtime) == int(before.st_mtime):
                os.utime(temporary, ns=(after.st_atime_ns, before.st_mtime_ns + 1_000_000_000))
            if path.read_bytes() != expected:
                raise _changed(path)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)


def set_mode(path: Path, mode: int) -> None:
    """Give a file the permissions of `mode`; what kind of file it is stays.

    Raises:
        DiskError: it is not ours to change.
    """
    with _disk_errors(path):
        if path.stat().st_mode & 0o7777 != mode & 0o7777:
            path.chmod(mode & 0o7777)


def exchange(
    path: Path, *, expected: bytes | None, data: bytes | None, mode: int, up_to: Path
) -> None:
    """Make a file of the user's that holds `expected` hold `data`; None is no file at all.

    `mode` is that of a file that is made; one that is there keeps its own. Folders are made as they
    are needed, and those below `up_to` that a removal leaves empty go with the file.

    Raises:
        ChangedMeanwhile: the file does not hold `expected`; it is left alone.
        DiskError: as in `replace`.
    """
    if expected is not None and data is not None:
        replace(path, data, expected=expected)
    elif data is not None:
        _make(path, data, mode)
    elif expected is not None:
        if read(path) != expected:
            raise _changed(path)
        remove(path, up_to=up_to)


def _make(path: Path, data: bytes, mode: int) -> None:
    """Make a file where there is none: a link to what was written fails where one appeared."""
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _written_beside(path, data)
        try:
            temporary.chmod(mode & 0o7777)
            os.link(temporary, path)
        except FileExistsError:
            raise _changed(path) from None
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)


def _changed(path: Path) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        f"{str(path)!r} was changed by somebody else during the run; it was left alone",
        next_step="git status",
    )


def create(path: Path, data: bytes) -> None:
    """Write a file of our own, atomically, with the folders it needs.

    Raises:
        DiskError: the disk is full, or the folder cannot be written.
    """
    with _disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = _written_beside(path, data)
        try:
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
        _sync_folder(path.parent)


def remove(path: Path, *, up_to: Path) -> None:
    """Remove a file of our own, then the folders this leaves empty below `up_to`."""
    with _disk_errors(path):
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == up_to or not folder.is_relative_to(up_to):
                return
            try:
                folder.rmdir()
            except OSError:
                return


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DiskError(f"cannot write {str(path)!r}: {error.strerror}") from error
