"""Reads and replaces files of a work tree: whole, and only where they hold what was read.

A file is named by the top of the work tree and a `RepoPath`. No symbolic link is followed on the
way to it: where one lies there, nothing is read or written.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from orchestrator.base.changes import Content
from orchestrator.base.paths import RepoPath
from orchestrator.base.reading import read_open
from orchestrator.base.state_files import cannot_write
from orchestrator.errors import ChangedMeanwhile, DiskError

TEMPORARY = ".orchestrate-*.tmp"
"""The names of what is about to be put in the place of a file, as a pattern."""

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW | os.O_CLOEXEC
_LINKS = frozenset({errno.ELOOP, errno.ENOTDIR})
"""Errors of `open` when a path component is a symbolic link or a file, not a folder."""


def read(top: Path, path: RepoPath) -> bytes:
    """What a file holds.

    Raises:
        DiskError: there is none, it is not a regular file, or it cannot be read.
    """
    try:
        with _folder_of(top, path) as (folder, name):
            return _read(folder, name)
    except OSError as error:
        why = "a symbolic link is on the way" if error.errno in _LINKS else error.strerror
        raise DiskError(f"cannot read {path!r}: {why}") from error


def contents(top: Path, path: RepoPath) -> Content:
    """What a file holds; None where there is no regular file.

    Raises:
        DiskError: there is one that cannot be read.
    """
    return read(top, path) if is_file(top, path) else None


def is_file(top: Path, path: RepoPath) -> bool:
    """Whether there is a regular file, and no link on the way to it."""
    try:
        with _folder_of(top, path) as (folder, name):
            return stat.S_ISREG(os.lstat(name, dir_fd=folder).st_mode)
    except OSError:
        return False


def is_behind_link(top: Path, path: RepoPath) -> bool:
    """Whether a symbolic link is in the place of the file, or of a folder on the way to it."""
    at = top
    for part in path.split("/"):
        at /= part
        if at.is_symlink():
            return True
    return False


def replace(top: Path, path: RepoPath, data: bytes, *, expected: bytes) -> None:
    """Put `data` where `expected` is now; the file's mode stays, a crash leaves one or the other.

    The two change places in one step where the system can do that, and what came out is looked at:
    what somebody wrote in the last moment is restored. The new modification time is always later
    than the old one by a whole second or more, so that no interpreter takes bytecode compiled from
    bytes that were here before for the new ones (it compares seconds and size).

    Raises:
        ChangedMeanwhile: the file no longer holds `expected`; it is left alone.
        DiskError: the disk is full, or the folder cannot be written.
    """
    with _writing(top, path) as (folder, name):
        before = _regular(folder, name, path)
        temporary = _written(folder, data)
        try:
            os.chmod(temporary, stat.S_IMODE(before.st_mode), dir_fd=folder)
            after = os.lstat(temporary, dir_fd=folder)
            if int(after.st_mtime) <= int(before.st_mtime):
                times = after.st_atime_ns, before.st_mtime_ns + 1_000_000_000
                os.utime(temporary, ns=times, dir_fd=folder)
            if _read(folder, name) != expected:
                raise _changed(path)
            if not _swapped(folder, temporary, name):
                os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
            elif _read(folder, temporary) != expected:
                _swap_back(folder, temporary, name, path, ours=data)
        finally:
            _unlink(folder, temporary)
        os.fsync(folder)


def _swap_back(folder: int, temporary: str, name: str, path: RepoPath, *, ours: bytes) -> None:
    """Give back what somebody wrote in the last moment, which `temporary` holds now.

    Raises:
        ChangedMeanwhile: always; it says where a second version is, had one come meanwhile.
    """
    _swapped(folder, temporary, name)
    if _read(folder, temporary) == ours:
        raise _changed(path)
    # a still newer version came in between: that one belongs in place, the older one beside it
    _swapped(folder, temporary, name)
    raise _kept_beside(folder, temporary, name, path)


def set_mode(top: Path, path: RepoPath, mode: int) -> None:
    """Give a file the permissions of `mode`; what kind of file it is stays.

    Raises:
        DiskError: it is not ours to change.
    """
    with _writing(top, path) as (folder, name):
        if stat.S_IMODE(_regular(folder, name, path).st_mode) != stat.S_IMODE(mode):
            descriptor = os.open(name, _FILE, dir_fd=folder)
            try:
                os.fchmod(descriptor, stat.S_IMODE(mode))
            finally:
                os.close(descriptor)


def compare_and_swap(
    top: Path, path: RepoPath, *, expected: Content, data: Content, mode: int
) -> None:
    """Make a file of the user's that holds `expected` hold `data`; None is no file at all.

    `mode` is that of a file that is made; one that is there keeps its own. Folders are made as they
    are needed, and those that a removal leaves empty go with the file.

    Raises:
        ChangedMeanwhile: the file does not hold `expected`; it is left alone.
        DiskError: as in `replace`.
    """
    if expected is not None and data is not None:
        replace(top, path, data, expected=expected)
    elif data is not None:
        _make(top, path, data, mode)
    elif expected is not None:
        _take_away(top, path, expected)


def _make(top: Path, path: RepoPath, data: bytes, mode: int) -> None:
    """Make a file where there is none: a link to what was written fails where one appeared."""
    with _writing(top, path, make=True) as (folder, name):
        temporary = _written(folder, data)
        try:
            os.chmod(temporary, stat.S_IMODE(mode), dir_fd=folder)
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        except FileExistsError:
            raise _changed(path) from None
        finally:
            _unlink(folder, temporary)
        os.fsync(folder)


def _take_away(top: Path, path: RepoPath, expected: bytes) -> None:
    """Remove a file: move it aside, look at it once more, give it back if it is another one."""
    with _writing(top, path) as (folder, name):
        _regular(folder, name, path)
        if _read(folder, name) != expected:
            raise _changed(path)
        aside = _new_name()
        os.rename(name, aside, src_dir_fd=folder, dst_dir_fd=folder)
        if _read(folder, aside) != expected:
            try:
                os.link(aside, name, src_dir_fd=folder, dst_dir_fd=folder)
            except FileExistsError:
                raise _kept_beside(folder, aside, name, path) from None
            _unlink(folder, aside)
            raise _changed(path)
        _unlink(folder, aside)
        os.fsync(folder)
    _remove_empty(top, path)


def write(top: Path, path: RepoPath, data: bytes) -> None:
    """Write a file that is ours to write, a record for example, atomically, whatever was there.

    Raises:
        ChangedMeanwhile: a symbolic link is on the way, or something that is no regular file there.
        DiskError: the disk is full, or the folder cannot be written.
    """
    with _writing(top, path, make=True) as (folder, name):
        if _is_there(folder, name):
            _regular(folder, name, path)
        temporary = _written(folder, data)
        try:
            os.chmod(temporary, 0o666 & ~_umask(), dir_fd=folder)
            os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
        finally:
            _unlink(folder, temporary)
        os.fsync(folder)


def remove(top: Path, path: RepoPath) -> None:
    """Remove a file that is ours, where it is there, then the folders this leaves empty.

    Raises:
        ChangedMeanwhile: a symbolic link is on the way.
        DiskError: the folder cannot be written.
    """
    absent = contextlib.suppress(FileNotFoundError)
    with cannot_write(path), absent, _no_link(path), _folder_of(top, path) as (folder, name):
        os.unlink(name, dir_fd=folder)
    _remove_empty(top, path)


def _remove_empty(top: Path, path: RepoPath) -> None:
    *folders, _ = path.split("/")
    while folders:
        at = RepoPath("/".join(folders))
        try:
            with _folder_of(top, at) as (folder, name):
                os.rmdir(name, dir_fd=folder)
        except OSError:  # not empty, or not there
            return
        folders.pop()


@contextlib.contextmanager
def _folder_of(top: Path, path: RepoPath, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """A descriptor of the folder a file is in, and the file's name there.

    Each folder is opened from the one above it, so that nobody can put a link on the way while it
    is walked.
    """
    if path.__class__ is not RepoPath:
        raise TypeError(f"{path!r} was not checked")
    *folders, name = path.split("/")
    at = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for folder in folders:
            if make:
                with contextlib.suppress(FileExistsError):
                    os.mkdir(folder, dir_fd=at)
            below = os.open(folder, _FOLDER, dir_fd=at)
            os.close(at)
            at = below
        yield at, name
    finally:
        os.close(at)


@contextlib.contextmanager
def _writing(top: Path, path: RepoPath, *, make: bool = False) -> Iterator[tuple[int, str]]:
    """The same, for whoever is about to write.

    Raises:
        ChangedMeanwhile: a link, or something that is no folder, lies on the way.
        DiskError: the block, or the way to it, ended with an error of the system.
    """
    with cannot_write(path), _no_link(path), _folder_of(top, path, make=make) as found:
        yield found


@contextlib.contextmanager
def _no_link(path: RepoPath) -> Iterator[None]:
    """Say so where a link ended the block.

    Raises:
        ChangedMeanwhile: a link, or something that is no folder, lies on the way.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _LINKS:
            raise
        raise ChangedMeanwhile(
            f"a symbolic link, or a file, is on the way to {path!r}; nothing was written there",
            next_step="git status",
        ) from error


def _read(folder: int, name: str) -> bytes:
    descriptor = os.open(name, _FILE, dir_fd=folder)
    try:
        return read_open(descriptor, name)
    finally:
        os.close(descriptor)


def _regular(folder: int, name: str, path: RepoPath) -> os.stat_result:
    try:
        state = os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        raise _changed(path) from None
    if not stat.S_ISREG(state.st_mode):
        raise _changed(path)
    return state


def _is_there(folder: int, name: str) -> bool:
    try:
        os.lstat(name, dir_fd=folder)
    except FileNotFoundError:
        return False
    return True


def _changed(path: str) -> ChangedMeanwhile:
    return ChangedMeanwhile(
        f"{path!r} was changed by somebody else during the run; it was left alone",
        next_step="git status",
    )


def _kept_beside(folder: int, temporary: str, name: str, path: str) -> ChangedMeanwhile:
    """Keep the older of two versions that came in the last moment under a name of its own."""
    kept = f"{name}.orchestrate-{uuid.uuid4().hex[:8]}"
    os.rename(temporary, kept, src_dir_fd=folder, dst_dir_fd=folder)
    return ChangedMeanwhile(
        f"{path!r} was changed twice by somebody else; the older version is in {kept!r} beside it",
        next_step="git status",
    )


def _new_name() -> str:
    return TEMPORARY.replace("*", uuid.uuid4().hex[:16])


def _written(folder: int, data: bytes) -> str:
    """A new file beside, whole on the disk; its name."""
    name = _new_name()
    made = os.open(
        name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600,
        dir_fd=folder,
    )  # fmt: skip
    try:
        with os.fdopen(made, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except BaseException:
        _unlink(folder, name)
        raise
    return name


def _unlink(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _swapped(folder: int, one: str, other: str) -> bool:
    """Let two files change places in one step; False where the system cannot do that."""
    swap = _renameat2()
    if swap is None:
        return False
    exchange = 2  # RENAME_EXCHANGE of linux/fs.h
    if swap(folder, os.fsencode(one), folder, os.fsencode(other), exchange) == 0:
        return True
    import ctypes

    number = ctypes.get_errno()
    if number in {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP}:  # an older kernel, or file system
        return False
    raise OSError(number, os.strerror(number), one)


@cache
def _renameat2() -> Any:
    """The C library's function, which Linux has."""
    import ctypes

    return getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
