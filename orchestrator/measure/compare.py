"""Measures two sides of a change in turn, so that what drifts drifts for both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orchestrator.base.changes import Side
from orchestrator.measure.noise import Difference
from orchestrator.measure.run import Measurement

Measure = Callable[[Side], Measurement]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The runs of both sides, in the order in which they were made."""

    before: Sequence[Measurement]
    after: Sequence[Measurement]

    def peak_mib(self) -> Difference:
        """The peak over all processes."""
        return self._of(lambda run: run.memory.peak_mib)

    def peak_worker_mib(self) -> Difference:
        """The peak of the largest process that runs tests."""
        return self._of(lambda run: run.memory.peak_worker_mib)

    def seconds(self) -> Difference:
        """How long a run takes."""
        return self._of(lambda run: run.duration_s)

    def _of(self, figure: Callable[[Measurement], float]) -> Difference:
        before, after = ([figure(run) for run in side] for side in (self.before, self.after))
        return Difference(before, after, is_comparable=self.has_same_tests)

    @property
    def has_same_tests(self) -> bool:
        """Whether every run was of the same tests: figures of others cannot be compared."""
        return len({frozenset(run.outcomes) for run in (*self.before, *self.after)}) == 1

    @property
    def differing(self) -> list[str]:
        """The tests that did not do the same in every run."""
        first, *rest = [run.outcomes for run in (*self.before, *self.after)]
        ids = {id_ for outcomes in (first, *rest) for id_ in outcomes}
        return sorted(i for i in ids if any(run.get(i) != first.get(i) for run in rest))


def in_turn(measure: Measure, runs: int) -> Comparison:
    """Before, after, before, after …: `runs` of each.

    Raises:
        CannotJudge: a run said nothing.
    """
    before: list[Measurement] = []
    after: list[Measurement] = []
    for number in range(runs):
        # who goes first takes turns as well: the second of a pair finds caches warm
        sides = [Side.BEFORE, Side.EDITED] if number % 2 == 0 else [Side.EDITED, Side.BEFORE]
        for side in sides:
            (before if side is Side.BEFORE else after).append(measure(side))
    return Comparison(before, after)
