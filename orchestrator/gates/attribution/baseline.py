"""Tells what an edit broke from what was broken, or unsteady, before: the same tests, both sides.

Green needs no baseline. What is not green is run again on the bytes before the edit, and what was
not the same there is run again alone, on both sides, before anybody is blamed. A test that does
well alone is asked once more among the others: what only fails together is found there.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from orchestrator.base.changes import Side
from orchestrator.gates.pytest.events import (
    LEFT_OUT,
    MISSING,
    SKIPPED,
    XFAILED,
    XPASSED,
    TestOutcome,
)
from orchestrator.project.ids import file_of


class RerunTests(Protocol):
    """Runs tests again. Each call starts pytest once, and answers how each id did."""

    frozen: bool
    """Whether the first run kept imported objects out of the collector's sight."""

    def alone(self, side: Side, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        """These tests and no others, with nothing frozen."""
        ...

    def alone_edited(self, path: str, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        """These tests of the file `path`, with no other file of the batch edited."""
        ...

    def alone_frozen(self, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        """These tests on the edited bytes, as the first run went."""
        ...

    def together(self, side: Side, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        """How these did in a run of everything, as the first run went."""
        ...


@dataclass(slots=True)
class Findings:
    """What became of the ids that were not green; each is in one list at most.

    Where there are culprits, an id in no list is one to ask again without them. `culprits` do
    otherwise because of the edit, with a word on how it showed. `together` are red only beside
    other edited files, `spared` only with a frozen collector, which is ours.
    """

    failing_before: list[str] = field(default_factory=list)
    flaky: list[str] = field(default_factory=list)
    spared: list[str] = field(default_factory=list)
    together: list[str] = field(default_factory=list)
    culprits: dict[str, str] = field(default_factory=dict)

    @property
    def blamed(self) -> list[str]:
        """What the edit is held responsible for, alone or together with others."""
        return [*self.culprits, *self.together]


def sort_out(first: Mapping[str, TestOutcome], rerun: RerunTests) -> Findings:
    """Sort the ids of `first`, none of which was plainly green, by what is behind them."""
    return _Sorter(first, rerun).sorted()


def _by_file(ids: Collection[str]) -> dict[str, list[str]]:
    files: dict[str, list[str]] = {}
    for id_ in ids:
        files.setdefault(file_of(id_), []).append(id_)
    return files


class Diagnosis(StrEnum):
    """What is behind a test that did otherwise alone, too."""

    EDIT = "the edit of its own file"
    ANOTHER_EDIT = "the edit of another file, or its tests"
    OLD = "it failed before"
    CHANCE = "it does one thing and then another"


def classify(
    *, before: tuple[TestOutcome, TestOutcome], edited: tuple[TestOutcome, TestOutcome]
) -> Diagnosis:
    """What is behind a test, by two runs alone without the edit and two with it.

    The first of `edited` had every file edited, the second only its own.
    """
    was_red = [is_red(way) for way in before]
    is_steady = before[0] == before[1]
    if is_steady and edited[0] == edited[1]:
        return Diagnosis.EDIT
    if is_steady and edited[1] == before[0]:
        return Diagnosis.ANOTHER_EDIT
    if all(was_red):
        return Diagnosis.OLD  # every time, never in the same way
    if any(was_red) or () in edited:
        return Diagnosis.CHANCE
    return Diagnosis.EDIT


def is_red(way: TestOutcome) -> bool:
    """Whether a test failed, as against being skipped, left out or not there."""
    return way not in {(), SKIPPED, LEFT_OUT, MISSING, XFAILED, XPASSED}


class _Sorter:
    def __init__(self, first: Mapping[str, TestOutcome], rerun: RerunTests) -> None:
        self._first = first
        self._rerun = rerun
        self._found = Findings()

    def sorted(self) -> Findings:
        before = self._rerun.alone(Side.BEFORE, self._first)
        changed = [id_ for id_, way in self._first.items() if before[id_] != way]
        self._found.failing_before = [
            id_ for id_, way in self._first.items() if before[id_] == way and is_red(way)
        ]
        if changed:
            self._changed(changed, before)
        return self._found

    def _changed(self, ids: list[str], before: Mapping[str, TestOutcome]) -> None:
        """Those that did not do before what they did in the first run."""
        again = self._rerun.alone(Side.EDITED, ids)
        suspects: list[str] = []
        well: list[str] = []
        for id_ in ids:
            if again[id_] == before[id_] == MISSING:
                self._found.flaky.append(id_)  # its very id changes from run to run
            elif again[id_] == before[id_]:  # alone the edit makes no difference
                (self._found.failing_before if is_red(before[id_]) else well).append(id_)
            elif again[id_] == ():
                self._found.flaky.append(id_)  # was red before as well, in this way or another
            else:
                suspects.append(id_)
        if suspects:
            self._suspected(suspects, before, again)
        if well and not self._found.culprits:  # else the rest is asked again without the culprits
            self._well_alone(well)

    def _suspected(
        self, ids: list[str], before: Mapping[str, TestOutcome], again: Mapping[str, TestOutcome]
    ) -> None:
        """Those that do otherwise alone as well: once more on both sides, then they are blamed.

        Each file is now run without the others, and is the only one that is edited: another one's
        edit, or its tests, may be what spoils it.
        """
        third: dict[str, TestOutcome] = {}
        files = _by_file(ids)
        for path, mine in files.items():
            third |= self._rerun.alone_edited(path, mine)
        second = self._rerun.alone(Side.BEFORE, ids)
        spoilt = []
        for id_ in ids:
            ways = (before[id_], second[id_]), (again[id_], third[id_])
            match classify(before=ways[0], edited=ways[1]):
                case Diagnosis.EDIT:
                    self._found.culprits[id_] = _how(before[id_], third[id_])
                case Diagnosis.ANOTHER_EDIT:
                    spoilt.append(id_)
                case Diagnosis.OLD:
                    self._found.failing_before.append(id_)
                case Diagnosis.CHANCE:
                    self._found.flaky.append(id_)
        if not self._found.culprits:
            self._spoilt(spoilt, before)

    def _spoilt(self, ids: list[str], before: Mapping[str, TestOutcome]) -> None:
        """Those that are what they were once their file is alone, where no file is to blame."""
        if not ids:
            return
        again = self._rerun.alone(Side.EDITED, ids)  # with every edit: is it one of the others'?
        well = []
        for id_ in ids:
            if again[id_] == before[id_]:
                well.append(id_)
            else:
                self._found.together.append(id_)
        for id_ in well:
            if is_red(before[id_]):
                self._found.failing_before.append(id_)
        if rest := [id_ for id_ in well if not is_red(before[id_])]:
            self._well_alone(rest)

    def _well_alone(self, ids: list[str]) -> None:
        """Those that are fine alone: flaky, or spoilt by the company they keep."""
        rest = list(self._spare(ids)) if self._rerun.frozen else ids
        if not rest:
            return
        again = self._rerun.together(Side.EDITED, rest)
        steady = [id_ for id_ in rest if again[id_] != ()]
        self._found.flaky += [id_ for id_ in rest if again[id_] == ()]
        if not steady:
            return
        before = self._rerun.together(Side.BEFORE, steady)
        for id_ in steady:
            if is_red(before[id_]):
                self._found.failing_before.append(id_)
            else:
                self._found.together.append(id_)

    def _spare(self, ids: list[str]) -> Iterator[str]:
        """Set those aside that are red whenever imported objects are frozen; yield the others."""
        frozen = self._rerun.alone_frozen(ids)
        for id_ in ids:
            if is_red(frozen[id_]):
                self._found.spared.append(id_)
            else:
                yield id_


def _how(before: TestOutcome, after: TestOutcome) -> str:
    if before == MISSING:
        return "is a new test id"
    if not is_red(after):
        return f"is {after[0]} with the edit and was not before"
    if is_red(before):
        return "failed before the edit too, but otherwise"
    return "passes without the edit" if before == () else f"was {before[0]} before the edit"
