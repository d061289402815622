"""Whether two series of measurements differ by more than they scatter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import mean, median

LEVEL = 0.05
"""How rare a difference must be by chance alone to be taken for one."""
FEWEST = 4
"""Runs of each side; of fewer, no outcome at all is that rare: 2 of 20 ways to split six runs."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two series of one figure.

    `chance` is how often a difference as large comes about by itself: the exact two-sided
    permutation test of the means, over all ways to split the runs.
    """

    before: Sequence[float]
    after: Sequence[float]
    is_comparable: bool = True
    """Whether both are figures of the same thing."""

    @property
    def change(self) -> float:
        """The medians' difference; below zero where it is less afterwards."""
        return median(self.after) - median(self.before)

    @property
    def chance(self) -> float:
        """Between 0 and 1."""
        runs = [*self.before, *self.after]
        seen = abs(mean(self.after) - mean(self.before))
        total, size = sum(runs), len(self.before)
        ways = as_large = 0
        for chosen in combinations(runs, size):
            part = sum(chosen)
            other = (total - part) / (len(runs) - size)
            ways += 1
            as_large += abs(part / size - other) >= seen - 1e-9 * max(1.0, seen)
        return as_large / ways

    @property
    def is_real(self) -> bool | None:
        """Whether it is larger than the noise; None where that cannot be told."""
        if not self.is_comparable or min(len(self.before), len(self.after)) < FEWEST:
            return None
        return self.chance <= LEVEL
