"""Opens the git repository of a folder; refuses if the environment points git elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.errors import Refused
from orchestrator.vcs.own import REDIRECTING
from orchestrator.vcs.repo import Repo, find_top
from orchestrator.vcs.state_folder import state_folder


def open_repo(top: Path) -> Repo:
    """The repository at `top`.

    Raises:
        Refused: there is none, or the environment points git somewhere else.
    """
    if find_top(top) != top:
        raise Refused(
            f"{str(top)!r} is not in a git work tree: nothing could be restored or committed",
            next_step="git init, or change to your repository",
        )
    check_environment(top)
    return Repo(top)


def check_environment(top: Path) -> None:
    """Make sure that git works on the repository at `top` as it stands.

    Raises:
        Refused: a variable points git somewhere else, as those do that git sets for its hooks.
    """
    if found := [variable for variable in REDIRECTING if variable in os.environ]:
        verb = "is" if len(found) == 1 else "are"
        raise Refused(
            f"{' and '.join(found)} {verb} set, so git would not work on {str(top)!r} as it stands",
            next_step=f"unset {' '.join(found)}",
        )


def required_state_folder(top: Path) -> Path:
    """Return the state folder of a work tree.

    Raises:
        Refused: `top` is not the top of a work tree.
    """
    if find_top(top) != top:
        raise Refused(
            f"{str(top)!r} is not the top of a git work tree, and this command needs one",
            next_step="git init, or change to your repository",
        )
    return state_folder(top)
