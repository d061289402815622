"""Commits in a work tree of ours so that hooks see the branch on which it will land.

A work tree of ours is on no branch, and the user's branch must not move before all is well. So for
the time of the commit another folder stands in for git's own of the work tree: with refs of its
own, among them that branch, and everything else that of the repository. What a rule for a branch
forbids in the user's tree is thereby forbidden here, and settings for a branch hold.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.vcs.errors import GitFailed
from orchestrator.vcs.repo import Repo
from orchestrator.vcs.settings import hooks_folder, settings_in
from orchestrator.vcs.worktrees import NO_HOOKS

_HOOKS = ("pre-commit", "prepare-commit-msg", "commit-msg", "post-commit", "reference-transaction")
_BY_SETTING = r"^(hook\.|includeif\.onbranch:)"
"""Settings that bring hooks, or other settings for a branch."""

_OWN = frozenset({
    "objects", "refs", "reftable", "logs", "worktrees", "orchestrate", "info",
    "rebase-merge", "rebase-apply", "sequencer",
})  # fmt: skip
"""Folders that the stand-in has itself, or that it must not have."""

_OF_A_WORK_TREE = ("refs/worktree/", "refs/bisect/", "refs/rewritten/")
_NOT_OURS = ("extensions.refstorage", "extensions.worktreeconfig")
"""How the repository keeps refs and settings; those of the stand-in are files."""


def commit_as_on(repo: Repo, branch: str, message_file: Path) -> str:
    """Commit the index of a work tree of ours, as `Repo.commit`, where hooks see `branch`.

    Raises:
        GitFailed: a hook or the signing said no; the index is as it was.
    """
    if not _depends_on_the_branch(repo):
        return repo.commit(message_file)
    base = repo.text("rev-parse", "HEAD")
    with _standing_in(repo, branch, base) as place:
        before = _refs(repo)
        commit = repo.commit(message_file)
        after = _refs(repo)
    del before[f"refs/heads/{branch}"], after[f"refs/heads/{branch}"]
    for name in sorted(name for name in after if after[name] != before.get(name)):
        with contextlib.suppress(GitFailed):  # a tag or a note of a hook, which somebody else made
            old = before.get(name, "0" * len(base))
            repo.run(*NO_HOOKS, "update-ref", name, after[name], old)
    repo.run(*NO_HOOKS, "update-ref", "--no-deref", "HEAD", commit, base)
    shutil.rmtree(place, ignore_errors=True)
    return commit


def _depends_on_the_branch(repo: Repo) -> bool:
    """Whether a hook could look at the branch, or a setting be for one."""
    folder = repo.hooks or hooks_folder(repo)
    if any(os.access(folder / name, os.X_OK) for name in _HOOKS):
        return True
    try:
        return bool(repo.text("config", "--name-only", "--get-regexp", _BY_SETTING))
    except GitFailed:
        return False


@contextmanager
def _standing_in(repo: Repo, branch: str, base: str) -> Iterator[Path]:
    """Let the work tree take another folder for git's own in the block, which has `branch`."""
    kept, common = repo.folder(), repo.common_folder()
    place = kept / "orchestrate" / "stand-in"
    shutil.rmtree(place, ignore_errors=True)
    _make(repo, place, kept, common)
    _make_refs(place, {**_refs(repo), f"refs/heads/{branch}": base}, branch)
    entry = repo.top / ".git"
    before = entry.read_bytes()
    try:
        _put(entry, os.fsencode(f"gitdir: {place}\n"))
        yield place
    finally:
        _put(entry, before)
        _bring_objects(repo, place / "objects", common / "objects")


def _make(repo: Repo, place: Path, kept: Path, common: Path) -> None:
    for folder in ("objects/info", "refs/heads", "info"):
        (place / folder).mkdir(parents=True)
    (place / "objects/info/alternates").write_bytes(os.fsencode(common / "objects") + b"\n")
    for there in common.iterdir():
        if there.is_dir() and there.name not in _OWN and there.suffix not in {".lock", ".aside"}:
            (place / there.name).symlink_to(there)
    for above in (common, kept):
        for there in [*above.glob("info/*"), *above.glob("sharedindex.*")]:
            here = place / there.relative_to(above)
            here.unlink(missing_ok=True)
            here.symlink_to(there)
    if (common / "shallow").exists():
        (place / "shallow").symlink_to(common / "shallow")
    (place / "index").symlink_to(kept / "index")
    files = [file for file in (common / "config", kept / "config.worktree") if file.exists()]
    (place / "config").write_bytes(os.fsencode(_config(repo, files)))


def _config(repo: Repo, files: Sequence[Path]) -> str:
    """Settings of its own as far as git takes them from nowhere else, and all those of `files`."""
    found = settings_in(repo, [file.read_bytes() for file in files[:1]])
    extensions = [
        f"\t{name.partition('.')[2]} = {_quoted(value)}"
        for name, value in found.items()
        if name.startswith("extensions.") and name not in _NOT_OURS
    ]
    version = 1 if extensions else 0
    lines = ["[core]", f"\trepositoryformatversion = {version}", "\tbare = false"]
    if extensions:
        lines += ["[extensions]", *extensions]
    lines += ["[include]", *(f"\tpath = {_quoted(str(file))}" for file in files)]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _refs(repo: Repo) -> dict[str, str]:
    """Every ref of the repository, and the commit or tag it names."""
    rows = repo.text("for-each-ref", "--format=%(objectname) %(refname)").splitlines()
    named = (row.partition(" ") for row in rows)
    return {name: id_ for id_, _, name in named if not name.startswith(_OF_A_WORK_TREE)}


def _make_refs(place: Path, refs: dict[str, str], branch: str) -> None:
    rows = [f"{id_} {name}" for name, id_ in sorted(refs.items(), key=lambda r: os.fsencode(r[0]))]
    packed = "\n".join(["# pack-refs with: sorted ", *rows, ""])
    (place / "packed-refs").write_bytes(os.fsencode(packed))
    (place / "HEAD").write_bytes(os.fsencode(f"ref: refs/heads/{branch}\n"))


def _put(entry: Path, data: bytes) -> None:
    beside = entry.with_name(".git.orchestrate")
    beside.write_bytes(data)
    beside.replace(entry)


def _bring_objects(repo: Repo, ours: Path, theirs: Path) -> None:
    """Let the repository have every object that was made; they are named by what they hold."""
    for pack in ours.glob("pack/*.pack"):
        with pack.open("rb") as stream:
            repo.feed("unpack-objects", "-q", stdin=stream)
    for file in ours.glob("[0-9a-f][0-9a-f]/*"):
        there = theirs / file.parent.name / file.name
        if not there.exists():
            there.parent.mkdir(exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.link(file, there)
