"""What must hold before a batch is committed, how it is found out, and what a red gate leads to."""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from orchestrator.plan.base import (
    Identifier,
    Limits,
    RelativePath,
    Seconds,
    Strict,
    Text,
    described,
    model,
)
from orchestrator.project.ids import from_top


class GateName(StrEnum):
    """The checks that are built in, in the order in which they run."""

    COMPILE = "compile"
    STRENGTH = "strength"
    COLLECT = "collect"
    TEST = "test"


COUNT_TESTS = frozenset({GateName.STRENGTH, GateName.COLLECT, GateName.TEST})
"""Gates whose verdict counts tests; that of all others counts files."""

RUN_BY_PYTEST = frozenset({GateName.COLLECT, GateName.TEST})
"""Gates that come from a run of pytest: what failed before are ids of tests."""


class Flaky(StrEnum):
    """What a test that fails and then passes on the same bytes means for its file."""

    WARN = "warn"
    FAIL = "fail"


class Untested(StrEnum):
    """What becomes of an edited file of which no test ran."""

    LAND = "land"
    REFUSE = "refuse"


class OnFailure(StrEnum):
    """What becomes of a batch in which one file does not pass."""

    ISOLATE = "isolate"
    STOP = "stop"


class MeasureKind(StrEnum):
    """What can be measured of a batch."""

    MEMORY = "memory"


@model
class VerifyCommand(Strict):
    """A program that must end with 0 on the edited files, such as mypy or ruff."""

    name: Identifier = described("What the gate is called.")
    run: Text = described(
        "Program and arguments, without a shell. The word {files} stands for the "
        "edited files, {python} for the project's interpreter."
    )


@model
class Allowance(Strict):
    """A test that may come out weaker than it was, because a person said so."""

    test: Text = described("Its id, or a pattern of ids; '*' also matches '/' and '::'.")
    reason: Text


@model
class Verify(Strict):
    """What must hold before a batch is committed, and how it is found out."""

    gates: list[Identifier] = described(
        "compile, collect, test, strength, and those of plug-ins. `strength` also runs "
        "unnamed where a fixer cannot prove that its edits leave the tests what they were.",
        default_factory=lambda: ["compile", "collect", "test"],
    )
    allow: list[Allowance] = described(
        "Tests that `strength` does not hold to what they were.", default_factory=list
    )
    commands: list[VerifyCommand] = described(
        "Further gates, run in this order after the others; they need --trust once.",
        default_factory=list,
    )
    python: Text | None = described(
        "The project's interpreter; default: the active venv, .venv, then PATH. One that would not "
        "be found without the plan needs --trust once.",
        default=None,
    )
    workers: Annotated[int, Limits(ge=0, le=64)] = described(
        "pytest-xdist workers with --dist loadgroup; 0: one process.", default=0
    )
    pytest_args: list[Text] = described(
        "Further arguments of every pytest run; they need --trust once.", default_factory=list
    )
    tests: dict[Text, list[RelativePath]] = described(
        "What to run for files that are no test files: a pattern ('*' also matches "
        "'/') and the test files or folders for it, or patterns of them ('**' goes through "
        "folders). `tests:` of a target comes first.",
        default_factory=dict,
    )
    timeout_s: Seconds = described("Limit of one gate, in seconds.", default=3_600.0)
    test_timeout_s: Seconds = described(
        "Limit without any sign of life from the tests, in seconds.", default=300.0
    )
    memory_mib: Annotated[float, Limits(gt=0)] | None = described(
        "Limit of the tests' process tree, in MiB.", default=None
    )
    measure: MeasureKind | None = described(
        "memory: what the tests of a batch hold before and after goes into its record, beside the "
        "estimate; they run that often once more on each side.",
        default=None,
    )
    measure_runs: Annotated[int, Limits(ge=1, le=10)] = described(
        "How often they run on each side to be measured.", default=2
    )
    writes: list[Text] = described(
        "Tracked files that the tests may write to ('*' also matches '/'); they are restored, and "
        "the batch is not held up.",
        default_factory=list,
    )
    freeze_gc: bool = described(
        "Keep imported objects out of every gc.collect() of the tests.", default=True
    )
    warm: bool = described(
        "Fork runs of pytest from one process that holds the installed packages, once a run of "
        "both kinds came to the same.",
        default=True,
    )
    known_failures: list[Text] = described(
        "Test ids that may fail whatever the baseline says; rarely needed, since what "
        "failed before the edit is found out and not held against a file.",
        default_factory=list,
    )
    flaky: Flaky = described(
        "A test that fails and passes on the same bytes: name it, or fail its file.",
        default=Flaky.WARN,
    )
    untested: Untested | None = described(
        "An edited file of which no test ran, where tests are run: let it land and name it, or "
        "quarantine it; default: test files are quarantined, others land.",
        default=None,
    )
    on_failure: OnFailure = described(
        "Take the files that fail out of their batch, or put the whole batch back.",
        default=OnFailure.ISOLATE,
    )
    stop_after: Annotated[int, Limits(ge=1)] = described(
        "next-batch --all stops once gates took this many files out of their batches.",
        default=5,
    )

    def tests_for(self, path: str) -> list[str] | None:
        """What a pattern says pytest is given for a file; None: no pattern is about it."""
        return next((t for p, t in self.tests.items() if fnmatchcase(path, p)), None)

    def may_write(self, path: str) -> bool:
        """Whether the plan lets the tests write to a tracked file."""
        return any(fnmatchcase(path, pattern) for pattern in self.writes)

    def runs_tests(self) -> bool:
        """Whether any gate needs pytest."""
        return GateName.TEST in self.gates or GateName.COLLECT in self.gates

    def allowed(self, test_id: str) -> str | None:
        """Why a test may come out weaker; None where it may not."""
        named = ((allowance, from_top(allowance.test)) for allowance in self.allow)
        found = (a for a, test in named if test_id == test or fnmatchcase(test_id, test))
        return next((allowance.reason for allowance in found), None)
