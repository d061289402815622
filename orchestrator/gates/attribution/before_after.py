"""Runs tests with the files of a batch on one side of the edit or the other."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from orchestrator.base.changes import Side
from orchestrator.base.outcomes import FailureCause, GateResult
from orchestrator.gates.attribution.suite import Suite
from orchestrator.gates.pytest.run import PytestRun
from orchestrator.gates.verdict import Verdict


class SwitchableTree(Protocol):
    """Puts the files of a batch on either side of the edit."""

    def put(self, side: Side) -> None:
        """From now on every file of the batch holds its bytes of that side."""
        ...

    def edit_only(self, paths: Collection[str]) -> None:
        """These files of the batch hold their edited bytes, all others what they were."""
        ...


class IdPolicy(StrEnum):
    """What an edit may do to the ids of the tests."""

    TRUSTED = "the fixer has proved what it keeps, or a person says so"
    UNAFFECTED = "nothing was changed that ids, or the choice of tests, could depend on"
    NONE_LOST = "none may be lost"
    IDENTICAL = "none may be lost or new"

    @property
    def are_compared(self) -> bool:
        """Whether they have to be asked for on the side before the edit."""
        return self in {IdPolicy.NONE_LOST, IdPolicy.IDENTICAL}


@dataclass(frozen=True, slots=True)
class GateRules:
    """How strictly a run is judged. Without `baseline` every red test counts."""

    baseline: bool = True
    ids: IdPolicy = IdPolicy.TRUSTED
    tests: bool = True


class BeforeAfterRunner:
    """Runs the tests of a batch before and after its edit; puts the files of the tree so first."""

    def __init__(self, suite: Suite, tree: SwitchableTree, rules: GateRules) -> None:
        """Begin with every file on its edited side."""
        self.suite = suite
        self.rules = rules
        self.frozen = suite.verify.freeze_gc and rules.tests
        self._tree = tree
        self._side: Side | None = Side.EDITED

    def put(self, side: Side) -> None:
        """Put the files on `side`, unless they are there."""
        if side is not self._side:
            self._tree.put(side)
            self._side = side

    def run(
        self,
        side: Side,
        files: Sequence[str],
        only: Collection[str] | None = None,
        *,
        freeze: bool | None = None,
    ) -> PytestRun:
        """One run on that side, frozen as the rules say unless `freeze` does."""
        self.put(side)
        return self.suite.run(
            files,
            only=only,
            freeze=self.frozen if freeze is None else freeze,
            only_collect=not self.rules.tests,
        )

    def collected(self, side: Side, files: Sequence[str]) -> PytestRun:
        """One run that only collects."""
        self.put(side)
        return self.suite.run(files, only_collect=True)

    def run_with_one_edited(
        self, path: str, files: Sequence[str], only: Collection[str]
    ) -> PytestRun:
        """One run with nothing frozen where no other file of the batch is edited."""
        self.put(Side.BEFORE)
        self._tree.edit_only([path])
        self._side = None
        return self.suite.run(files, only=only, freeze=False)


def with_kind(verdict: Verdict) -> Verdict:
    """The verdict with the kind its blames make it."""
    if not verdict.blames:
        return replace(verdict, kind=GateResult.PASSED)
    unclear = all(blame.fault is FailureCause.CANNOT_JUDGE for blame in verdict.blames)
    return replace(verdict, kind=GateResult.CANNOT_JUDGE if unclear else GateResult.RED)
