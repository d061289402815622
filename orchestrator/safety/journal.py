"""What a run is about to do, on disk before it does it, so that a crash can be undone."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestrator import files, process
from orchestrator.changes import FILE_MODE, Change, Content
from orchestrator.errors import NeedsDecision
from orchestrator.git import Repo
from orchestrator.safety.judged import Unjudged, take_back, unjudged
from orchestrator.words import plural

_NO_FILE = b"\0a folder, or a dangling link"
"""Stands for something that is in the way of a file: nothing a run ever wrote."""

RECOVER = "orchestrate recover --keep, or: orchestrate recover --restore"


class Decision(StrEnum):
    """What to do with a file whose bytes are neither the old ones nor ours."""

    KEEP = "keep"
    RESTORE = "restore"


class Kept(StrEnum):
    """What is known of one side of a file: a copy beside the journal, or that there is no file."""

    COPY = "copy"
    ABSENT = "absent"


class FileEntry(BaseModel):
    """One file: `number` names the copies of its bytes beside the journal.

    `before` is what it is restored to, with `mode` where it has to be made; `after` is what it may
    hold because of the run, None as long as nothing is to be written.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: str
    number: int
    mode: int
    before: Kept
    after: Kept | None = None


class Entry(BaseModel):
    """The journal itself. `step` is how far the run was about to go."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1] = 1
    run: str
    place: str
    base: str
    record: str
    step: Literal["prepared", "applying", "committing"]
    files: tuple[FileEntry, ...]
    judged: dict[str, str | None] | None = None
    """What the commit is to change: the blob of each file, None where it is removed."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """How an unfinished run was ended, in a sentence.

    `kept` are files left with bytes nobody here knows, `rescued` copies of such bytes.
    """

    sentence: str
    kept: Sequence[str] = ()
    rescued: Sequence[Path] = ()


class Journal:
    """A run's journal below git's own folder, with the bytes before and after of every target."""

    def __init__(self, folder: Path, repo: Repo) -> None:
        """Use `folder`, which belongs to this tool alone."""
        self._folder = folder
        self._repo = repo
        self._file = folder / "journal.json"

    @property
    def message_file(self) -> Path:
        """Where the commit message is while git reads it."""
        return self._folder / "message"

    @property
    def exists(self) -> bool:
        """Whether a run began here and did not come to its end."""
        return self._file.exists()

    def prepare(self, place: str, base: str, record: str, before: Mapping[str, Content]) -> None:
        """Write down what is about to be changed, with the bytes as they are."""
        shutil.rmtree(self._folder / "before", ignore_errors=True)
        shutil.rmtree(self._folder / "after", ignore_errors=True)
        entries = []
        for number, (path, content) in enumerate(before.items()):
            entries.append(self._new(number, path, content, self._mode(path)))
        self._write(
            Entry(
                run=process.RUN_ID,
                place=place,
                base=base,
                record=record,
                step="prepared",
                files=tuple(entries),
            )
        )

    def applying(self, changes: Sequence[Change]) -> None:
        """Write down what is about to be written, before the first of it is.

        `before` of a change is what its file is restored to, `after` what it may hold. Called
        again, it forgets what it was told: files in no change hold what they are restored to.
        """
        entry = self._read()
        known = {file.path: file for file in entry.files}
        for change in changes:
            if change.path not in known:
                number = len(known)
                there = change.before is not None
                mode = self._mode(change.path) if there else change.mode
                known[change.path] = self._new(number, change.path, change.before, mode)
        after = {change.path: change.after for change in changes}
        files_ = []
        for file in known.values():
            kept = None
            if file.path in after:
                kept = self._keep("after", file.number, after[file.path])
            files_.append(file.model_copy(update={"after": kept}))
        self._write(entry.model_copy(update={"step": "applying", "files": tuple(files_)}))

    def _new(self, number: int, path: str, content: Content, mode: int) -> FileEntry:
        before = self._keep("before", number, content)
        return FileEntry(path=path, number=number, mode=mode, before=before)

    def _keep(self, kind: str, number: int, content: Content) -> Kept:
        if content is None:
            return Kept.ABSENT
        files.create(self._folder / kind / str(number), content)
        return Kept.COPY

    def _mode(self, path: str) -> int:
        file = self._repo.top / path
        return stat.S_IMODE(file.stat().st_mode) if file.exists() else FILE_MODE

    def committing(self) -> None:
        """Write down that record, index and branch are about to change."""
        self._write(self._read().model_copy(update={"step": "committing"}))

    def judged(self, blobs: Mapping[str, str | None]) -> None:
        """Write down what the commit is to hold, before git is asked to make it."""
        self._write(self._read().model_copy(update={"judged": dict(blobs)}))

    def close(self) -> None:
        """Forget the run: it came to its end, one way or the other."""
        self._file.unlink(missing_ok=True)
        self.message_file.unlink(missing_ok=True)
        shutil.rmtree(self._folder / "before", ignore_errors=True)
        shutil.rmtree(self._folder / "after", ignore_errors=True)

    def recover(self, decision: Decision | None = None) -> Recovered:
        """End what a run left behind, and say how.

        A landed commit is kept; otherwise every target that holds our bytes gets its own back, our
        record and our index entries go. Bytes nobody here knows are never overwritten: they need
        `decision`, and are copied to the rescue folder before they are replaced.

        Raises:
            NeedsDecision: the journal cannot be read, or a file holds unknown bytes.
        """
        entry = self._read()
        if entry.run != process.RUN_ID:
            process.end_marked(entry.run)  # tests that outlived a killed run
        if self._landed(entry):
            if not (odd := self._unjudged(entry)):
                self.close()
                return Recovered(f"{entry.place} had landed; nothing had to be undone")
            if self._repo.parents("HEAD") != [entry.base]:
                self.close()
                found = ", ".join(odd.paths)
                return Recovered(f"{entry.place} had landed with what no gate has seen: {found}")
            take_back(self._repo, entry.base, odd)
            decision = Decision.RESTORE
        unknown = self._unknown(entry)
        if unknown and decision is None:
            raise NeedsDecision(
                f"{entry.place} was interrupted, and {', '.join(map(repr, unknown))} changed since",
                next_step=RECOVER,
            )
        if entry.step == "committing":
            self._unstage(entry)
        kept = unknown if decision is Decision.KEEP else []
        rescued = [] if kept else self._rescue(entry, unknown)
        restored = self._restore(entry, keep=kept)
        self.close()
        sentence = f"{entry.place} was undone: {plural(restored, 'file')} restored"
        if rescued:
            sentence += f"; what was there instead is in {', '.join(map(str, rescued))}"
        return Recovered(sentence, kept, rescued)

    def _landed(self, entry: Entry) -> bool:
        """Whether the commit happened: the tip has moved on from the base and holds the record."""
        head = self._repo.text("rev-parse", "HEAD")
        if entry.step != "committing" or head == entry.base:
            return False
        ours = self._repo.paths("log", "-z", "--format=", "--name-only", f"{entry.base}..{head}")
        return entry.record in ours

    def _unjudged(self, entry: Entry) -> Unjudged | None:
        """What the commit holds that was not judged, where that was written down."""
        if entry.judged is None:
            return None
        base = f"{entry.base}..HEAD"
        commit = self._repo.text("rev-list", "--first-parent", base).split()[-1]
        return unjudged(self._repo, commit, entry.judged)

    def _unstage(self, entry: Entry) -> None:
        ours = {file.path for file in entry.files} | {entry.record}
        if staged := [path for path in self._repo.staged() if path in ours]:
            self._repo.unstage(staged)
        if self._repo.untracked([entry.record]):
            files.remove(self._repo.top / entry.record, up_to=self._repo.top)
        else:
            self._repo.run("checkout", "--quiet", "HEAD", "--", entry.record)

    def _unknown(self, entry: Entry) -> list[str]:
        return [file.path for file in entry.files if self._now(file) not in self._known(file)]

    def _known(self, file: FileEntry) -> list[Content]:
        """What a file may hold without anybody else having written to it."""
        after = [] if file.after is None else [self._content("after", file, file.after)]
        return [self._content("before", file, file.before), *after]

    def _restore(self, entry: Entry, *, keep: Sequence[str]) -> int:
        restored = 0
        for file in entry.files:
            before, now = self._content("before", file, file.before), self._now(file)
            if file.path in keep or now == before:
                continue
            path, top = self._repo.top / file.path, self._repo.top
            files.exchange(path, expected=now, data=before, mode=file.mode, up_to=top)
            if before is not None:
                files.set_mode(path, file.mode)
            restored += 1
        return restored

    def _rescue(self, entry: Entry, paths: Sequence[str]) -> list[Path]:
        """Copy what is about to be replaced; every copy has a name of its own."""
        rescued = []
        for path in paths:
            now = files.read(self._repo.top / path) if (self._repo.top / path).is_file() else None
            if now is not None:
                digest = hashlib.sha256(now).hexdigest()[:12]
                rescued.append(self._folder / "rescue" / f"{entry.base[:12]}-{digest}" / path)
                files.create(rescued[-1], now)
        return rescued

    def _now(self, file: FileEntry) -> Content:
        path = self._repo.top / file.path
        if path.is_file():
            return files.read(path)
        return _NO_FILE if os.path.lexists(path) else None

    def _content(self, kind: str, file: FileEntry, kept: Kept) -> Content:
        return None if kept is Kept.ABSENT else files.read(self._folder / kind / str(file.number))

    def _write(self, entry: Entry) -> None:
        files.create(self._file, entry.model_dump_json(indent=2).encode())

    def _read(self) -> Entry:
        try:
            return Entry.model_validate_json(files.read(self._file))
        except ValidationError as error:
            raise NeedsDecision(
                f"the journal {str(self._file)!r} of an interrupted run cannot be read; "
                f"the bytes before it are in {str(self._folder / 'before')!r}",
                next_step="compare them with git diff, then remove the journal",
            ) from error
