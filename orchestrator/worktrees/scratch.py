"""A copy of the work tree where a fixer's programs may write, instead of the user's own.

It is a repository of its own that borrows the objects of the user's: what a program commits,
stashes or configures there stays there. Environments that git ignores are links to where they are.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import files
from orchestrator.base.changes import FILE_MODE, Content, FileState
from orchestrator.base.paths import RepoPath, why_unsafe
from orchestrator.base.reading import read_if_there, read_regular
from orchestrator.errors import DiskError, Refused
from orchestrator.vcs import Repo
from orchestrator.vcs.clones import clone_shared
from orchestrator.vcs.opening import open_repo, required_state_folder
from orchestrator.worktrees import own_folders
from orchestrator.worktrees.own_folders import OwnFolder

SCRATCH = "scratch"
"""How notes of copies begin, in our folder below git's own."""

_NEVER_TAKEN_OVER = frozenset({
    "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis",
})  # fmt: skip
"""Folders of caches: neither copied nor linked, and what a program writes there is no change."""
_COPIED_BYTES = 2**24
"""Ignored files up to this size are copied; larger ones are not there."""

_ENVIRONMENTS = frozenset({"node_modules", ".venv", "venv", ".tox", ".nox"})
"""Ignored folders that are linked, beside those that hold a `pyvenv.cfg`: nothing else is."""

Stamp = tuple[int, int, int, int]
"""Modification time, size, mode and inode: equal where nobody has written to a file."""


@dataclass(slots=True)
class _Copied:
    """One file of the copy: how it looked here and in the user's tree when it was last in step."""

    here: Stamp
    there: Stamp | None


class ScratchCopy:
    """The copy; made at the first `hold`, brought up to date at each further one."""

    def __init__(self, repo: Repo, notes: Path) -> None:
        """Copy `repo`; `notes` is a folder of ours that says where the copy is while it exists."""
        self._repo = repo
        self._notes = notes
        self._own: OwnFolder | None = None
        self._folder: Path | None = None
        self._copied: dict[str, _Copied] = {}
        self._given: dict[str, Content] = {}
        self._reached: set[str] = set()
        self._seconds: dict[str, int] = {}
        """By path, the last second that was given as a file's modification time."""

    @property
    def folder(self) -> Path:
        """Its top; there is one once something is held."""
        assert self._folder is not None
        return self._folder

    def hold(self, contents: Mapping[str, Content]) -> None:
        """Make it what the work tree is now, apart from `contents`.

        Raises:
            DiskError: it could not be written.
        """
        try:
            if self._folder is None:
                self._make()
            self._bring_up_to_date()
            self._given = dict(contents)
            for path, content in contents.items():
                self._clear_the_way(path)  # the folder of a file that a program may make
                self._put(path, content)
                there = self._copied[path].there if path in self._copied else None
                self._copied.pop(path, None)
                if content is not None:
                    self._copied[path] = _Copied(_stamp(self.folder / path), there)
        except OSError as error:
            raise DiskError(f"cannot copy the work tree: {error}", next_step="df -h") from error

    def write(self, contents: Mapping[str, Content]) -> None:
        """Change files as a program would."""
        for path, content in contents.items():
            self._put(path, content)

    def held(self, path: str) -> Content:
        """What a file held at the last `hold`."""
        if path in self._given:
            return self._given[path]
        return read_if_there(self._repo.top / path) if path in self._copied else None

    def changed(self) -> dict[str, FileState]:
        """What is otherwise than at the last `hold`, by path; what git ignores does not count."""
        found: dict[str, FileState] = {}
        seen: set[str] = set()
        new: list[str] = []
        for path, file in _files(self.folder):
            if path in self._reached:
                continue
            seen.add(path)
            known = self._copied.get(path)
            if known is None:
                new.append(path)
            elif _stamp(file) != known.here and (now := self._now(path, file, known.here[2])):
                found[path] = now
        for path in set(self._copied) - seen:
            found[path] = FileState(None, self._copied[path].here[2])
        ignored = set(Repo(self.folder).ignored_of(new)) if new else set()
        for path in new:
            if path not in ignored:
                file = self.folder / path
                mode = 0o755 if file.lstat().st_mode & 0o100 else FILE_MODE
                odd = "no path that a plan could name" if why_unsafe(path) else ""
                found[path] = FileState(None, mode, odd) if odd else _seen(file, mode)
        return dict(sorted(found.items()))

    def close(self) -> None:
        """Remove it."""
        if self._own is not None:
            self._own.remove()
        self._own, self._folder = None, None
        self._copied, self._given, self._reached = {}, {}, set()

    def _now(self, path: str, file: Path, mode: int) -> FileState | None:
        now = _seen(file, mode)
        if now.unsupported_reason:
            return now
        now_mode = file.stat().st_mode
        if stat.S_IMODE(now_mode) & 0o111 != stat.S_IMODE(mode) & 0o111:
            return FileState(now.content, now_mode, "its mode was changed")
        return now if now.content != self.held(path) else None

    def _make(self) -> None:
        self._own = own_folders.make(self._notes, SCRATCH)
        folder = self._own.path / (self._repo.top.name or "repository")
        folder.mkdir()
        self._folder = folder
        clone_shared(self._repo, folder)
        for path in self._repo.ignored_entries():
            self._reach(path)

    def _reach(self, path: str) -> None:
        """Let an ignored file or folder be found from the copy as well."""
        parts = path.rstrip("/").split("/")
        if _NEVER_TAKEN_OVER & set(parts) or path.endswith(".pyc"):
            return
        there, here = self._repo.top / path, self.folder.joinpath(*parts)
        is_small = there.is_file() and there.stat().st_size <= _COPIED_BYTES
        is_environment = parts[-1] in _ENVIRONMENTS or (there / "pyvenv.cfg").is_file()
        if not (is_small or is_environment) or os.path.lexists(here):
            return
        self._reached.add("/".join(parts))
        here.parent.mkdir(parents=True, exist_ok=True)
        if is_small:
            shutil.copy2(there, here)
        else:
            here.symlink_to(there)

    def _bring_up_to_date(self) -> None:
        """Undo what programs did, and take over what has changed in the user's tree."""
        for path in self.changed():
            if path not in self._copied:
                self._put(path, None)
        top = f"{self._repo.top}{os.sep}"
        listed = {}
        for path in self._repo.listed_files():
            try:
                status = os.lstat(top + path)
            except OSError:
                continue  # deleted, or not checked out
            if not stat.S_ISDIR(status.st_mode):  # a submodule
                listed[path] = _stamp_of(status)
        for path in set(self._copied) - set(listed):
            self._put(path, None)
            del self._copied[path]
        for path, there in listed.items():
            known = self._copied.get(path)
            here = self.folder / path
            stale = known is None or known.there != there or path in self._given
            if stale or _stamp(here) != known.here:  # type: ignore[union-attr]  # not None: not stale
                self._copy(path, here)
                self._copied[path] = _Copied(_stamp(here), there)

    def _clear_the_way(self, path: str) -> None:
        """Make the folders of a file; what a program put in the place of one is removed."""
        at = self.folder
        for part in path.split("/")[:-1]:
            at /= part
            if at.is_symlink() or not at.is_dir():
                _remove(at)
                at.mkdir()

    def _is_in_link(self, path: str) -> bool:
        """Whether a program put a link in the place of a folder of the file."""
        *folders, _ = path.split("/")
        return bool(folders) and files.is_behind_link(self.folder, RepoPath("/".join(folders)))

    def _copy(self, path: str, here: Path) -> None:
        self._clear_the_way(path)
        if here.is_symlink() or here.exists():
            here.unlink()
        shutil.copy2(self._repo.top / path, here, follow_symlinks=False)

    def _put(self, path: str, content: Content) -> None:
        here = self.folder / path
        if content is None:
            if not self._is_in_link(path):
                _remove(here)
            return
        self._clear_the_way(path)
        mode = (
            stat.S_IMODE(here.stat().st_mode) if here.is_file() and not here.is_symlink() else None
        )
        before = int(here.lstat().st_mtime) if os.path.lexists(here) else 0
        latest = max(before, self._seconds.get(path, 0))
        _remove(here)  # it may be a link, a folder, or read-only
        here.write_bytes(content)
        if mode is not None:
            here.chmod(mode)
        now = here.stat()
        if int(now.st_mtime) <= latest:  # else bytecode of the old bytes passes for that of the new
            os.utime(here, (now.st_atime, latest + 1))
        self._seconds[path] = int(here.stat().st_mtime)


def _remove(here: Path) -> None:
    """Remove what is there, a folder as a whole; below a file there is nothing."""
    if here.is_dir() and not here.is_symlink():
        shutil.rmtree(here)
    else:
        with contextlib.suppress(NotADirectoryError):
            here.unlink(missing_ok=True)


class LazyScratch:
    """A copy of the work tree that is made when it is first asked for."""

    def __init__(self, make: Callable[[], ScratchCopy]) -> None:
        """Make nothing yet."""
        self._make = make
        self._made: ScratchCopy | None = None

    def get(self) -> ScratchCopy:
        """Return the copy.

        Raises:
            Refused: there is no repository to copy.
        """
        if self._made is None:
            self._made = self._make()
        return self._made

    def close(self) -> None:
        """Remove the copy, if there is one."""
        if self._made is not None:
            self._made.close()


def own_copy(top: Path) -> ScratchCopy:
    """A copy of the work tree beside whatever else is at work here; the caller closes it.

    Raises:
        Refused: there is no repository, or no commit in it.
    """
    folder, repo = required_state_folder(top), open_repo(top)
    if repo.is_unborn:
        raise Refused(
            "nothing was committed here yet, and a copy is made of a commit",
            next_step="git add --all && git commit",
        )
    return ScratchCopy(repo, folder)


def sweep(notes: Path) -> None:
    """Remove the copies that killed runs left behind: those that notes in a folder speak of."""
    for _, own in own_folders.abandoned(notes, SCRATCH):
        own.remove()


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file and link below `folder` with its path from there; git's own and caches aside."""
    start = len(str(folder)) + 1
    for name, folders, names in os.walk(folder):
        at = name[start:].replace(os.sep, "/")
        links = [f for f in folders if os.path.islink(f"{name}{os.sep}{f}")]  # noqa: PTH114 - thousands of them
        folders[:] = [
            f
            for f in folders
            if f not in _NEVER_TAKEN_OVER and f not in links and (at or f != ".git")
        ]
        for file in (*names, *links):
            if not file.endswith(".pyc"):
                yield f"{at}/{file}" if at else file, Path(name, file)


def _seen(file: Path, mode: int) -> FileState:
    """A file as a program left it; nothing but a regular file of the usual size is read."""
    if file.is_symlink():
        return FileState(None, mode, "a symbolic link")
    try:
        return FileState(read_regular(file), mode)
    except OSError as error:
        return FileState(None, mode, error.strerror or "it cannot be read")


def _stamp(file: Path) -> Stamp:
    try:
        return _stamp_of(file.lstat())
    except OSError:
        return (0, 0, 0, 0)


def _stamp_of(status: os.stat_result) -> Stamp:
    return status.st_mtime_ns, status.st_size, status.st_mode, status.st_ino
