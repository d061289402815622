"""Where this program keeps what it knows of a work tree: below git's own folder of it."""

from __future__ import annotations

from pathlib import Path

from orchestrator.vcs.repo import Repo, find_folder

NAME = "orchestrate"


def state_folder(top: Path) -> Path:
    """Return the state folder of the work tree at `top`; starts no git."""
    return find_folder(top) / NAME


def state_folder_of(repo: Repo) -> Path:
    """Return the state folder of a repository's work tree."""
    return repo.folder() / NAME


def common_state_folder(repo: Repo) -> Path:
    """Return the state folder that all work trees of a repository share."""
    return repo.common_folder() / NAME
