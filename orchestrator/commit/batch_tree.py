"""Puts the files of a batch on either side of the edit; the only step that writes to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from orchestrator.base import failpoints, files
from orchestrator.base.changes import Change, Side, Unit, changes_of


class BatchTree:
    """The files of a batch, each with its bytes before and after, in units that belong together.

    The journal knows both, so that a crash at any moment can be undone. A file is only replaced
    where it holds the bytes it was given last.
    """

    def __init__(self, top: Path, units: Sequence[Unit], *, at: Side = Side.BEFORE) -> None:
        """Start with every file on the side `at`."""
        self._top = top
        self._units = list(units)
        self._at = {change.path: at for change in changes_of(units)}

    @property
    def units(self) -> list[Unit]:
        """Those that were not quarantined."""
        return list(self._units)

    @property
    def paths(self) -> list[str]:
        """The files they change."""
        return list(self._at)

    def put(self, side: Side) -> None:
        """Every file holds its bytes of `side`.

        Raises:
            ChangedMeanwhile: a file no longer holds what it was given; it was left alone.
            DiskError: a file cannot be written.
        """
        for change in changes_of(self._units):
            self._move(change, side)

    def edit_only(self, paths: Collection[str]) -> None:
        """The units of these files are edited, all others hold what they held before.

        Errors are those of `put`.
        """
        for unit in self._units:
            mine = not {*unit.paths, *unit.targets}.isdisjoint(paths)
            for change in unit.changes:
                self._move(change, Side.EDITED if mine else Side.BEFORE)

    def unit_of(self, path: str) -> Unit | None:
        """The unit that changes a file, or answers for it."""
        return next((u for u in self._units if path in u.paths or path in u.targets), None)

    def take_out(self, unit: Unit) -> None:
        """Its files get their old bytes back for good; errors as in `put`."""
        for change in unit.changes:
            self._move(change, Side.BEFORE)
            del self._at[change.path]
        self._units.remove(unit)

    def _move(self, change: Change, side: Side) -> None:
        at = self._at[change.path]
        if at is side:
            return
        now, then = change.on(at), change.on(side)
        if now != then:
            files.compare_and_swap(
                self._top, change.path, expected=now, data=then, mode=change.mode
            )
            failpoints.hit("written")
        self._at[change.path] = side
