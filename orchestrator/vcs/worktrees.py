"""Makes and removes linked work trees: folders of their own that share objects and branches."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from orchestrator.vcs.repo import Repo

_SPECIAL = re.compile(r"[\\*?\[]")
"""What a pattern of git would take for something else than itself."""

NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")


def add(repo: Repo, folder: Path, commit: str) -> Repo:
    """A work tree in `folder`, on no branch, that holds `commit`; the user's hooks do not run.

    The name of the folder it lies in must be unique. What git keeps of it comes into place at once,
    laid out as `man gitrepository-layout` says: `git worktree add` begins with a HEAD that names no
    commit, and where it is killed by then, `git gc` and others fail in the user's repository.
    """
    common = repo.common_folder()
    if any(path.exists() for path in _by_git_alone(repo, common)):
        repo.run(
            *NO_HOOKS, "worktree", "add", "--quiet", "--force", "--detach", str(folder), commit
        )
        return Repo(folder, ours=True)
    kept, begun = common / "worktrees" / folder.parent.name, _aside(common, folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".git").write_text(f"gitdir: {kept}\n", "utf-8", "surrogateescape")
    begun.mkdir()
    (begun / "gitdir").write_text(f"{folder / '.git'}\n", "utf-8", "surrogateescape")
    (begun / "commondir").write_text("../..\n", "utf-8")
    (begun / "HEAD").write_text(f"{commit}\n", "utf-8")
    kept.parent.mkdir(exist_ok=True)
    begun.rename(kept)
    made = Repo(folder, ours=True)
    made.run(*NO_HOOKS, "reset", "--quiet", "--hard", "--no-recurse-submodules")
    return made


def _by_git_alone(repo: Repo, common: Path) -> list[Path]:
    """What a work tree needs more than we know of, where it is there."""
    own = repo.folder()
    return [common / "reftable", own / "config.worktree", own / "info" / "sparse-checkout"]


def _aside(common: Path, folder: Path) -> Path:
    """Where that is while it is made or removed, which git knows nothing of."""
    return common / f"{folder.parent.name}.aside"


def move(worktree: Repo, commit: str, *, but: Sequence[str] = ()) -> None:
    """Let a work tree of ours hold `commit` and nothing else, `but` these and what git ignores."""
    worktree.run(*NO_HOOKS, "checkout", "--quiet", "--force", "--detach", commit)
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
    common = repo.common_folder()
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
            with contextlib.suppress(OSError):  # it is there already: nothing of it is needed
                kept.parent.rename(_aside(common, folder))
            shutil.rmtree(kept.parent, ignore_errors=True)
    shutil.rmtree(_aside(common, folder), ignore_errors=True)
