"""Makes and removes linked work trees: folders of their own that share objects and branches."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from orchestrator.git.repo import Repo

_SPECIAL = re.compile(r"[\\*?\[]")
"""What a pattern of git would take for something else than itself."""

_NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")


def add(repo: Repo, folder: Path, commit: str) -> Repo:
    """A work tree in `folder`, on no branch, that holds `commit`; the user's hooks do not run."""
    repo.run(*_NO_HOOKS, "worktree", "add", "--quiet", "--force", "--detach", str(folder), commit)
    return Repo(folder, ours=True)


def move(worktree: Repo, commit: str, *, but: Sequence[str] = ()) -> None:
    """Let a work tree of ours hold `commit` and nothing else, `but` these and what git ignores."""
    worktree.run(*_NO_HOOKS, "checkout", "--quiet", "--force", "--detach", commit)
    spared = ["--exclude=/" + _SPECIAL.sub(r"\\\g<0>", path) for path in but]
    worktree.run("clean", "--quiet", "--force", "-d", *spared)


def unknown(worktree: Repo) -> list[str]:
    """Files and folders git neither tracks nor ignores."""
    listed = ["ls-files", "-z", "--others", "--exclude-standard", "--directory"]
    return [path.rstrip("/") for path in worktree.paths(*listed)]


def branches_in_use(repo: Repo) -> set[str]:
    """The branches that a work tree has checked out, or is rebasing."""
    rows = repo.text("worktree", "list", "--porcelain").splitlines()
    found = {row.removeprefix("branch ") for row in rows if row.startswith("branch ")}
    common = common_folder(repo)
    for kept in [
        *common.glob("rebase-*/head-name"),
        *common.glob("worktrees/*/rebase-*/head-name"),
    ]:
        found.add(kept.read_text("utf-8", "surrogateescape").strip())
    return {name.removeprefix("refs/heads/") for name in found}


def folders(worktree: Repo) -> list[str]:
    """Every folder that holds a file git tracks."""
    return worktree.paths("ls-tree", "-r", "-d", "-z", "--name-only", "HEAD")


def remove(common: Path, folder: Path) -> None:
    """Remove the work tree in `folder`, and what git keeps of it in `common`, its shared folder.

    Others are left alone, those whose folder is gone included.
    """
    shutil.rmtree(folder, ignore_errors=True)
    for kept in (common / "worktrees").glob("*/gitdir"):
        there = kept.parent / kept.read_text("utf-8", "surrogateescape").strip()
        if Path(os.path.normpath(there)).parent == folder:
            shutil.rmtree(kept.parent, ignore_errors=True)


def common_folder(repo: Repo) -> Path:
    """The folder that all work trees of a repository share."""
    return (repo.top / repo.text("rev-parse", "--git-common-dir")).resolve()
