"""Which tests look at a file of a batch, by plan and configuration, and how many of them ran."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path, PurePosixPath

from orchestrator.engine.context.run_context import RunContext
from orchestrator.errors import BadInput
from orchestrator.fixers import registry
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Place
from orchestrator.plan.patterns import matching
from orchestrator.plan.verify import GateName
from orchestrator.project.folders import collected_below
from orchestrator.project.pytest_config import settings_for

TestsOf = Callable[[str], Sequence[str]]
"""The test files or folders pytest is given for a file of a batch; none: it has no tests."""


def tests_of(context: RunContext, place: Place) -> TestsOf:
    """As the plan says: what a target names, what a pattern of `verify` does, or the file itself.

    Patterns are for files that are no tests; one that is no Python and matches none has no tests,
    nor has a script whose fixer tries it itself. The tests of a conftest are those below its folder
    that pytest collects of itself. A file for a person that is no test file and names no tests is
    judged by the tests of its batch.
    """
    verify, top = context.plan.verify_for(place), context.top
    targets = {target.path: target for target in place.batch.targets}
    tried = any(registry.get(rung.fixer).tries_its_edits for rung in place.phase.rungs())
    tests = [target.path for target in place.batch.automatic() if is_test_file(top, target.path)]

    expanded = cache(partial(matching, top))  # a batch may make files that a later one matches

    def of(path: str) -> Sequence[str]:
        target = targets.get(path)  # a file beside the targets, or one the plan named once, is none
        named = target.tests if target else None
        if named is None and is_test_file(top, path):
            return [path]
        found = verify.tests_for(path) if named is None else named
        if found is None:
            if target is not None and target.manual is not None:
                return tests
            if PurePosixPath(path).name == "conftest.py":
                return collected_below(top, context.projects.of(path), path.rpartition("/")[0])
            return [path] if target is not None and path.endswith(".py") and not tried else []
        found = context.projects.spread(test for named in found for test in expanded(named))
        if missing := [test for test in found if not (top / test).exists()]:
            raise BadInput(
                f"the plan names tests for {path!r} that do not exist: {missing[0]!r}",
                next_step="correct `tests:` in the plan, then: orchestrate validate",
            )
        return found

    return of


def tests_that_ran(
    context: RunContext, place: Place, verdicts: Sequence[Verdict]
) -> Callable[[str], int | None]:
    """Says of an edited file how many of its tests ran; None where none were to be run."""
    tried = any(registry.get(rung.fixer).tries_its_edits for rung in place.phase.rungs())
    if not context.plan.verify_for(place).runs_tests() or tried:
        return lambda path: None
    of = tests_of(context, place)
    judged = {verdict.gate: verdict for verdict in verdicts}
    last = judged.get(GateName.TEST, judged.get(GateName.COLLECT))
    return lambda path: last.ran_in(of(path)) if last else 0


def is_test_file(top: Path, path: str) -> bool:
    """Whether pytest takes the file for tests, as it is configured there."""
    return path.endswith(".py") and settings_for(top, path).collects_file(path)
