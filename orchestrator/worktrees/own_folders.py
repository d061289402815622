"""Folders of ours among the temporary ones, each with a note that lets a later run remove it.

The note lies below git's own folder and names the folder and a token; a mark in the folder holds
the same token. Nothing is removed where the two do not agree: a stranger may have written the note.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import process, state_files, tempdirs
from orchestrator.base.codec import UnfitError, decoded, encoded
from orchestrator.base.reading import read_regular
from orchestrator.errors import DiskError

_MARK = ".orchestrate-folder"


@dataclass(frozen=True, slots=True)
class Note:
    """What a note says: whose the folder is, and by which token that can be told.

    `pids` is the namespace of process numbers that `pid` is of; 0 where the system has none.
    """

    folder: str
    token: str
    run: str
    pid: int
    pids: int


@dataclass(frozen=True, slots=True)
class OwnFolder:
    """One of them: `path` is ours alone, `note` the file that speaks of it."""

    path: Path
    note: Path

    def remove(self) -> None:
        """Remove it, whatever is in it, and its note."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.note.unlink(missing_ok=True)


def make(notes: Path, kind: str) -> OwnFolder:
    """A new one; its note, `KIND-…` in the folder `notes`, is there before it is.

    Raises:
        DiskError: it or its note cannot be written.
    """
    name = f"{kind}-{uuid.uuid4().hex[:12]}"
    folder = Path(tempfile.gettempdir()).resolve() / f"orchestrate-{name}"
    made = OwnFolder(folder, notes / name)
    token = uuid.uuid4().hex
    note = Note(str(folder), token, process.RUN_ID, os.getpid(), tempdirs.pid_namespace())
    try:
        state_files.write(made.note, encoded(note))
        folder.mkdir(mode=0o700)
        (folder / _MARK).write_text(token, "ascii")
    except DiskError:
        made.remove()
        raise
    except OSError as error:
        made.remove()
        raise DiskError(
            f"cannot make the folder {str(folder)!r}: {error.strerror}",
            next_step="df -h, or name another folder for temporary files with TMPDIR",
        ) from error
    return made


def abandoned(notes: Path, kind: str) -> Iterator[tuple[Note, OwnFolder]]:
    """Yield temporary folders that ended runs left; remove notes that name no such folder."""
    for file in sorted(notes.glob(f"{kind}-*")):
        if (note := _read(file)) is None:
            _forget(file)
        elif not _is_alive(note):
            if _is_ours(note, kind):
                yield note, OwnFolder(Path(note.folder), file)
            else:
                _forget(file)


def _read(file: Path) -> Note | None:
    try:
        return decoded(Note, read_regular(file, most_mib=1))
    except (OSError, UnfitError):
        return None


def _forget(note: Path) -> None:
    """Remove a note alone; where it is no file, it is none of ours and stays."""
    with contextlib.suppress(OSError):
        note.unlink()


def _is_alive(note: Note) -> bool:
    """Whether the run may still be at work: what cannot be told from here is left alone."""
    if note.pids != tempdirs.pid_namespace():
        return True
    if note.pid == os.getpid():
        return note.run == process.RUN_ID
    return process.is_alive(note.pid)


def _is_ours(note: Note, kind: str) -> bool:
    """Whether we made the folder: it is the user's, behind no link, and holds the note's token.

    One that is empty was made by a run that died before the mark was in it.
    """
    folder = Path(note.folder)
    if not folder.is_absolute() or not folder.name.startswith(f"orchestrate-{kind}-"):
        return False
    try:
        state = folder.lstat()
        if not stat.S_ISDIR(state.st_mode) or state.st_uid != os.getuid():
            return False
        if Path(os.path.realpath(folder)) != folder:
            return False
        if next(folder.iterdir(), None) is None:
            return True
        token = read_regular(folder / _MARK, most_mib=1)
    except OSError:
        return False
    return token == note.token.encode() and not (folder / _MARK).is_symlink()
