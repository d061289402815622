"""Remembers a work tree as a commit on no branch, and compares or restores files from it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from orchestrator.vcs.repo import Repo


def snapshot(repo: Repo, base: str, index: Path) -> str:
    """A commit on no branch that holds every tracked file as it is in the work tree.

    It is `base` itself where nothing differs from that. The user's index is left alone: a copy
    of it is made at `index`, which the caller removes.
    """
    if (repo.folder() / "index").exists():
        shutil.copyfile(repo.folder() / "index", index)
    repo.run("-c", "core.splitIndex=false", "add", "--update", index=index)
    tree = os.fsdecode(repo.run("write-tree", index=index)).strip()
    if tree == repo.text("rev-parse", f"{base}^{{tree}}"):
        return base
    ident = ["-c", "user.name=orchestrate", "-c", "user.email=orchestrate@localhost"]
    made = ["commit-tree", "-p", base, "-m", "the work tree before a batch", tree]
    return repo.text(*ident, *made)


def differing(repo: Repo, commit: str) -> list[str]:
    """The tracked files whose bytes or kind in the work tree are not those of `commit`."""
    listed = ["diff", "--name-only", "-z", "--no-renames", "--ignore-submodules=dirty"]
    return repo.paths(*listed, commit, "--")


def restore_from(repo: Repo, commit: str, paths: Sequence[str]) -> None:
    """Give files in the work tree what `commit` holds; the index is left alone."""
    repo.run("restore", f"--source={commit}", "--worktree", "--", *paths)
