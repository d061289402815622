"""Looks after what is not of the batch while the project's own code runs: files, git's settings.

Tests and commands can write anywhere. What they are seen to write is restored; what somebody else
wrote meanwhile, a person in an editor, stays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.base.escape import as_argument, as_command
from orchestrator.commit.rescue import listed, rescue
from orchestrator.errors import ChangedMeanwhile, Exit, OrchestrateError
from orchestrator.vcs import Repo
from orchestrator.vcs.settings import hooks_folder, settings_files, settings_in
from orchestrator.vcs.snapshot import differing, restore_from
from orchestrator.vcs.snapshot import snapshot as snapshot_of

_OTHERS_SETTINGS = ("branch.", "remote.", "maintenance.", "gc.")
"""Settings that git and its helpers write by themselves, in another window for example."""


class OutOfScopeWrite(OrchestrateError):
    """The project's own code changed files that are none of its batch; they were restored."""

    exit_code = Exit.RED


@dataclass(frozen=True, slots=True)
class RestoredFiles:
    """Files that were given back what they held, who had written to them, and where that is now."""

    paths: Sequence[str]
    who: str
    copies: Sequence[Path]

    @property
    def sentence(self) -> str:
        """What happened, in a line."""
        names = ", ".join(map(repr, self.paths))
        kept = f"; what it wrote is in {listed(self.copies)}" if self.copies else ""
        return f"{self.who} wrote to {names}, restored since{kept}"


@dataclass(slots=True)
class OutOfScopeGuard:
    """Every tracked file beside those of the batch, as it was when the run began.

    `snapshot` is a commit that holds them, on no branch; copies of what is undone go to `rescues`.
    """

    repo: Repo
    rescues: Path
    base: str
    snapshot: str
    _settings: GitSettings
    _accused: dict[str, str] = field(default_factory=dict)

    @classmethod
    def seen(cls, repo: Repo, folder: Path, base: str, rescues: Path) -> OutOfScopeGuard:
        """As they are now; `folder` is ours below git's own."""
        index = folder / "index"
        try:
            snapshot = snapshot_of(repo, base, index)
        finally:
            index.unlink(missing_ok=True)
            index.with_name("index.lock").unlink(missing_ok=True)
        return cls(repo, rescues, base, snapshot, GitSettings.of(repo))

    def accuse(self, path: str, who: str) -> None:
        """Say that `who`, a test or a command, was seen writing to a file or below a folder."""
        self._accused.setdefault(path, who)

    @contextmanager
    def watched(self, who: str) -> Iterator[None]:
        """What changes while the block runs is the doing of `who`."""
        before = self._as_they_are()
        yield
        for path, now in self._as_they_are().items():
            if before.get(path) != now:
                self.accuse(path, who)

    def _as_they_are(self) -> dict[str, tuple[int, int] | None]:
        """Size and time of what differs by now; None of a file that is gone."""
        found: dict[str, tuple[int, int] | None] = {}
        for path in differing(self.repo, self.snapshot):
            try:
                stat = (self.repo.top / path).lstat()
                found[path] = stat.st_size, stat.st_mtime_ns
            except FileNotFoundError:
                found[path] = None
        return found

    def writer(self, path: str) -> str | None:
        """Who was seen writing to a file."""
        found = (
            who for at, who in self._accused.items() if path == at or path.startswith(f"{at}/")
        )
        return next(found, None)

    def changed(self, *, ours: Collection[str]) -> list[str]:
        """The files that are no longer what they were, without `ours`."""
        return [path for path in differing(self.repo, self.snapshot) if path not in ours]

    def roll_back(self, *, ours: Collection[str]) -> RestoredFiles | None:
        """Undo what the project's code was seen writing; what others wrote stays."""
        written = [path for path in self.changed(ours=ours) if self.writer(path)]
        if not written:
            return None
        who = self.writer(written[0]) or ""
        copies = rescue(self.rescues, self.base, self.repo.top, written)
        restore_from(self.repo, self.snapshot, written)
        return RestoredFiles(written, who, copies)

    def check_settings(self) -> None:
        """Make sure that a commit would still be made by the same settings and hooks.

        Raises:
            ChangedMeanwhile: git was configured, or a hook came, went or changed.
        """
        now = GitSettings.of(self.repo)
        if now == self._settings:
            return
        if odd := _differing(self._settings.hooks, now.hooks):
            raise ChangedMeanwhile(
                f"git's hooks were changed during the run: {', '.join(odd)}",
                next_step="look at them, then: orchestrate next-batch",
            )
        before, after = (settings_in(self.repo, side.files) for side in (self._settings, now))
        changed = [n for n in _differing(before, after) if not n.startswith(_OTHERS_SETTINGS)]
        if changed:
            name, was = changed[0], before.get(changed[0])
            raise ChangedMeanwhile(
                f"git was configured during the run: {', '.join(changed)}; {name} is "
                f"{after.get(name)!r} now, and was {'not set' if was is None else repr(was)}",
                next_step=f"git config --local --unset-all {as_argument(name)}"
                if was is None
                else as_command(["git", "config", "--local", name, was]),
            )


@dataclass(frozen=True, slots=True)
class GitSettings:
    """What decides how a commit is made: git's own files of settings, and a digest of each hook."""

    files: tuple[bytes, ...]
    hooks: dict[str, str]

    @classmethod
    def of(cls, repo: Repo) -> GitSettings:
        """As they are now."""
        files, folder = settings_files(repo), hooks_folder(repo)
        hooks = {
            file.name: hashlib.sha256(file.read_bytes()).hexdigest()
            for file in (folder.iterdir() if folder.is_dir() else ())
            if file.is_file() and file.suffix != ".sample"
        }
        return cls(tuple(file.read_bytes() if file.exists() else b"" for file in files), hooks)


def _differing(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
