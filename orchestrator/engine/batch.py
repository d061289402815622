"""A batch while a run works on it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.base import failpoints
from orchestrator.base.changes import Content
from orchestrator.commit import preflight
from orchestrator.commit.transaction import Transaction
from orchestrator.engine.context.dependencies import DependencyRecorder
from orchestrator.engine.context.events import StepBegun
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.fix import contents_before
from orchestrator.engine.selection import Selection
from orchestrator.engine.tests_of_files import tests_of
from orchestrator.report.check import check_template
from orchestrator.report.told import Action


@dataclass(slots=True)
class BatchRun:
    """A transaction on some targets, with what its gates read and how long each step took."""

    context: RunContext
    selection: Selection
    tx: Transaction
    base: str
    before: Mapping[str, Content]
    dependencies: DependencyRecorder
    seconds: dict[str, float] = field(default_factory=dict)

    def took(self, step: str, step_s: float) -> None:
        """Add to what a step took."""
        self.seconds[step] = self.seconds.get(step, 0.0) + step_s


@contextmanager
def open_batch(context: RunContext, selection: Selection) -> Iterator[BatchRun]:
    """Make sure that nothing can be lost, and write and commit in the block, or undo it all."""
    started_s = time.monotonic()
    context.emit(StepBegun("preflight"))
    new = [target.path for target in selection.targets if target.new]
    head = preflight.check(context.repo, context.plan, selection.place, selection.paths, new=new)
    check_template(context.plan, selection.place, Action.MIGRATE)
    failpoints.hit("preflight")
    if context.plan.verify_for(selection.place).runs_tests():
        tests = tests_of(context, selection.place)
        found = [test for target in selection.targets for test in tests(target.path)]
        for project in context.projects.of_all(found):
            context.python(project).must_have_pytest()
    before = contents_before(context.workspace, selection.targets)
    preflight_s = time.monotonic() - started_s
    with context.transaction(selection.place, head, before) as tx:
        dependencies = DependencyRecorder(context.opened_files)
        run = BatchRun(context, selection, tx, head.commit, before, dependencies)
        run.took("preflight", preflight_s)
        yield run
