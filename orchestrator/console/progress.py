"""Shows a run while it goes on: a live line on a terminal, one line per step elsewhere."""

from __future__ import annotations

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

from orchestrator.batch.recording import reason_of
from orchestrator.console.streams import err, plain, say
from orchestrator.events import (
    Event,
    InterpreterFound,
    Judged,
    Lost,
    Picked,
    Recovered,
    Said,
    StepBegun,
    TestsRan,
)
from orchestrator.gates.events import TestRun
from orchestrator.gates.verdict import GATES_OF_TESTS, Kind, Verdict
from orchestrator.words import plural

_TEST_CHARS = 60
_WORDS = {Kind.PASSED: "passed", Kind.RED: "RED", Kind.CANNOT_JUDGE: "cannot be judged"}


class LiveProgress:
    """Shows events to people: which gate, which test of how many, elapsed, time left."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self.python = "python"
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

    def __enter__(self) -> Self:
        self._live.start()
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
            case StepBegun(name):
                self._begin(name)
            case InterpreterFound(python):
                self.python = str(python.path)
                say(f"  python      {python.path} ({python.version}, {python.found})")
            case TestsRan(run):
                self._move(run)
            case Judged(verdict):
                _show_verdict(verdict)
            case Said(what):
                say(f"    {what}", "dim")
            case Lost(taken):
                say(f"  taken out   {', '.join(taken.unit.targets)}: {reason_of(taken)}", "red")

    def _begin(self, name: str) -> None:
        """Begin a step with an empty bar."""
        if self._task is not None:
            self._live.remove_task(self._task)
        self._task = self._live.add_task(name, total=None, current="")

    def _move(self, run: TestRun) -> None:
        """Move the bar."""
        if self._task is None:
            return
        current = (run.running[-1] if run.running else "").rpartition("/")[2][-_TEST_CHARS:]
        self._live.update(
            self._task,
            completed=run.done,
            total=len(run.ids) if run.collected else None,
            description="test" if run.collected else "collect",
            current=plain(current).plain,
        )


def _show_verdict(verdict: Verdict) -> None:
    """One line per gate."""
    what = plural(verdict.count, "test" if verdict.gate in GATES_OF_TESTS else "file")
    before = len(verdict.known) + len(verdict.failed_before)
    known = f", {before} failed before" if before else ""
    known += f", {len(verdict.flaky)} flaky" if verdict.flaky else ""
    style = "green" if verdict.passed else "bold red"
    say(
        f"  {verdict.gate:<11} {_WORDS[verdict.kind]}: {what}{known} in {verdict.duration_s:.1f} s",
        style,
    )
    for note in verdict.notes:
        say(f"    note: {note}", "yellow")
