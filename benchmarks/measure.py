"""Times whole commands in turn, so that ratios hold while the machine's speed drifts."""

from __future__ import annotations

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `equal` says whether both sides came to the same result.

    None where the other side is a floor that has no result to compare.
    """

    name: str
    ours_s: Sequence[float]
    other_s: Sequence[float]
    target: str
    equal: bool | None

    def markdown(self) -> str:
        """The row of the table: medians, the median of the ratios pair by pair, its spread."""
        ratios = [a / b for a, b in zip(self.ours_s, self.other_s, strict=True)]
        ours, other = statistics.median(self.ours_s), statistics.median(self.other_s)
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        same = {True: "yes", False: "NO: void", None: "-"}[self.equal]
        return (
            f"| {self.name} | {ours:.2f} | {other:.2f} | {statistics.median(ratios):.2f} "
            f"({spread}) | {self.target} | {same} |"
        )


def seconds(command: Sequence[str], *, cwd: Path, env: dict[str, str] | None = None) -> float:
    """Wall time of one run; the output is thrown away, a failure is an error."""
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, env=env, check=True, capture_output=True)
    return time.perf_counter() - started


def in_turn(
    ours: Callable[[], float], other: Callable[[], float], *, runs: int
) -> tuple[list[float], list[float]]:
    """A B A B …, after one of each that is not counted."""
    pairs = [(ours(), other()) for _ in range(runs + 1)][1:]
    return [a for a, _ in pairs], [b for _, b in pairs]


def machine() -> str:
    """One line about where the figures come from."""
    return f"{os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"
