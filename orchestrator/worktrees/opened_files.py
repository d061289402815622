"""Hears which files of a work tree of ours are opened, by whatever program: inotify of Linux.

See inotify(7). Only in a work tree where nobody else is at work does that say what a gate read.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import select
import struct
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

_OPEN, _CREATE, _OVERFLOW, _IS_DIR = 0x20, 0x100, 0x4000, 0x40000000
_ONLY_DIR = 0x01000000
_HEAD = struct.Struct("iIII")
_READ_BYTES = 2**18
_CACHE = "__pycache__"


class OpenedFilesWatcher:
    """Files below `top` that were opened since `forget`, by their paths from there."""

    def __init__(self, top: Path, folders: Iterable[str]) -> None:
        """Listen to `folders`, named from `top`, and to those that are made in them.

        Raises:
            OSError: the system has nothing of the kind, or allows no more of it.
        """
        if sys.platform != "linux":
            raise OSError("inotify is of Linux")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._top = top
        self._descriptor = self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._folders: dict[int, str] = {}
        self._seen: set[str] = set()
        self._lost = self._is_blind = False
        self._lock = threading.Lock()
        self._is_closed = False
        try:
            self.renew(folders)
        except OSError:
            os.close(self._descriptor)
            raise
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def renew(self, folders: Iterable[str]) -> None:
        """Listen to these as well, which may have been made while nobody looked.

        Raises:
            OSError: one is not there, or the system allows no more.
        """
        with self._lock:
            self._is_blind = True
            for folder in folders:
                self._watch(folder)
            self._is_blind = False

    def forget(self) -> None:
        """Begin anew."""
        self._take_in()
        with self._lock:
            self._seen, self._lost = set(), False

    def seen(self) -> set[str] | None:
        """What was opened by now; None where that was more than could be listened to."""
        self._take_in()
        with self._lock:
            return None if self._lost or self._is_blind else set(self._seen)

    def close(self) -> None:
        """Listen no more."""
        self._is_closed = True
        self._thread.join()
        os.close(self._descriptor)

    def _watch(self, folder: str) -> None:
        path = os.fsencode(self._top / folder)
        number = self._libc.inotify_add_watch(self._descriptor, path, _OPEN | _CREATE | _ONLY_DIR)
        if number < 0:
            raise OSError(ctypes.get_errno(), f"inotify_add_watch: {folder}")
        self._folders[number] = folder
        cache = f"{folder}/{_CACHE}" if folder else _CACHE
        if not folder.endswith(_CACHE) and (self._top / cache).is_dir():
            self._watch(cache)

    def _watch_below(self, folder: str) -> None:
        """A folder that was made, with those that were made in it before anybody listened."""
        try:
            self._watch(folder)
            for below in os.scandir(self._top / folder):
                if below.is_dir(follow_symlinks=False):
                    self._watch_below(f"{folder}/{below.name}")
        except FileNotFoundError:
            return  # it is gone again
        except OSError:
            self._is_blind = True

    def _listen(self) -> None:
        while not self._is_closed:
            if select.select([self._descriptor], [], [], 0.2)[0]:
                self._take_in()

    def _take_in(self) -> None:
        with self._lock:
            while True:
                try:
                    data = os.read(self._descriptor, _READ_BYTES)
                except BlockingIOError:
                    return
                self._add(data)

    def _add(self, data: bytes) -> None:
        at = 0
        while at < len(data):
            number, mask, _, length = _HEAD.unpack_from(data, at)
            name = os.fsdecode(data[at + _HEAD.size : at + _HEAD.size + length].rstrip(b"\0"))
            at += _HEAD.size + length
            if mask & _OVERFLOW:
                self._lost = True
            folder = self._folders.get(number)
            if folder is None or not name:
                continue
            path = f"{folder}/{name}" if folder else name
            if mask & _CREATE and mask & _IS_DIR:
                self._watch_below(path)
            elif mask & _OPEN and not mask & _IS_DIR:
                self._seen.add(_source_of(path))


def _source_of(path: str) -> str:
    """The file whose code is kept in `__pycache__`, by Python or pytest; else the path itself."""
    folder, _, name = path.rpartition("/")
    parent, _, last = folder.rpartition("/")
    if last != _CACHE:
        return path
    source = f"{name.partition('.')[0]}.py"
    return f"{parent}/{source}" if parent else source
