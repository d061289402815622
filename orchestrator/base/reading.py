"""Reads files that somebody else may have put there: regular ones, and no more than a limit."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

MIB = 2**20
MOST_MIB = 64
"""No file that people edit is larger."""


def read_regular(file: str | Path, *, most_mib: int = MOST_MIB) -> bytes:
    """What a file holds; a symbolic link to a regular file is followed.

    Raises:
        OSError: there is none, it cannot be read, it is a device, a pipe or a folder (EINVAL), or
            it holds more than `most_mib` MiB (EFBIG); `strerror` says which.
    """
    # without O_NONBLOCK, opening a pipe that nobody writes to would wait for ever
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return read_open(descriptor, str(file), most_mib=most_mib)
    finally:
        os.close(descriptor)


def read_if_there(file: Path) -> bytes | None:
    """Return what a file holds; None where there is no file.

    Raises:
        OSError: as `read_regular`.
    """
    return read_regular(file) if file.is_file() else None


def read_text_of(file: str | Path, *, errors: str = "strict", most_mib: int = MOST_MIB) -> str:
    """What a file holds, as UTF-8 text with every line end as a newline.

    Raises:
        OSError: as `read_regular`.
        UnicodeDecodeError: it is not UTF-8, and `errors` is strict.
    """
    text = read_regular(file, most_mib=most_mib).decode("utf-8", errors)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_open(descriptor: int, name: str, *, most_mib: int = MOST_MIB) -> bytes:
    """What the file behind a descriptor holds; `name` is what errors call it.

    Raises:
        OSError: as `read_regular`.
    """
    state = os.fstat(descriptor)
    if stat.S_ISDIR(state.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), name)
    if not stat.S_ISREG(state.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", name)
    most = most_mib * MIB
    if state.st_size > most:
        raise OSError(errno.EFBIG, f"larger than {most_mib} MiB", name)
    chunks, left = [], most + 1
    while left > 0 and (chunk := os.read(descriptor, min(left, max(state.st_size + 1, 65_536)))):
        chunks.append(chunk)
        left -= len(chunk)
    if left <= 0:  # it grew meanwhile
        raise OSError(errno.EFBIG, f"larger than {most_mib} MiB", name)
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)


def read_own(file: Path, *, most: int, others_may_write: int = stat.S_IWOTH) -> bytes | None:
    """Return the bytes of a file that only the current user can have written, else None.

    It has to be a regular file of at most `most` bytes, owned by the current user, not a symbolic
    link, and without the permissions in `others_may_write`.
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
