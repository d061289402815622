"""Answers what `baseline` asks: the same tests once more, alone or together, on both sides."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from orchestrator.base.changes import Side
from orchestrator.gates.attribution.before_after import BeforeAfterRunner
from orchestrator.gates.pytest.events import TestOutcome
from orchestrator.gates.pytest.run import PytestRun
from orchestrator.project.ids import file_of

_SIDES = {Side.BEFORE: "before the edit", Side.EDITED: "after the edit"}


class NotJudged(Exception):
    """A run that was needed for a verdict came to no end; `why` says how it ended."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Reruns:
    """Runs tests again that a first run of `files` found not green; each call is one run."""

    def __init__(self, sides: BeforeAfterRunner, files: Sequence[str], first: PytestRun) -> None:
        """Compare with `first`, which ran on the edited side."""
        self._sides = sides
        self._files = files
        self.frozen = first.request.freeze

    def alone(self, side: Side, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        """These tests and no others, with nothing frozen."""
        ended = self._sides.run(side, self._files_of(ids), ids, freeze=False)
        return self._answered(ended, f"on the bytes {_SIDES[side]}", ids)

    def alone_edited(self, path: str, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        """These tests of the file `path`, with no other file of the batch edited."""
        ended = self._sides.run_with_one_edited(path, self._files_of(ids), ids)
        return self._answered(ended, "with its own edit only", ids)

    def alone_frozen(self, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        """These tests on the edited bytes, as the first run went."""
        ended = self._sides.run(Side.EDITED, self._files_of(ids), ids, freeze=True)
        return self._answered(ended, f"on the bytes {_SIDES[Side.EDITED]}", ids)

    def together(self, side: Side, ids: Collection[str]) -> Mapping[str, TestOutcome]:
        """How these did in a run of everything, as the first run went."""
        ended = self._sides.run(side, self._files, freeze=self.frozen)
        return self._answered(ended, f"on the bytes {_SIDES[side]}", ids)

    def _answered(
        self, ended: PytestRun, when: str, ids: Collection[str]
    ) -> dict[str, TestOutcome]:
        if halts := ended.halts():
            at = halts[0].test_id or halts[0].path
            raise NotJudged(f"{at}, run again {when}: {halts[0].what}")
        if not ended.run.finished or ended.run.lost_workers:
            raise NotJudged(self._sides.suite.why_no_answer(ended))
        return {id_: ended.run.outcome_of(id_) for id_ in ids}

    def _files_of(self, ids: Collection[str]) -> list[str]:
        """The files these ids are in, in the order in which the first run had them."""
        runs = self._sides.suite.runs
        order = {id_: number for number, id_ in enumerate(runs[0].run.ids)}
        known = sorted(ids, key=lambda id_: order.get(id_, len(order)))
        return list(dict.fromkeys(file_of(id_) for id_ in known))
