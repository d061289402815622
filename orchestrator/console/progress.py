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
from orchestrator.batch.taken import TakenOut
from orchestrator.console.streams import err, plain, say
from orchestrator.gates.events import TestRun
from orchestrator.gates.interpreter import Interpreter
from orchestrator.gates.verdict import Kind, Verdict
from orchestrator.plan.model import Place
from orchestrator.words import plural

_TEST_CHARS = 60
_WORDS = {Kind.PASSED: "passed", Kind.RED: "RED", Kind.CANNOT_JUDGE: "cannot be judged"}


class LiveProgress:
    """A `Watcher` for people: which gate, which test of how many, elapsed, time left."""

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

    def picked(self, place: Place, files: int) -> None:
        """Name the batch."""
        say(f"{place.name}: {place.batch.title} ({plural(files, 'file')})", "bold")

    def recovered(self, what: str) -> None:
        """Say what was left of an earlier run."""
        say(f"an earlier run was interrupted: {what}", "yellow")

    def step(self, name: str) -> None:
        """Begin a step with an empty bar."""
        if self._task is not None:
            self._live.remove_task(self._task)
        self._task = self._live.add_task(name, total=None, current="")

    def interpreter(self, python: Interpreter) -> None:
        """Name the interpreter of the gates, and the rule that found it."""
        self.python = str(python.path)
        say(f"  python      {python.path} ({python.version}, {python.found})")

    def tests(self, run: TestRun) -> None:
        """Move the bar."""
        if self._task is None:
            return
        current = (run.running[-1] if run.running else "").rpartition("/")[2][-_TEST_CHARS:]
        total = len(run.ids) if run.collected else None
        description = "test" if run.collected else "collect"
        self._live.update(
            self._task,
            completed=run.done,
            total=total,
            description=description,
            current=plain(current).plain,
        )

    def verdict(self, verdict: Verdict) -> None:
        """One line per gate."""
        what = plural(verdict.count, "test" if verdict.gate in {"collect", "test"} else "file")
        before = len(verdict.known) + len(verdict.failed_before)
        known = f", {before} failed before" if before else ""
        known += f", {len(verdict.flaky)} flaky" if verdict.flaky else ""
        style = "green" if verdict.passed else "bold red"
        say(
            f"  {verdict.gate:<11} {_WORDS[verdict.kind]}: {what}{known}"
            f" in {verdict.duration_s:.1f} s",
            style,
        )
        for note in verdict.notes:
            say(f"    note: {note}", "yellow")

    def said(self, what: str) -> None:
        """Something is run once more, and why."""
        say(f"    {what}", "dim")

    def taken_out(self, taken: TakenOut) -> None:
        """A file got its old bytes back."""
        say(f"  taken out   {taken.path}: {reason_of(taken)}", "red")
