"""Memory of a run for people: live while it goes on, then what it came to and what grew most."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.live import Live

from orchestrator.base.changes import Side
from orchestrator.base.text import plural
from orchestrator.console.streams import answer, err, next_step, plain, say
from orchestrator.console.tables import show_table, simple_table
from orchestrator.gates.pytest.events import TestRun
from orchestrator.gates.pytest.meter import Meter
from orchestrator.measure.compare import Comparison
from orchestrator.measure.noise import FEWEST, Difference
from orchestrator.measure.report import MOST, MemoryBounds, growing_files
from orchestrator.measure.run import Measurement

_CELLS = 40


class LiveMemory:
    """Shows each process while a run goes on; on a terminal only."""

    def __init__(self, bounds: MemoryBounds) -> None:
        """Show nothing yet; the bars are drawn against what is expected."""
        console = err()
        self._bounds = bounds
        self._tests = ""
        self._live = (
            Live(console=console, transient=True, auto_refresh=False)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def progress(self, run: TestRun) -> None:
        """How far the tests are."""
        self._tests = f"{run.done:,} of {len(run.ids):,} tests" if run.ids else "collecting"

    def memory(self, meter: Meter) -> None:
        """The last sample, and the peak so far."""
        if self._live is None or not meter.samples:
            return
        last = meter.named(meter.samples[-1])
        total = sum(last.values())
        lines = [
            f"{total:8,.0f} MiB in all {_bar(total, self._bounds.expected_mib)} "
            f"peak {meter.peak_mib:,.0f} MiB, {self._tests}"
        ]
        share = self._bounds.expected_mib / max(1, meter.workers)
        lines += [f"{mib:8,.0f} MiB {name:10} {_bar(mib, share)}" for name, mib in last.items()]
        self._live.update(plain("\n".join(lines)), refresh=True)


def _bar(mib: float, whole_mib: float) -> str:
    filled = min(_CELLS, round(_CELLS * mib / max(1.0, whole_mib)))
    return "█" * filled + "░" * (_CELLS - filled)


def show_memory(found: Measurement, bounds: MemoryBounds) -> None:
    """What it came to."""
    memory = found.memory
    rows = [
        (p.name, f"{p.collected_mib:,.0f}" if p.collected_mib else "-", f"{p.peak_mib:,.0f}")
        for p in memory.processes
    ]
    rows.append(("in all, at one time", "", f"{memory.peak_mib:,.0f}"))
    if memory.peak_pss_mib is not None:
        rows.append(("shared pages counted once", "", f"{memory.peak_pss_mib:,.0f}"))
    heads = [("process", False), ("after collection, MiB", True), ("peak, MiB", True)]
    show_table(simple_table("", heads, rows))
    _grew(found)
    style = "bold red" if bounds.is_problem(found) else "bold"
    answer(f"peak {memory.peak_mib:,.0f} MiB, {_verdict(found, bounds)}", style)
    line = f"{plural(found.ran, 'test')} in {found.duration_s:.1f} s"
    answer(f"{line}, {found.not_green} not green" if found.not_green else line)


def _verdict(found: Measurement, bounds: MemoryBounds) -> str:
    said = bounds.verdict(found.memory.peak_mib)
    return f"{said}; ended early: {found.stopped}" if found.stopped else said


def _grew(found: Measurement) -> None:
    files = [(f, f"{tests:,}", f"{mib:+.1f}") for f, mib, tests in growing_files(found)]
    if files:
        heads = [("grew most: file", False), ("tests", True), ("MiB", True)]
        show_table(simple_table("", heads, files))
    tests = [(g.test_id, g.worker, f"{g.grew_mib:+.1f}") for g in found.grew()[:MOST]]
    tests = [row for row in tests if not row[2].startswith(("-", "+0.0"))]
    if tests:
        heads = [("grew most: test", False), ("process", False), ("MiB", True)]
        show_table(simple_table("", heads, tests))


def tell_run(side: Side, found: Measurement) -> None:
    """One run of a comparison is over."""
    word = {Side.BEFORE: "before", Side.EDITED: "after"}[side]
    say(
        f"  {word:7} peak {found.memory.peak_mib:,.0f} MiB, "
        f"{found.memory.peak_worker_mib:,.0f} in the largest worker, {found.duration_s:.1f} s, "
        f"{plural(found.ran, 'test')}"
    )


def show_comparison(found: Comparison) -> None:
    """Both sides, and whether they differ by more than the noise."""
    heads = [
        ("", False), ("before", True), ("after", True), ("change", True),
        ("by chance", True), ("larger than the noise", False),
    ]  # fmt: skip
    rows = [
        _row("peak in all, MiB", found.peak_mib()),
        _row("peak of a worker, MiB", found.peak_worker_mib()),
        _row("seconds", found.seconds()),
    ]
    show_table(simple_table("", heads, rows))
    if not found.has_same_tests:
        say(
            "the two sides did not run the same tests: their figures are of different things",
            "yellow",
        )
    if found.differing:
        shown = ", ".join(found.differing[:3])
        answer(f"not the same outcomes: {plural(len(found.differing), 'test')} ({shown})")
    else:
        answer(f"the same outcomes: {plural(found.before[0].ran, 'test')} in every run")
    if len(found.before) < FEWEST:
        next_step(f"the same with --runs {FEWEST}: of fewer, nothing can be said about noise")


def _row(name: str, one: Difference) -> Sequence[str]:
    unknown = "too few runs" if one.is_comparable else "other tests"
    words = {True: "yes", False: "no", None: unknown}
    return (
        name, _spread(one.before), _spread(one.after), f"{one.change:+,.1f}",
        f"{one.chance:.3f}", words[one.is_real],
    )  # fmt: skip


def _spread(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:,.1f}" if low == high else f"{low:,.1f} to {high:,.1f}"
