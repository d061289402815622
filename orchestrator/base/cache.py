"""The user's cache folder: what is in it is disposable, and is never needed for an answer.

It is believed only as far as nobody else can have written it.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from orchestrator.base.reading import read_own

_MOST_BYTES = 256 * 2**20
_OTHERS_MAY_WRITE = 0o022


def cache_folder() -> Path:
    """The user's cache folder of this tool, by the XDG rules."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "orchestrate"


def recalled(file: Path) -> bytes | None:
    """What a file of the cache holds; None where it is not there, or not certainly this user's."""
    try:
        _check_folder(file.parent)
    except OSError:
        return None
    return read_own(file, most=_MOST_BYTES, others_may_write=_OTHERS_MAY_WRITE)


def kept(file: Path, data: bytes, *, at_most: int = 16) -> None:
    """Write `file` at once or not at all; of its kind (`kind-….json`), keep the newest.

    Nobody but the user may read it.

    Raises:
        OSError: the folder cannot be written, or is not this user's alone.
    """
    folder = file.parent
    folder.parent.mkdir(parents=True, exist_ok=True)
    if not os.path.lexists(folder):
        folder.mkdir(mode=0o700, exist_ok=True)
    elif not folder.is_symlink() and folder.lstat().st_uid == os.getuid():
        folder.chmod(0o700)  # an older version made it as the umask says
    _check_folder(folder)
    descriptor, name = tempfile.mkstemp(dir=folder)  # its mode is 0600
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    Path(name).replace(file)
    kind = file.name.partition("-")[0]
    known = sorted(folder.glob(f"{kind}-*.json"), key=lambda p: p.lstat().st_mtime)
    for old in known[:-at_most]:
        old.unlink(missing_ok=True)


def _check_folder(folder: Path) -> None:
    """Make sure that only this user can put files into a folder, or another folder in its place."""
    found, above = folder.lstat(), folder.parent.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{str(folder)!r} is no folder")
    if found.st_uid != os.getuid() or found.st_mode & _OTHERS_MAY_WRITE:
        raise PermissionError(f"{str(folder)!r} is not this user's alone")
    others_may_write = above.st_mode & _OTHERS_MAY_WRITE and not above.st_mode & stat.S_ISVTX
    if above.st_uid not in {os.getuid(), 0} or others_may_write:
        raise PermissionError(f"others may write to {str(folder.parent)!r}")
