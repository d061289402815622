"""What a sparse checkout leaves out of the work tree: git has it, and the tree has not."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.vcs.repo import Repo


def left_out(repo: Repo, paths: Sequence[str]) -> list[str]:
    """Those of `paths` that a sparse checkout leaves out."""
    rows = repo.paths("ls-files", "-t", "-z", "--", *paths) if paths else []
    return [row[2:] for row in rows if row.startswith("S ")]


def stage_removal(repo: Repo, path: str) -> None:
    """Take a file out of the index, whether or not it is in the tree."""
    repo.run("update-index", "--force-remove", "--", path)


def bring_back(repo: Repo, path: str) -> None:
    """Give a tracked file what HEAD holds; one that a sparse checkout leaves out stays out."""
    if not left_out(repo, [path]):
        repo.run("checkout", "--quiet", "--ignore-skip-worktree-bits", "HEAD", "--", path)
