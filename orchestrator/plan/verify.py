"""What must hold before a batch is committed, how it is found out, and what a red gate leads to."""

from __future__ import annotations

from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import Field, PositiveFloat

from orchestrator.plan.base import Identifier, RelativePath, Seconds, Strict, Text


class GateName(StrEnum):
    """The checks that are built in, in the order in which they run."""

    COMPILE = "compile"
    STRENGTH = "strength"
    COLLECT = "collect"
    TEST = "test"


class Flaky(StrEnum):
    """What a test that fails and then passes on the same bytes means for its file."""

    WARN = "warn"
    FAIL = "fail"


class OnFailure(StrEnum):
    """What becomes of a batch in which one file does not pass."""

    ISOLATE = "isolate"
    STOP = "stop"


class Command(Strict):
    """A program that must end with 0 on the edited files, such as mypy or ruff."""

    name: Identifier = Field(description="What the gate is called.")
    run: Text = Field(
        description="Program and arguments, without a shell. The word {files} stands for the "
        "edited files, {python} for the project's interpreter."
    )


class Allowance(Strict):
    """A test that may come out weaker than it was, because a person said so."""

    test: Text = Field(description="Its id, or a pattern of ids; '*' also matches '/' and '::'.")
    reason: Text


class Verify(Strict):
    """What must hold before a batch is committed, and how it is found out."""

    gates: list[Identifier] = Field(
        default=["compile", "collect", "test"],
        description="compile, collect, test, strength, and those of plug-ins. `strength` also runs "
        "unnamed where a fixer cannot prove that its edits leave the tests what they were.",
    )
    allow: list[Allowance] = Field(
        default_factory=list, description="Tests that `strength` does not hold to what they were."
    )
    commands: list[Command] = Field(
        default_factory=list,
        description="Further gates, run in this order after the others; they need --trust once.",
    )
    python: Text | None = Field(
        default=None,
        description="The project's interpreter; default: the active venv, .venv, then PATH.",
    )
    workers: Annotated[int, Field(ge=0, le=64)] = Field(
        default=0, description="pytest-xdist workers with --dist loadgroup; 0: one process."
    )
    pytest_args: list[Text] = Field(
        default_factory=list, description="Further arguments of every pytest run."
    )
    tests: dict[Text, list[RelativePath]] = Field(
        default_factory=dict,
        description="What to run for files that are no test files: a pattern ('*' also matches "
        "'/') and the test files or folders for it. `tests:` of a target comes first.",
    )
    timeout_s: Seconds = Field(default=3_600.0, description="Limit of one gate, in seconds.")
    test_timeout_s: Seconds = Field(
        default=300.0, description="Limit without any sign of life from the tests, in seconds."
    )
    memory_mib: PositiveFloat | None = Field(
        default=None, description="Limit of the tests' process tree, in MiB."
    )
    freeze_gc: bool = Field(
        default=True, description="Keep imported objects out of every gc.collect() of the tests."
    )
    known_failures: list[Text] = Field(
        default_factory=list,
        description="Test ids that may fail whatever the baseline says; rarely needed, since what "
        "failed before the edit is found out and not held against a file.",
    )
    flaky: Flaky = Field(
        default=Flaky.WARN,
        description="A test that fails and passes on the same bytes: name it, or fail its file.",
    )
    on_failure: OnFailure = Field(
        default=OnFailure.ISOLATE,
        description="Take the files that fail out of their batch, or put the whole batch back.",
    )
    stop_after: Annotated[int, Field(ge=1)] = Field(
        default=5,
        description="next-batch --all stops once gates took this many files out of their batches.",
    )

    def tests_for(self, path: str) -> list[str] | None:
        """What a pattern says pytest is given for a file; None: no pattern is about it."""
        return next((t for p, t in self.tests.items() if fnmatchcase(path, p)), None)

    def runs_tests(self) -> bool:
        """Whether any gate needs pytest."""
        return GateName.TEST in self.gates or GateName.COLLECT in self.gates

    def allowed(self, test_id: str) -> str | None:
        """Why a test may come out weaker; None where it may not."""
        found = (a for a in self.allow if test_id == a.test or fnmatchcase(test_id, a.test))
        return next((allowance.reason for allowance in found), None)
