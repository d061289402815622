"""Temporary folders whose names say whose they are: what a killed run left can be removed."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

_NAME = re.compile(r"orchestrate-[a-z]+-(?P<space>\d+)\.(?P<pid>\d+)-")


def folder(kind: str) -> tempfile.TemporaryDirectory[str]:
    """A folder that is removed with its block."""
    whose = f"{pid_namespace()}.{os.getpid()}"
    return tempfile.TemporaryDirectory(prefix=f"orchestrate-{kind}-{whose}-")


def sweep() -> None:
    """Remove the folders of processes of this user that are no more, as far as this machine knows.

    A process number says nothing across containers that share a temporary folder: the namespace it
    is of stands beside it, and folders of others are left alone.
    """
    if not (space := pid_namespace()):
        return
    import psutil

    for path in Path(tempfile.gettempdir()).glob("orchestrate-*"):
        found = _NAME.match(path.name)
        if found is None or int(found["space"]) != space or psutil.pid_exists(int(found["pid"])):
            continue
        if path.lstat().st_uid == os.getuid() and path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)


def pid_namespace() -> int:
    """The namespace of process numbers; 0 where the system has none, and nothing is swept."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0
