"""Makes repositories: a second one of the same commit, and a new one."""

from __future__ import annotations

import os
from pathlib import Path

from orchestrator.vcs.repo import Repo


def clone_shared(repo: Repo, folder: Path) -> None:
    """Make `folder` a repository of its own at the same commit, with the objects of `repo` lent.

    Its branches, index and configuration are its own: what happens there stays there.
    """
    common = repo.common_folder()
    form = repo.text("rev-parse", "--show-object-format")
    repo.run("init", "--quiet", "--template=", f"--object-format={form}", "--", str(folder))
    own = folder / ".git"
    (own / "objects" / "info").mkdir(exist_ok=True)
    (own / "objects" / "info" / "alternates").write_bytes(os.fsencode(common / "objects") + b"\n")
    if (common / "shallow").exists():
        (own / "shallow").write_bytes((common / "shallow").read_bytes())
    if (common / "info" / "exclude").exists():
        (own / "info").mkdir(exist_ok=True)
        (own / "info" / "exclude").write_bytes((common / "info" / "exclude").read_bytes())
    lent = Repo(folder)
    lent.run("update-ref", "HEAD", repo.text("rev-parse", "HEAD"))
    lent.run("read-tree", "HEAD")


def initialised(folder: Path, *, user: str, address: str) -> Repo:
    """A new repository in `folder` whose commits are made by `user`, without a single hook."""
    repo = Repo(folder)
    repo.run("init", "--quiet", "--template=", "--initial-branch=main")
    for name, value in (("user.name", user), ("user.email", address), ("commit.gpgsign", "false")):
        repo.run("config", name, value)
    return repo
