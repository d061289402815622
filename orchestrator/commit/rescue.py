"""Copies what is about to be replaced, so that no byte somebody wrote is ever gone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from orchestrator.base import files, state_files
from orchestrator.base.paths import RepoPath
from orchestrator.base.text import plural


def rescue(folder: Path, base: str, top: Path, paths: Iterable[str]) -> list[Path]:
    """Copies of `paths` as they are below `top`; what is no file has no copy.

    They are in the rescue folder of `folder`, named by the commit `base` and their content: no copy
    ever replaces another one.

    Raises:
        DiskError: a copy cannot be written.
    """
    copies = []
    for path in paths:
        file = top / path
        if files.is_behind_link(top, RepoPath(path)) and not file.is_symlink():
            continue
        if file.is_symlink():
            data = os.fsencode(file.readlink())
        elif file.is_file():
            data = files.read(top, RepoPath(path))
        else:
            continue
        digest = hashlib.sha256(data).hexdigest()[:12]
        copies.append(folder / "rescue" / f"{base[:12]}-{digest}" / path)
        state_files.write(copies[-1], data)
    return copies


def listed(copies: Iterable[Path]) -> str:
    """The places of a few copies, for a message."""
    most, all_ = 3, [str(copy) for copy in copies]
    more = f" and {plural(len(all_) - most, 'more file')}" if len(all_) > most else ""
    return ", ".join(all_[:most]) + more
