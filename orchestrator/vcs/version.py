"""Asks whether the git that is installed can do what is asked of it."""

from __future__ import annotations

from orchestrator.errors import CannotJudge
from orchestrator.vcs.repo import Repo

_OLDEST = (2, 23)


def check_version(repo: Repo) -> None:
    """Make sure that git is new enough.

    Raises:
        CannotJudge: it is older than what we ask of it (`git restore`, refs of a work tree).
    """
    said = repo.text("version").split()
    version = tuple(int(part) for part in said[2].split(".")[:2] if part.isdigit())
    if version < _OLDEST:
        raise CannotJudge(
            f"git {said[2]} is too old: {'.'.join(map(str, _OLDEST))} or newer is needed",
            next_step="git --version",
        )
