"""Talks to git: the real program, started through GitPython, with argument lists only."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import CannotJudge, Refused
from orchestrator.vcs import own
from orchestrator.vcs.errors import GitFailed
from orchestrator.vcs.program import GitProgram

_PATHS_A_CALL = 500
_MARKERS = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisect",
}


@dataclass(frozen=True, slots=True)
class Head:
    """Where the branch stands: its name and its tip; no name in a worktree of our own."""

    branch: str | None
    commit: str


def find_top(start: Path) -> Path | None:
    """The nearest folder at or above `start` that holds a `.git`, without starting git."""
    return next((at for at in (start, *start.parents) if (at / ".git").exists()), None)


def find_folder(top: Path) -> Path:
    """Git's own folder of the work tree at `top`, without starting git."""
    entry = top / ".git"
    if entry.is_file():  # a linked work tree: the file names the folder
        return (top / entry.read_text("utf-8").partition("gitdir:")[2].strip()).resolve()
    return entry


class Repo(GitProgram):
    """One work tree. Paths go in and come out relative to its top, with forward slashes."""

    def filtered(self, paths: Sequence[str]) -> list[str]:
        """Those of `paths` whose bytes in git are not those of the file: LFS, for example."""
        rows = self.paths("check-attr", "-z", "filter", "--", *paths) if paths else []
        named = zip(rows[::3], rows[2::3], strict=True)
        return [path for path, value in named if value not in {"unspecified", "unset"}]

    def head(self) -> Head:
        """The branch and its tip.

        Raises:
            Refused: the repository is bare, HEAD is detached, or nothing was committed yet.
        """
        try:
            head = self.here()
        except GitFailed as error:
            if not self.is_unborn:
                raise
            raise Refused(
                "nothing was committed here yet, so nothing could be restored from git",
                next_step="git add --all && git commit",
            ) from error
        if head.branch is None and not self._ours:
            raise Refused(
                "HEAD is detached: a commit made here would belong to no branch",
                next_step="git switch -c BRANCH",
            )
        return head

    def here(self) -> Head:
        """The branch, None where HEAD is detached, and the commit that is checked out."""
        found = self.text("rev-parse", "HEAD^{commit}", "--symbolic-full-name", "HEAD")
        commit, _, name = found.partition("\n")
        if not name:  # where a tag or a branch is called HEAD
            return Head(self.branch, commit)
        return Head(None if name == "HEAD" else name.removeprefix("refs/heads/"), commit)

    @property
    def branch(self) -> str | None:
        """The branch that is checked out; None where HEAD is detached."""
        try:
            return self.text("symbolic-ref", "--quiet", "HEAD").removeprefix("refs/heads/")
        except GitFailed as error:
            _silent(error)
            return None

    def operation(self) -> str | None:
        """What is in progress here, in words: "a merge", "a rebase" … or None."""
        folder = self.folder()
        return next((word for name, word in _MARKERS.items() if (folder / name).exists()), None)

    def untracked(self, paths: Sequence[str]) -> list[str]:
        """Those of `paths` that git does not track."""
        known = set(self.paths("ls-files", "-z", "--", *paths))
        return [path for path in paths if path not in known]

    def submodule_of(self, path: str) -> str | None:
        """The submodule a path lies in."""
        rows = self.paths("ls-files", "--stage", "-z")
        links = [row.partition("\t")[2] for row in rows if row.startswith("160000 ")]
        return next((link for link in links if path.startswith(f"{link}/")), None)

    def others(self, folder: str) -> list[str]:
        """Every file below `folder` that git does not track, ignored ones too."""
        return self.paths("ls-files", "--others", "-z", "--", folder)

    def dirty(self, paths: Sequence[str]) -> list[str]:
        """Those of `paths` whose index entry or file differs from HEAD."""
        if not paths:  # git would take that for everything
            return []
        return self.paths("diff", "--name-only", "-z", "--no-renames", "HEAD", "--", *paths)

    def hidden(self, paths: Sequence[str]) -> list[str]:
        """Those of `paths` that are assume-unchanged or skip-worktree: git sees no edit."""
        rows = self.paths("ls-files", "-v", "-z", "--", *paths) if paths else []
        return [row[2:] for row in rows if row[0].islower() or row[0] == "S"]

    def staged(self) -> list[str]:
        """Every path whose index entry differs from HEAD."""
        return self.paths("diff", "--cached", "--name-only", "-z", "--no-renames", "HEAD")

    def ignored(self, path: str) -> bool:
        """Whether the user's ignore rules cover `path`."""
        try:
            self._execute(["check-ignore", "--quiet", "--no-index", f"./{path}"], literal=False)
        except GitFailed as error:
            _silent(error)
            return False
        return True

    def identity(self) -> None:
        """Make sure that a commit could be signed with a name.

        Raises:
            CannotJudge: git knows no name or address to commit with.
        """
        try:
            self.run("var", "GIT_AUTHOR_IDENT")
        except GitFailed as error:
            raise CannotJudge(
                "git knows no name and address to commit with",
                next_step="git config user.name NAME && git config user.email ADDRESS",
            ) from error

    def committer(self) -> str:
        """Who commits here, as `NAME <ADDRESS>`."""
        return self.text("var", "GIT_COMMITTER_IDENT").rsplit(" ", 2)[0]

    def add(self, paths: Iterable[str]) -> None:
        """Stage exactly these files, as `git add` does (filters and line ends included)."""
        listed = list(paths)
        try:
            self.run("add", "--", *listed)
        except GitFailed as error:
            if "sparse-checkout" not in error.output:
                raise
            self.run("add", "--sparse", "--", *listed)  # a record outside of what is checked out

    def unstage(self, paths: Iterable[str]) -> None:
        """Put the index entries of these paths back to HEAD's."""
        self.run("reset", "--quiet", "HEAD", "--", *paths)

    def staged_blobs(self, paths: Sequence[str]) -> dict[str, str]:
        """The blob id of each of `paths` in the index."""
        rows = self.paths("ls-files", "--stage", "-z", "--", *paths) if paths else []
        return {name: meta.split()[1] for meta, _, name in (row.partition("\t") for row in rows)}

    def committed_blobs(self, commit: str, paths: Sequence[str]) -> dict[str, str]:
        """The blob id of each of `paths` in `commit`; what it removed is left out."""
        rows = self.paths("ls-tree", "-r", "-z", commit, "--", *paths) if paths else []
        return {name: meta.split()[2] for meta, _, name in (row.partition("\t") for row in rows)}

    def commit(self, message_file: Path) -> str:
        """Commit the index with the message in `message_file`; hooks, signing and filters run.

        Raises:
            GitFailed: a hook or the signing said no; the index is as it was.
        """
        hooks = ["-c", f"core.hooksPath={self.hooks}"] if self.hooks else []
        options = [*own.commit_options(is_ours=self._ours), *hooks]
        command = ["commit", "--quiet", "--cleanup=whitespace", "-F", str(message_file)]
        self._started([*options, *command], own.environment(of_a_commit=True))
        return self.text("rev-parse", "HEAD")

    def parents(self, commit: str) -> list[str]:
        """The parents of `commit`."""
        return self.text("rev-parse", f"{commit}^@").split()

    def changed_by(self, commit: str) -> list[str]:
        """The paths that `commit` changes beside its first parent."""
        listed = ["diff-tree", "--no-commit-id", "--name-only", "-r", "-z", "--no-renames"]
        return self.paths(*listed, "--root", commit)

    def blob(self, name: str, path: str) -> bytes | None:
        """What a blob holds, as it would be checked out at `path`; None where there is none."""
        try:
            if self.text("cat-file", "-t", name) != "blob":
                return None
            return self.run("cat-file", "--filters", f"--path={path}", name)
        except GitFailed:
            return None

    def merged(self, ours: bytes, base: bytes, theirs: bytes) -> bytes | None:
        """`ours` with what changed from `base` to `theirs`; None where both changed the same."""
        with tempfile.TemporaryDirectory(prefix="orchestrate-merge-") as name:
            paths = [Path(name) / side for side in ("ours", "base", "theirs")]
            for path, data in zip(paths, (ours, base, theirs), strict=True):
                path.write_bytes(data)
            try:
                return self.run("merge-file", "--stdout", *map(str, paths))
            except GitFailed:
                return None

    def blobs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """The contents of blobs by their ids, in one process; what is no blob is left out."""
        wanted = sorted(set(ids))
        with tempfile.TemporaryFile("w+b", buffering=-1) as asked:
            asked.write("".join(f"{name}\n" for name in wanted).encode())
            asked.seek(0)
            printed = self.feed("cat-file", "--batch", stdin=asked)
        found, at = {}, 0
        for name in wanted:
            end = printed.index(b"\n", at)
            head, at = printed[at:end].split(), end + 1
            if head[-1] == b"missing":
                continue
            size = int(head[2])
            if head[1] == b"blob":
                found[name] = printed[at : at + size]
            at += size + 1
        return found

    def history_of(self, path: str) -> list[str]:
        """The commits that touched `path`, newest first."""
        return self.text("log", "--format=%H", "HEAD", "--", path).split()

    def patch_of(self, commit: str, *, without: str) -> str:
        """The commit as `git show` prints it, less one file; odd bytes as surrogates."""
        paths = [path for path in self.changed_by(commit) if path != without]
        plain = ["--no-ext-diff", "--no-textconv", "--format=fuller", "--patch", "--stat"]
        data = self.run("show", *plain, commit, "--", *paths)
        return data.decode("utf-8", "surrogateescape")

    def half_staged(self, paths: Sequence[str]) -> list[str]:
        """Those of `paths` that are staged with other bytes than the file holds."""
        changed = set(self.paths("diff", "--name-only", "-z", "--no-renames", "--", *paths))
        return [path for path in self.staged() if path in changed]

    def listed_files(self) -> list[str]:
        """Every file git tracks, or would on `git add --all`."""
        return self.paths("ls-files", "-z", "--cached", "--others", "--exclude-standard")

    def ignored_entries(self) -> list[str]:
        """What git ignores: files, and whole folders with a slash at their end."""
        listed = ["ls-files", "-z", "--others", "--ignored", "--exclude-standard"]
        return self.paths(*listed, "--directory")

    def ignored_of(self, paths: Sequence[str]) -> list[str]:
        """Those of `paths` that the ignore rules cover."""
        found = []
        for start in range(0, len(paths), _PATHS_A_CALL):
            some = [f"./{path}" for path in paths[start : start + _PATHS_A_CALL]]
            try:
                asked = ["check-ignore", "--no-index", "-z", "--", *some]
                printed = self._execute(asked, literal=False)
            except GitFailed:  # none of them
                continue
            found += [os.fsdecode(name).removeprefix("./") for name in printed.split(b"\0") if name]
        return found

    @property
    def is_unborn(self) -> bool:
        """Whether nothing was committed here yet."""
        try:
            self.run("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        except GitFailed:
            return True
        return False

    @property
    def is_shallow(self) -> bool:
        """Whether older commits are missing in this clone."""
        return self.text("rev-parse", "--is-shallow-repository") == "true"

    def show(self, commit: str) -> str:
        """The commit as `git show --stat` prints it."""
        return self.text("show", "--stat", "--format=fuller", commit)


def _silent(error: GitFailed) -> None:
    """Raise the error, unless git exited with 1, which means no."""
    if error.status != 1:
        raise error
