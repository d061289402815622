"""Records which files the gates of a batch read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from orchestrator.gates.pytest.file_dependencies import FileDependencies
from orchestrator.worktrees.opened_files import OpenedFilesWatcher


class DependencyRecorder:
    """Collects what the gates of one batch read, by pytest's plug-in or by `watcher`.

    Without a watcher it is only known which programs were started, not what they read.
    """

    def __init__(self, watcher: OpenedFilesWatcher | None = None) -> None:
        """Begin with nothing."""
        self.found = FileDependencies()
        self._watcher = watcher

    @contextmanager
    def reading(self, program: str | None = None) -> Iterator[None]:
        """Count what is opened while the block runs; `program` is what the block starts."""
        found, watcher = self.found, self._watcher
        if watcher is None:
            if program is not None:
                found.programs.add(program)
            yield
            return
        before = set(found.programs)
        watcher.forget()
        yield
        if program is None and found.programs == before:
            return  # nothing was started: the plug-in has reported all of it
        if (seen := watcher.seen()) is not None:
            found.files |= seen
            found.programs = before
        elif program is not None:
            found.programs.add(program)
