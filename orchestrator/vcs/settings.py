"""Finds and reads the settings and hooks by which git makes a commit here."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from orchestrator.vcs.repo import Repo


def settings_files(repo: Repo) -> list[Path]:
    """The files that hold the settings of this repository alone; not all need be there."""
    return [repo.common_folder() / "config", repo.folder() / "config.worktree"]


def settings_in(repo: Repo, contents: Sequence[bytes]) -> dict[str, str]:
    """The settings that files of settings hold; several values of one name as lines."""
    found: dict[str, str] = {}
    for data in contents:
        with tempfile.NamedTemporaryFile(prefix="orchestrate-config-") as file:
            file.write(data)
            file.flush()
            rows = repo.paths("config", "--file", file.name, "--list", "-z")
        for name, _, value in (row.partition("\n") for row in rows):
            found[name] = f"{found[name]}\n{value}" if name in found else value
    return found


def hooks_folder(repo: Repo) -> Path:
    """Where git looks for hooks."""
    return repo.top / repo.text("rev-parse", "--git-path", "hooks")
