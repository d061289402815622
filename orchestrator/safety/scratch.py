"""A copy of the work tree where a fixer's programs may write, instead of the user's own.

It is a repository of its own that borrows the objects of the user's: what a program commits,
stashes or configures there stays there. Environments that git ignores are links to where they are.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from orchestrator.changes import FILE_MODE, Content
from orchestrator.errors import DiskError
from orchestrator.fixers.task import Now
from orchestrator.git import Repo
from orchestrator.git.lend import lend

SCRATCH = "scratch"
"""How notes of copies begin, in our folder below git's own."""

_PREFIX = "orchestrate-scratch-"
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

    def __init__(self, repo: Repo, note: Path) -> None:
        """Copy `repo`; `note` is a file of ours that names the copy while it exists."""
        self._repo = repo
        self._note = note
        self._folder: Path | None = None
        self._copied: dict[str, _Copied] = {}
        self._given: dict[str, Content] = {}
        self._reached: set[str] = set()

    @property
    def folder(self) -> Path:
        """Its top; there is one once something is held."""
        assert self._folder is not None
        return self._folder

    def hold(self, files: Mapping[str, Content]) -> None:
        """Make it what the work tree is now, apart from `files`.

        Raises:
            DiskError: it could not be written.
        """
        try:
            if self._folder is None:
                self._make()
            self._bring_up_to_date()
            self._given = dict(files)
            for path, content in files.items():
                (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
                self._put(path, content)
                there = self._copied[path].there if path in self._copied else None
                self._copied.pop(path, None)
                if content is not None:
                    self._copied[path] = _Copied(_stamp(self.folder / path), there)
        except OSError as error:
            raise DiskError(f"cannot copy the work tree: {error}", next_step="df -h") from error

    def write(self, files: Mapping[str, Content]) -> None:
        """Change files as a program would."""
        for path, content in files.items():
            self._put(path, content)

    def held(self, path: str) -> Content:
        """What a file held at the last `hold`."""
        if path in self._given:
            return self._given[path]
        file = self._repo.top / path
        return file.read_bytes() if path in self._copied and file.is_file() else None

    def changed(self) -> dict[str, Now]:
        """What is otherwise than at the last `hold`, by path; what git ignores does not count."""
        found: dict[str, Now] = {}
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
            found[path] = Now(None, self._copied[path].here[2])
        ignored = set(Repo(self.folder).ignored_of(new)) if new else set()
        for path in new:
            if path not in ignored:
                file = self.folder / path
                odd = "a symbolic link" if file.is_symlink() else ""
                mode = 0o755 if file.lstat().st_mode & 0o100 else FILE_MODE
                found[path] = Now(None if odd else file.read_bytes(), mode, odd)
        return dict(sorted(found.items()))

    def close(self) -> None:
        """Remove it."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._note.unlink(missing_ok=True)
            self._folder, self._copied, self._given, self._reached = None, {}, {}, set()

    def _now(self, path: str, file: Path, mode: int) -> Now | None:
        if file.is_symlink():
            return Now(None, mode, "a symbolic link")
        now_mode, content = file.stat().st_mode, file.read_bytes()
        if stat.S_IMODE(now_mode) & 0o111 != stat.S_IMODE(mode) & 0o111:
            return Now(content, now_mode, "its mode was changed")
        return Now(content, mode) if content != self.held(path) else None

    def _make(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX)).resolve()
        self._note.parent.mkdir(exist_ok=True)
        self._note.write_text(str(folder), "utf-8")
        self._folder = folder
        lend(self._repo, folder)
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

    def _copy(self, path: str, here: Path) -> None:
        here.parent.mkdir(parents=True, exist_ok=True)
        if here.is_symlink() or here.exists():
            here.unlink()
        shutil.copy2(self._repo.top / path, here, follow_symlinks=False)

    def _put(self, path: str, content: Content) -> None:
        here = self.folder / path
        if content is None:
            _remove(here)
            return
        here.parent.mkdir(parents=True, exist_ok=True)
        mode = (
            stat.S_IMODE(here.stat().st_mode) if here.is_file() and not here.is_symlink() else None
        )
        _remove(here)  # it may be a link, a folder, or read-only
        here.write_bytes(content)
        if mode is not None:
            here.chmod(mode)


def _remove(here: Path) -> None:
    """Remove what is there, a folder as a whole; below a file there is nothing."""
    if here.is_dir() and not here.is_symlink():
        shutil.rmtree(here)
    else:
        with contextlib.suppress(NotADirectoryError):
            here.unlink(missing_ok=True)


def sweep(folder: Path, name: str) -> None:
    """Remove the copies that killed runs left behind: those that notes called `name…` speak of.

    One whose note ends in the number of a living process is in use.
    """
    for note in folder.glob(f"{name}*"):
        number = note.name.rpartition("-")[2]
        if number.isdigit() and Path(f"/proc/{number}").exists():
            continue
        copy = Path(note.read_text("utf-8"))
        if copy.name.startswith(_PREFIX) and (copy / ".git").is_dir():
            shutil.rmtree(copy, ignore_errors=True)
        note.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file and link below `folder` with its path from there; git's own and caches aside."""
    start = len(str(folder)) + 1
    for name, folders, files in os.walk(folder):
        at = name[start:].replace(os.sep, "/")
        links = [f for f in folders if os.path.islink(f"{name}{os.sep}{f}")]  # noqa: PTH114 - thousands of them
        folders[:] = [
            f
            for f in folders
            if f not in _NEVER_TAKEN_OVER and f not in links and (at or f != ".git")
        ]
        for file in (*files, *links):
            if not file.endswith(".pyc"):
                yield f"{at}/{file}" if at else file, Path(name, file)


def _stamp(file: Path) -> Stamp:
    try:
        return _stamp_of(file.lstat())
    except OSError:
        return (0, 0, 0, 0)


def _stamp_of(status: os.stat_result) -> Stamp:
    return status.st_mtime_ns, status.st_size, status.st_mode, status.st_ino
