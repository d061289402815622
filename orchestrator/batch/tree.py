"""Puts the files of a batch on either side of the edit; the only step that writes to them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from orchestrator import files
from orchestrator.gates.baseline import Side


class BatchTree:
    """The files of a batch, each with its bytes before and after.

    The journal knows both, so that a crash at any moment can be undone. A file is only replaced
    where it holds the bytes it was given last.
    """

    def __init__(
        self,
        top: Path,
        before: Mapping[str, bytes],
        after: Mapping[str, bytes],
        *,
        at: Side = Side.BEFORE,
    ) -> None:
        """Start with every file on the side `at`."""
        self._top = top
        self._sides = {
            path: {Side.BEFORE: before[path], Side.EDITED: data} for path, data in after.items()
        }
        self._at = dict.fromkeys(self._sides, at)

    @property
    def paths(self) -> list[str]:
        """The files that have an edit and were not taken out."""
        return list(self._sides)

    def put(self, side: Side) -> None:
        """Every file holds its bytes of `side`.

        Raises:
            ChangedMeanwhile: a file no longer holds what it was given; it was left alone.
            DiskError: a file cannot be written.
        """
        for path in self._sides:
            self._move(path, side)

    def edit_only(self, paths: Collection[str]) -> None:
        """These hold their edited bytes, all others what they held before; errors as in `put`."""
        for path in self._sides:
            self._move(path, Side.EDITED if path in paths else Side.BEFORE)

    def take_out(self, path: str) -> None:
        """This file gets its old bytes back for good; errors as in `put`."""
        self._move(path, Side.BEFORE)
        del self._sides[path], self._at[path]

    def _move(self, path: str, side: Side) -> None:
        sides = self._sides[path]
        if self._at[path] is side:
            return
        if sides[side] != sides[self._at[path]]:
            files.replace(self._top / path, sides[side], expected=sides[self._at[path]])
        self._at[path] = side
