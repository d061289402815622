"""The write step: edits go to disk file by file, only where the bytes are still the ones read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator import files
from orchestrator.batch.journal import Journal
from orchestrator.fixers.base import Edit


def write(
    edits: Sequence[Edit], before: Mapping[str, bytes], *, top: Path, journal: Journal
) -> None:
    """Write every edit, once the journal knows all of them.

    Raises:
        ChangedMeanwhile: a file no longer holds its bytes in `before`; it was left alone.
        DiskError: a file cannot be written.
    """
    journal.applying({edit.path: edit.data for edit in edits})
    for edit in edits:
        files.replace(top / edit.path, edit.data, expected=before[edit.path])
