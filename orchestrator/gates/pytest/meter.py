"""Follows the memory of one run of pytest, and keeps what it came to."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.base.memory_usage import shares, tree

PLUGIN = "orchestrate_memory"
"""The plugin that measures in the tests' processes; `VARIABLE` tells it where to write."""
VARIABLE = "ORCHESTRATE_MEMORY"

CONTROLLER, OTHERS = "controller", "others"
"""How processes are called that run no tests: xdist's own, and what tests start."""

_SHARES_S = 1.0
_GREW = 1.1
_POINTS = 600
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Growth:
    """What one test left behind in its process, in MiB; below zero where it gave memory back."""

    test_id: str
    worker: str
    before_mib: float
    grew_mib: float


@dataclass(frozen=True, slots=True)
class Point:
    """Resident memory at one time: seconds from the start, MiB by the name of the process."""

    at_s: float
    rss_mib: dict[str, float]


@dataclass(frozen=True, slots=True)
class Process:
    """One process of a run: its peak, and what it held once tests were collected (0: unknown)."""

    name: str
    peak_mib: float
    collected_mib: float = 0.0


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """What a run of pytest held. `peak_mib` is the resident sum over its processes at one time.

    The sum counts pages twice that processes share; `peak_pss_mib` does not, and is None where the
    system does not tell it. It is read every second and after growth by a tenth, the sum every
    100 ms: shorter peaks go unseen there, but not in those of processes, which the system keeps.
    """

    peak_mib: float = 0.0
    peak_pss_mib: float | None = None
    peak_uss_mib: float | None = None
    processes: Sequence[Process] = ()
    timeline: Sequence[Point] = ()
    growths: Sequence[Growth] = ()

    @property
    def workers(self) -> list[Process]:
        """The processes that ran tests."""
        return [one for one in self.processes if one.name not in {CONTROLLER, OTHERS}]

    def peak_of(self, name: str) -> float:
        """The peak of the process that is called so; 0 where there was none."""
        return next((one.peak_mib for one in self.processes if one.name == name), 0.0)

    @property
    def peak_worker_mib(self) -> float:
        """The highest peak among the processes that ran tests."""
        return max((one.peak_mib for one in self.workers), default=self.peak_mib)


@dataclass(frozen=True, slots=True)
class Sample:
    """Resident memory at one time: seconds from the start, MiB by process id."""

    at_s: float
    rss_mib: dict[int, float]

    @property
    def sum_mib(self) -> float:
        """Over all processes."""
        return sum(self.rss_mib.values())


@dataclass(slots=True)
class Meter:
    """Looks at the tree of a run now and then; `folder` is where the plugin writes."""

    folder: Path
    workers: int
    """How many were asked for; 0: the process that is started runs the tests."""

    samples: list[Sample] = field(default_factory=list)
    peak_mib: float = 0.0
    _pid: int = 0
    _started_s: float = 0.0
    _next_shares_s: float = 0.0
    _shared_at_mib: float = 0.0
    _pss_mib: float | None = None
    _uss_mib: float | None = None
    _peaks_mib: dict[int, float] = field(default_factory=dict)
    _every: int = 1
    _seen: int = 0

    def started(self, pid: int) -> None:
        """The run has begun, in this process."""
        self._pid, self._started_s = pid, time.monotonic()

    def look(self) -> None:
        """Take one sample."""
        at_s = time.monotonic() - self._started_s
        sample = Sample(at_s, {use.pid: use.rss_mib for use in tree(self._pid)})
        if not sample.rss_mib:
            return
        is_due = at_s >= self._next_shares_s or sample.sum_mib > _GREW * self._shared_at_mib
        if is_due and (found := shares(self._pid)) is not None:
            self._next_shares_s, self._shared_at_mib = at_s + _SHARES_S, sample.sum_mib
            self._pss_mib = max(self._pss_mib or 0.0, found.pss_mib)
            self._uss_mib = max(self._uss_mib or 0.0, found.uss_mib)
        self.peak_mib = max(self.peak_mib, sample.sum_mib)
        for pid, rss_mib in sample.rss_mib.items():
            self._peaks_mib[pid] = max(self._peaks_mib.get(pid, 0.0), rss_mib)
        self._keep(sample)

    def named(self, sample: Sample) -> dict[str, float]:
        """A sample by the names of processes: a worker has one once its plugin has written."""
        names, found = self._names(), dict[str, float]()
        for pid, rss_mib in sample.rss_mib.items():
            name = names.get(pid, OTHERS)
            found[name] = found.get(name, 0.0) + rss_mib
        return found

    def _names(self) -> dict[int, str]:
        files = (file.name.rpartition("-") for file in self.folder.iterdir())
        names = {int(pid): worker for worker, _, pid in files if worker}
        return {self._pid: CONTROLLER if self.workers else "main", **names}

    def _keep(self, sample: Sample) -> None:
        """At most so many: of a long run every second, every fourth …, and the highest."""
        self._seen += 1
        if self._seen % self._every == 0 or not self.samples:
            self.samples.append(sample)
        elif sample.sum_mib > self.samples[-1].sum_mib:
            self.samples[-1] = sample
        if len(self.samples) > _POINTS:
            pairs = (self.samples[at : at + 2] for at in range(0, len(self.samples), 2))
            self.samples[:] = [max(pair, key=lambda one: one.sum_mib) for pair in pairs]
            self._every *= 2

    def memory(self) -> MemoryUse:
        """All of it, once the run has ended."""
        processes: dict[str, Process] = {}
        growths: list[Growth] = []
        for file in sorted(self.folder.iterdir()):
            lines = list(_lines(file))
            worker, _, pid = file.name.rpartition("-")
            name = worker or (CONTROLLER if self.workers else "main")
            peak_mib, collected_mib = self._peaks_mib.get(int(pid), 0.0), 0.0
            for line in lines:
                if line["is"] == "collected":
                    collected_mib = line["rss_kib"] / _KIB
                elif line["is"] == "finish" and line["peak_kib"] is not None:
                    peak_mib = line["peak_kib"] / _KIB
                elif line["is"] == "test":
                    before, grew = line["before_kib"], line["after_kib"] - line["before_kib"]
                    growths.append(Growth(line["id"], name, before / _KIB, grew / _KIB))
            processes[name] = Process(name, peak_mib, collected_mib)
        timeline = [Point(sample.at_s, self.named(sample)) for sample in self.samples]
        if others := [point.rss_mib[OTHERS] for point in timeline if OTHERS in point.rss_mib]:
            processes[OTHERS] = Process(OTHERS, max(others))
        return MemoryUse(
            max([self.peak_mib, *(p.peak_mib for p in processes.values())]),
            self._pss_mib,
            self._uss_mib,
            sorted(processes.values(), key=lambda one: _order(one.name)),
            timeline,
            growths,
        )


def _order(name: str) -> tuple[int, str]:
    """gw2 before gw10; what runs no tests at the end."""
    number = name.removeprefix("gw")
    is_last = name in {CONTROLLER, OTHERS}
    return (10_000 if is_last else int(number) if number.isdigit() else 0), name


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """The complete lines of one process; a killed one leaves half a line."""
    for line in file.read_text("utf-8", errors="replace").splitlines(keepends=True):
        if line.endswith("\n"):
            yield json.loads(line)
