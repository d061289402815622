"""Runs the real scheduler over a clock of its own: thousands of batches, hundreds of workers.

    python benchmarks/simulate.py [--files 100000] [--batches 5000] [--workers 1 50 100 200 400]

What decides which batch is judged when, and which lands next, is `orchestrator.parallel`; who
judges and who lands are stand-ins that take as long as was measured and let the clock go on. A
share of the tasks is lost and begun anew, a share of the batches is judged again where it lands.
Prints one row for each number of workers.
"""

from __future__ import annotations

import argparse
import heapq
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from orchestrator.base.changes import Change, Unit
from orchestrator.base.outcomes import TargetOutcome, TargetState
from orchestrator.base.paths import RepoPath
from orchestrator.commit.transaction import Commit
from orchestrator.engine.context.events import ParallelEvent, ignore_events
from orchestrator.engine.fix_and_verify import FixResult
from orchestrator.engine.results import BatchOutcome, Landed, Stopped
from orchestrator.engine.run_batch import Candidate
from orchestrator.engine.select_batch import BatchSelector
from orchestrator.engine.selection import Selection
from orchestrator.gates.pytest.file_dependencies import FileDependencies
from orchestrator.parallel.conflicts import Reverify
from orchestrator.parallel.series import SeriesRun
from orchestrator.parallel.task import Answer, BatchTask, Judged
from orchestrator.plan.model import Batch, Phase, Place, Plan, Priority, Target
from orchestrator.records.record import Record, TargetRecord
from orchestrator.records.status import BatchStatus, PhaseStatus, Status, TargetStatus, open_batches


@dataclass(frozen=True, slots=True)
class Costs:
    """Seconds, and shares of tasks. Where each figure comes from is said in docs/scale.md."""

    judge_s: float
    spread: float
    land_s: float
    lost: float
    again: float


@dataclass(slots=True)
class Clock:
    """The time of the simulation, in seconds from its beginning."""

    now_s: float = 0.0


@dataclass(slots=True)
class Workers:
    """Stand-ins that answer once their time has come."""

    jobs: int
    clock: Clock
    costs: Costs
    dice: random.Random
    is_live: bool = False
    busy_s: float = 0.0
    lost: int = 0
    _due: list[tuple[float, int, BatchTask]] = field(default_factory=list)

    @property
    def free(self) -> int:
        """How many more tasks may begin now."""
        return self.jobs - len(self._due)

    def submit(self, task: BatchTask) -> None:
        """Begin a task; where its worker is lost on the way, it is begun anew, and takes longer."""
        took_s = self._takes_s()
        while self.dice.random() < self.costs.lost:
            self.lost += 1
            took_s += self._takes_s() * self.dice.random()
        self.busy_s += took_s
        heapq.heappush(self._due, (self.clock.now_s + took_s, task.number, task))

    def answers(self) -> Iterator[Answer | ParallelEvent]:
        """Everything that is there by now; where nothing is, the clock goes on to the next."""
        due_s = self._due[0][0]
        self.clock.now_s = max(self.clock.now_s, due_s)
        while self._due and self._due[0][0] <= self.clock.now_s:
            _, _, task = heapq.heappop(self._due)
            changes = tuple(Change(RepoPath(path), b"old", b"new") for path in task.paths)
            units = [Unit((change.path,), (change,)) for change in changes]
            candidate = Candidate(task.base, FixResult(kept=units), None, {})
            yield Judged(task, candidate, FileDependencies(set(task.paths), set()))

    def close(self) -> None:
        """Nothing is at work."""

    def _takes_s(self) -> float:
        return self.costs.judge_s * self.dice.lognormvariate(
            -(self.costs.spread**2) / 2, self.costs.spread
        )


@dataclass(slots=True)
class Line:
    """A stand-in that lands by letting the clock go on."""

    plan: Plan
    clock: Clock
    costs: Costs
    dice: random.Random
    tip: str = "0"
    stop_after: int = sys.maxsize
    busy_s: float = 0.0
    judged_again: int = 0
    _status: Status | None = None

    def status(self) -> Status:
        """Where the migration stands."""
        if self._status is None:
            phases = [PhaseStatus(phase, list(_batches(phase))) for phase in self.plan.phases]
            self._status = Status(self.plan, phases, next(open_batches(phases), None))
        return self._status

    def taken(self, answer: Answer, task: BatchTask) -> Answer:
        """It is what was asked for."""
        assert answer.task == task
        return answer

    def land(self, judged: Judged, selection: Selection) -> Landed | Stopped | Reverify:
        """Commit, or ask for it again: never twice, since what lands next waits for it."""
        is_late = judged.task.base != self.tip
        if is_late and self.dice.random() < self.costs.again:
            self.judged_again += 1
            return Reverify("its tests read what changed since")
        self.clock.now_s += self.costs.land_s
        self.busy_s += self.costs.land_s
        self.tip = str(int(self.tip) + 1)
        place = selection.place
        entries = tuple(
            TargetRecord(path=RepoPath(path), done=TargetOutcome.EDITED, before="a", after="b")
            for path in selection.paths
        )
        record = Record(
            plan=self.plan.name, phase=place.phase.id, batch=place.batch.id, definition="",
            fixers={}, targets=entries, gates=(),
        )  # fmt: skip
        self._settle(place, record)
        found = BatchOutcome((), (), (), (), {})
        next_ = self.status().next
        return Landed(place, Commit(self.tip, ""), record, entries, found, next_)

    def _settle(self, place: Place, record: Record) -> None:
        old = self.status()
        phases = []
        for phase in old.phases:
            batches = list(phase.batches)
            if phase.phase.id == place.phase.id:
                targets = [TargetStatus(t, TargetState.DONE) for t in place.batch.targets]
                batches[place.number - 1] = BatchStatus(place, targets, record)
            phases.append(replace(phase, batches=batches))
        self._status = Status(old.plan, phases, next(open_batches(phases), None))


def _batches(phase: Phase) -> Iterator[BatchStatus]:
    for number, batch in enumerate(phase.batches, start=1):
        targets = [TargetStatus(target, TargetState.PENDING) for target in batch.targets]
        yield BatchStatus(Place(phase, batch, number), targets, None)


def plan_of(files: int, batches: int) -> Plan:
    """So many files in so many batches of one phase."""
    per_batch = files // batches
    made = [
        Batch(
            id=f"b{number}",
            title="a batch",
            targets=[Target(path=f"tests/test_{number}_{n}.py") for n in range(per_batch)],
        )
        for number in range(batches)
    ]
    phase = Phase(
        id="all", title="all", priority=Priority.HIGH, fixer="memory-safety", batches=made
    )
    return Plan(version=1, name="simulated", title="simulated", phases=[phase])


def main() -> None:
    """Simulate, and print a table in Markdown."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--batches", type=int, default=5_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 10, 50, 100, 200, 400])
    parser.add_argument("--judge", type=float, default=14.0, help="seconds a batch takes to judge")
    parser.add_argument("--spread", type=float, default=0.6, help="sigma of its logarithm")
    parser.add_argument("--land", type=float, default=0.6, help="seconds a batch takes to land")
    parser.add_argument("--lost", type=float, default=0.01, help="share of tasks whose worker dies")
    parser.add_argument("--again", type=float, default=0.02, help="share that is judged again")
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    costs = Costs(asked.judge, asked.spread, asked.land, asked.lost, asked.again)
    plan = plan_of(asked.files, asked.batches)
    print(
        "| workers | hours | speed-up | workers busy | landing busy | lost | again | scheduler, s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    alone_s = asked.batches * (asked.judge + asked.land)
    for workers in asked.workers:
        began_s = time.perf_counter()
        clock, dice = Clock(), random.Random(asked.seed)
        line = Line(plan, clock, costs, dice)
        judges = Workers(workers, clock, costs, dice)
        results, _ = SeriesRun(line, judges, BatchSelector(), ignore_events, None).to_its_end()
        assert len(results) == asked.batches
        real_s = time.perf_counter() - began_s
        print(
            f"| {workers} | {clock.now_s / 3600:.2f} | {alone_s / clock.now_s:.1f} "
            f"| {judges.busy_s / clock.now_s / workers:.0%} | {line.busy_s / clock.now_s:.0%} "
            f"| {judges.lost} | {line.judged_again} | {real_s:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
