"""Tells of commits that a run apart had to keep; git is started only where there may be some."""

from __future__ import annotations

from pathlib import Path

from orchestrator.vcs import find_folder
from orchestrator.vcs.state_folder import state_folder

_BRANCHES = "refs/heads/orchestrate"


def waiting(top: Path) -> tuple[str, str] | None:
    """The user's branch and the branch of ours that is ahead of it; None where none is."""
    if not _may_wait(find_folder(top)):
        return None
    from orchestrator.vcs import Repo
    from orchestrator.worktrees.fast_forward import BranchUpdater

    repo = Repo(top)
    if (branch := repo.branch) is None or repo.is_unborn:
        return None
    ahead = BranchUpdater(repo, state_folder(top), branch).ahead()
    return None if ahead is None else (branch, ahead)


def _may_wait(folder: Path) -> bool:
    """Whether any branch is called as ours are."""
    common = folder / "commondir"  # of a linked work tree: where its branches are
    if common.is_file():
        folder = folder / common.read_text("utf-8").strip()
    loose = folder / _BRANCHES
    packed = folder / "packed-refs"
    near = loose.is_dir() or any(loose.parent.glob(f"{loose.name}-*"))
    return near or (packed.is_file() and _BRANCHES.encode() in packed.read_bytes())
