"""Shows a run while it goes on: a live line on a terminal, one line per step elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from orchestrator.base.outcomes import GateResult
from orchestrator.base.text import plural
from orchestrator.console.streams import cell, err, say
from orchestrator.engine.context.events import (
    Event,
    GateJudged,
    InterpreterFound,
    Notice,
    ParallelBatchEnded,
    ParallelEvent,
    Picked,
    Recovered,
    StepBegun,
    TestsRan,
    UnitRejected,
)
from orchestrator.engine.make_record import reason_of
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Evidence
from orchestrator.plan.verify import COUNT_TESTS

_TEST_CHARS = 60
_SAID_EVERY_S = 30.0
"""Where no bar can move, a line says so often how far the tests are."""

_WORDS = {
    GateResult.PASSED: "passed",
    GateResult.RED: "RED",
    GateResult.CANNOT_JUDGE: "cannot be judged",
}


class LiveProgress:
    """Shows events to people: which gate, which test of how many, elapsed, time left."""

    def __init__(self, python: str = sys.executable) -> None:
        """Show nothing yet; `python` is for commands to print until a run says which it uses."""
        self.python = python
        console = err()
        self._live = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[current]}", markup=False),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._task: TaskID | None = None
        self._said_s = 0.0
        """When something was last printed of the tests, on a clock of no origin."""

        self._beside: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._live.start()
        self._said_s = time.monotonic()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def tell(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Picked(place, files):
                say(f"{place.name}: {place.batch.title} ({plural(files, 'file')})", "bold")
            case Recovered(sentence):
                say(f"an earlier run was interrupted: {sentence}", "yellow")
            case StepBegun(name, runs):
                self._begin(name)
                if runs:
                    say(f"    runs {runs}", "dim")
            case InterpreterFound(python):
                self.python = str(python.path)
                say(f"  python      {python.path} ({python.version}, {python.found})")
            case TestsRan():
                self._move(self._task, event)
                self._say_where(event)
            case ParallelEvent(place, inner):
                self._tell_beside(place, inner)
            case ParallelBatchEnded(place):
                if (task := self._beside.pop(place, None)) is not None:
                    self._live.remove_task(task)
            case GateJudged(verdict):
                _show_verdict(verdict)
            case Notice(what):
                say(f"    {what}", "dim")
            case UnitRejected(taken):
                why = reason_of(taken, Evidence.FULL)
                say(f"  quarantined {', '.join(taken.unit.targets)}: {why}", "red")

    def _begin(self, name: str) -> None:
        """Begin a step with an empty bar."""
        if self._task is not None:
            self._live.remove_task(self._task)
        self._task = self._live.add_task(cell(name).plain, total=None, current="")

    def _say_where(self, ran: TestsRan) -> None:
        """Print now and then how far the tests are, where no bar is shown."""
        now_s = time.monotonic()
        if not self._live.disable or now_s - self._said_s < _SAID_EVERY_S:
            return
        self._said_s = now_s
        how_far = "collecting" if ran.of is None else f"{ran.done:,} of {ran.of:,} tests"
        say(f"    {how_far}{f', at {ran.current}' if ran.current else ''}", "dim")

    def _tell_beside(self, place: str, event: Event) -> None:
        """One line of the table for each batch at work; what it tells is shown once it lands."""
        match event:
            case StepBegun(name):
                if place in self._beside:
                    self._live.remove_task(self._beside[place])
                line = f"{place}: {name}"
                self._beside[place] = self._live.add_task(cell(line).plain, total=None, current="")
            case TestsRan() if place in self._beside:
                self._move(self._beside[place], event, f"{place}: ")

    def _move(self, task: TaskID | None, ran: TestsRan, head: str = "") -> None:
        """Move a bar."""
        if task is None:
            return
        current = ran.current.rpartition("/")[2][-_TEST_CHARS:]
        self._live.update(
            task,
            completed=ran.done,
            total=ran.of,
            description=f"{head}{'collect' if ran.of is None else 'test'}",
            current=cell(current).plain,
        )


def _show_verdict(verdict: Verdict) -> None:
    """One line per gate."""
    what = plural(verdict.count, "test" if verdict.gate in COUNT_TESTS else "file")
    before = len(verdict.known) + len(verdict.failed_before)
    known = f", {verdict.skipped:,} skipped as before" if verdict.skipped else ""
    known += f", {verdict.xfailed:,} expected to fail as before" if verdict.xfailed else ""
    known += f", {before} failed before" if before else ""
    known += f", {len(verdict.flaky)} flaky" if verdict.flaky else ""
    style = "green" if verdict.passed else "bold red"
    say(
        f"  {verdict.gate:<11} {_WORDS[verdict.kind]}: {what}{known} in {verdict.duration_s:.1f} s",
        style,
    )
    for note in verdict.notes:
        say(f"    note: {note}", "yellow")
