"""What a run is about to do, on disk before it does it, so that a crash can be undone."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

from orchestrator.base import files, process, state_files
from orchestrator.base.blob import ObjectId
from orchestrator.base.changes import FILE_MODE, Change, Content
from orchestrator.base.codec import UnfitError, decoded, encoded
from orchestrator.base.escape import as_argument
from orchestrator.base.paths import RepoPath
from orchestrator.base.reading import read_regular
from orchestrator.base.text import plural
from orchestrator.commit.rescue import listed, rescue
from orchestrator.commit.verify_commit import UnverifiedChanges, uncommit, unverified_changes
from orchestrator.errors import NeedsDecision
from orchestrator.vcs import Repo
from orchestrator.vcs.sparse import bring_back

_BACKUP = "refs/worktree/orchestrate/backup"
_NO_FILE = b"\0a folder, or a dangling link"
"""Stands for something that is in the way of a file: nothing a run ever wrote."""

RECOVER = "orchestrate recover --keep, or: orchestrate recover --restore"


class RecoverChoice(StrEnum):
    """What to do with a file whose bytes are neither the old ones nor ours."""

    KEEP = "keep"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """One side of a file: the digest of its bytes, of which a copy is kept; None is no file."""

    digest: str | None

    @classmethod
    def of(cls, content: Content) -> Fingerprint:
        """What tells these bytes from others."""
        return cls(digest=None if content is None else hashlib.sha256(content).hexdigest())


@dataclass(frozen=True, slots=True)
class TransactionHeader:
    """What a run is about to do: the batch, the branch and its tip, and where the record goes.

    `snapshot` is a commit of the tracked files as they were, kept by a ref until the run is over.
    """

    place: str
    branch: str | None
    base: str
    record: RepoPath
    snapshot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JournaledFile:
    """One file: `number` names the copies of its bytes beside the journal.

    `before` is what it is restored to, with `mode` where it has to be made; `after` is what it may
    hold because of the run, None as long as nothing is to be written.
    """

    path: RepoPath
    number: int
    mode: int
    before: Fingerprint
    after: Fingerprint | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JournalEntry:
    """The journal itself. `step` is how far the run was about to go."""

    format: Literal[2] = 2
    run: str
    place: str
    branch: str | None
    base: ObjectId
    record: RepoPath
    snapshot: ObjectId
    step: Literal["prepared", "applying", "committing"]
    files: tuple[JournaledFile, ...]
    judged: dict[str, ObjectId | None] | None = None
    """What the commit is to change: the blob of each file, None where it is removed."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How an unfinished run was ended, in a sentence; `landed`: by its commit.

    `kept` are files left with bytes nobody here knows, `rescued` copies of such bytes.
    """

    sentence: str
    kept: Sequence[str] = ()
    rescued: Sequence[Path] = ()
    landed: bool = False


class Journal:
    """A run's journal below git's own folder, with the bytes before and after of every target."""

    def __init__(self, folder: Path, repo: Repo, rescues: Path | None = None) -> None:
        """Use `folder`, which belongs to this tool alone.

        Copies of what nobody here wrote go below `rescues`, where that is another one.
        """
        self._folder = folder
        self._rescues = rescues or folder
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

    def sweep(self) -> None:
        """Remove what a run left that died while it wrote a file of ours, journal or not."""
        for file in (*self._folder.glob(files.TEMPORARY), *self._folder.glob("index*")):
            file.unlink(missing_ok=True)
        if not self.exists:
            for kind in ("before", "after"):
                shutil.rmtree(self._folder / kind, ignore_errors=True)
            self.message_file.unlink(missing_ok=True)

    def _sweep_beside(self, entry: JournalEntry) -> None:
        """The same for what it was about to put in the place of the user's files."""
        paths = [*(file.path for file in entry.files), entry.record]
        for folder in {path.rpartition("/")[0] for path in paths}:
            for file in (self._repo.top / folder).glob(files.TEMPORARY):
                if not self._is_known(file):  # what a replaced file held, had nobody looked at it
                    name = f"{folder}/{file.name}" if folder else file.name
                    rescue(self._rescues, entry.base, self._repo.top, [name])
                file.unlink(missing_ok=True)

    def _is_known(self, file: Path) -> bool:
        """Whether a file holds what a run read or was about to write, or the beginning of it."""
        try:
            held = read_regular(file)
        except OSError:
            return True  # no file: nothing that could be kept
        copies = [*self._folder.glob("before/*"), *self._folder.glob("after/*")]
        return any(state_files.read(copy).startswith(held) for copy in copies)

    def prepare(self, header: TransactionHeader, before: Mapping[str, Content]) -> None:
        """Write down what is about to be changed, with the bytes as they are.

        From then on a ref keeps what the snapshot holds, whatever happens to branch and tree.
        """
        shutil.rmtree(self._folder / "before", ignore_errors=True)
        shutil.rmtree(self._folder / "after", ignore_errors=True)
        entries = []
        for number, (path, content) in enumerate(before.items()):
            entries.append(self._new(number, path, content, self._mode(path)))
        self._write(
            JournalEntry(
                run=process.RUN_ID,
                place=header.place,
                branch=header.branch,
                base=ObjectId(header.base),
                record=header.record,
                snapshot=ObjectId(header.snapshot),
                step="prepared",
                files=tuple(entries),
            )
        )
        self._repo.run("update-ref", _BACKUP, header.snapshot)

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
            files_.append(replace(file, after=kept))
        self._write(replace(entry, step="applying", files=tuple(files_)))

    def _new(self, number: int, path: str, content: Content, mode: int) -> JournaledFile:
        before = self._keep("before", number, content)
        return JournaledFile(path=RepoPath(path), number=number, mode=mode, before=before)

    def _keep(self, kind: str, number: int, content: Content) -> Fingerprint:
        if content is not None:
            state_files.write(self._folder / kind / str(number), content)
        return Fingerprint.of(content)

    def _mode(self, path: str) -> int:
        file = self._repo.top / path
        return stat.S_IMODE(file.stat().st_mode) if file.exists() else FILE_MODE

    def committing(self) -> None:
        """Write down that record, index and branch are about to change."""
        self._write(replace(self._read(), step="committing"))

    def judged(self, blobs: Mapping[str, str | None]) -> None:
        """Write down what the commit is to hold, before git is asked to make it."""
        self._write(replace(self._read(), judged=_ids(blobs)))

    def close(self) -> None:
        """Forget the run: it came to its end, one way or the other."""
        self._repo.run("update-ref", "-d", _BACKUP)
        self._file.unlink(missing_ok=True)
        self.message_file.unlink(missing_ok=True)
        shutil.rmtree(self._folder / "before", ignore_errors=True)
        shutil.rmtree(self._folder / "after", ignore_errors=True)

    def recover(self, decision: RecoverChoice | None = None) -> Recovery:
        """End what a run left behind, and say how.

        A landed commit is kept; otherwise every target that holds our bytes gets its own back, our
        record and our index entries go. Bytes nobody here knows are never overwritten: they need
        `decision`, and are copied to the rescue folder before they are replaced.

        Raises:
            NeedsDecision: the journal cannot be read, or a file holds unknown bytes.
        """
        try:
            entry = self._read()
        except NeedsDecision:
            if decision is not RecoverChoice.KEEP:
                raise
            return self._set_aside()
        if entry.run != process.RUN_ID:
            process.end_marked(entry.run)  # tests that outlived a killed run
            self._must_be_on(entry, decision)
        if self._landed(entry):
            if not (odd := self._unjudged(entry)):
                self.close()
                done = f"{entry.place} had landed; nothing had to be undone"
                return Recovery(done, landed=True)
            if self._repo.parents("HEAD") != [entry.base]:
                self.close()
                found = ", ".join(odd.paths)
                done = f"{entry.place} had landed with what no gate has seen: {found}"
                return Recovery(done, landed=True)
            uncommit(self._repo, entry.base, odd)
            decision = RecoverChoice.RESTORE
        self._sweep_beside(entry)
        unknown = self._unknown(entry)
        if unknown and decision is None:
            raise NeedsDecision(
                f"{entry.place} was interrupted, and {', '.join(map(repr, unknown))} changed since",
                next_step=RECOVER,
            )
        if entry.step == "committing":
            self._unstage(entry)
        kept = unknown if decision is RecoverChoice.KEEP else []
        rescued = []
        if not kept:
            rescued = rescue(self._rescues, entry.base, self._repo.top, unknown)
        restored = self._restore(entry, keep=kept)
        self.close()
        sentence = f"{entry.place} was undone: {plural(restored, 'file')} restored"
        if rescued:
            sentence += f"; what was there instead is in {listed(rescued)}"
        return Recovery(sentence, kept, rescued)

    def _must_be_on(self, entry: JournalEntry, decision: RecoverChoice | None) -> None:
        branch = self._repo.branch
        if decision is None and entry.branch is not None and branch != entry.branch:
            now = f"{branch} is checked out now" if branch else "no branch is checked out now"
            raise NeedsDecision(
                f"{entry.place} was interrupted on {entry.branch}, and {now}",
                next_step=f"git switch {as_argument(entry.branch)} && orchestrate recover, or: "
                "orchestrate recover --keep",
            )

    def _set_aside(self) -> Recovery:
        """Keep all there is of a journal that cannot be read, and touch no file of the user's."""
        kept = self._folder / "rescue" / f"journal-{uuid.uuid4().hex[:12]}"
        kept.mkdir(parents=True)
        for name in (self._file.name, "before", "after"):
            if (self._folder / name).exists():
                (self._folder / name).rename(kept / name)
        self.close()
        return Recovery(f"nothing was touched; what the journal held is in {kept}")

    def _landed(self, entry: JournalEntry) -> bool:
        """Whether the commit happened: the tip has moved on from the base and holds the record."""
        if entry.step != "committing" or self._repo.is_unborn:
            return False
        if (head := self._repo.text("rev-parse", "HEAD")) == entry.base:
            return False
        ours = self._repo.paths("log", "-z", "--format=", "--name-only", f"{entry.base}..{head}")
        return entry.record in ours

    def _unjudged(self, entry: JournalEntry) -> UnverifiedChanges | None:
        """What the commit holds that was not judged, where that was written down."""
        if entry.judged is None:
            return None
        base = f"{entry.base}..HEAD"
        commit = self._repo.text("rev-list", "--first-parent", base).split()[-1]
        return unverified_changes(self._repo, commit, entry.judged)

    def _unstage(self, entry: JournalEntry) -> None:
        ours = {file.path for file in entry.files} | {entry.record}
        if staged := [path for path in self._repo.staged() if path in ours]:
            self._repo.unstage(staged)
        if self._repo.untracked([entry.record]):
            files.remove(self._repo.top, entry.record)
        else:
            bring_back(self._repo, entry.record)

    def unknown(self) -> list[str]:
        """The files that hold neither what they held nor what the run wrote."""
        return self._unknown(self._read())

    def _unknown(self, entry: JournalEntry) -> list[str]:
        return [
            file.path
            for file in entry.files
            if Fingerprint.of(self._now(file)) not in {file.before, file.after}
        ]

    def _restore(self, entry: JournalEntry, *, keep: Sequence[str]) -> int:
        restored = 0
        for file in entry.files:
            now = self._now(file)
            if file.path in keep or Fingerprint.of(now) == file.before:
                continue
            before = self._before(entry, file)
            top = self._repo.top
            files.compare_and_swap(top, file.path, expected=now, data=before, mode=file.mode)
            if before is not None:
                files.set_mode(top, file.path, file.mode)
            restored += 1
        return restored

    def _now(self, file: JournaledFile) -> Content:
        if (data := files.contents(self._repo.top, file.path)) is not None:
            return data
        return _NO_FILE if os.path.lexists(self._repo.top / file.path) else None

    def _before(self, entry: JournalEntry, file: JournaledFile) -> Content:
        """What a file is restored to, once it is certain that the copy is whole."""
        if file.before.digest is None:
            return None
        copy = self._folder / "before" / str(file.number)
        data = state_files.read(copy) if copy.exists() else None
        if Fingerprint.of(data) == file.before:
            return data
        raise NeedsDecision(
            f"the copy of {file.path!r} from before {entry.place} is damaged: {str(copy)!r}",
            next_step=f"git restore {as_argument(file.path)}, then: {RECOVER}",
        )

    def _write(self, entry: JournalEntry) -> None:
        state_files.write(self._file, encoded(entry, indent=2))

    def _read(self) -> JournalEntry:
        try:
            return decoded(JournalEntry, state_files.read(self._file))
        except UnfitError as error:
            raise NeedsDecision(
                f"the journal {str(self._file)!r} of an interrupted run cannot be read; "
                f"the bytes before it are in {str(self._folder / 'before')!r}",
                next_step="compare them with git diff, then: orchestrate recover --keep",
            ) from error


def _ids(blobs: Mapping[str, str | None]) -> dict[str, ObjectId | None]:
    return {path: None if blob is None else ObjectId(blob) for path, blob in blobs.items()}
