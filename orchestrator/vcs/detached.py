"""Tells whether HEAD names no branch, so that nothing can be committed; starts no git."""

from __future__ import annotations

from pathlib import Path

from orchestrator.vcs import find_folder, find_top


def is_detached(top: Path) -> bool:
    """Whether a commit made in the work tree at `top` would belong to no branch."""
    if find_top(top) is None:
        return False
    try:
        return not (find_folder(find_top(top) or top) / "HEAD").read_bytes().startswith(b"ref:")
    except OSError:  # git says better what is wrong with it
        return False
