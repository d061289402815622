"""The user's cache folder: what is in it is disposable, and is never needed for an answer."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder of this tool, by the XDG rules."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "orchestrate"


def kept(file: Path, data: bytes, *, at_most: int = 16) -> None:
    """Write `file` at once or not at all; of its kind (`kind-….json`), keep the newest.

    Raises:
        OSError: the folder cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    Path(name).replace(file)
    kind = file.name.partition("-")[0]
    known = sorted(file.parent.glob(f"{kind}-*.json"), key=lambda p: p.stat().st_mtime)
    for old in known[:-at_most]:
        old.unlink(missing_ok=True)
