"""Measures what the tests of a batch hold of the memory, with the edit and without it."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from orchestrator.base.changes import Side, Unit
from orchestrator.base.paths import RepoPath
from orchestrator.base.text import plural
from orchestrator.commit.batch_tree import BatchTree
from orchestrator.engine.context.events import Notice, StepBegun, TestsRan
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.tests_of_files import tests_of
from orchestrator.errors import CannotJudge
from orchestrator.measure.compare import in_turn
from orchestrator.measure.run import Measurement, Tests, measured
from orchestrator.plan.model import Place
from orchestrator.plan.projects import verify_in
from orchestrator.records.record import MemoryRecord


def measured_memory(
    context: RunContext, place: Place, units: Sequence[Unit]
) -> MemoryRecord | None:
    """The peaks of both sides, in turn; None where the plan does not ask, or nothing can be said.

    The files are edited before and afterwards. The tests run as the gate runs them, with its
    workers and, where the plan freezes, with what is imported frozen.
    """
    verify = context.plan.verify_for(place)
    if verify.measure is None or not units:
        return None
    of, targets = tests_of(context, place), [path for unit in units for path in unit.targets]
    files = list(dict.fromkeys(test for path in targets for test in of(path)))
    if not files:
        return None
    folder, *others = context.projects.of_all(files)
    if others:
        context.say("memory was not measured: the tests are of several projects")
        return None
    context.emit(StepBegun("memory"))
    top = context.top
    own = verify_in(context.plan, folder, verify)
    python = context.python(folder)
    tests = Tests(top, files, python, own, freeze=verify.freeze_gc, folder=folder)
    tree = BatchTree(top, units, at=Side.EDITED)

    def measure(side: Side) -> Measurement:
        tree.put(side)
        return measured(tests, on_progress=lambda run: context.emit(TestsRan.seen(run)))

    try:
        found = in_turn(measure, verify.measure_runs)
    except CannotJudge as error:
        context.say(f"memory was not measured: {error.what.splitlines()[0]}")
        return None
    finally:
        tree.put(Side.EDITED)
    if stopped := next((run.stopped for run in (*found.before, *found.after) if run.stopped), None):
        context.say(f"memory was not measured: {stopped}")
        return None
    before, after = found.peak_mib().before, found.peak_mib().after
    context.emit(Notice(
        f"memory: peak {median(before):,.0f} to {median(after):,.0f} MiB, "
        f"{plural(verify.measure_runs, 'run')} of each side"
    ))  # fmt: skip
    return MemoryRecord(
        files=tuple(map(RepoPath, sorted(targets))),
        workers=verify.workers,
        before_mib=tuple(round(mib) for mib in before),
        after_mib=tuple(round(mib) for mib in after),
    )
