"""Runs tests once and says what they held of the memory, and how each of them did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.base.escape import as_command
from orchestrator.base.redact import last_lines
from orchestrator.errors import CannotJudge
from orchestrator.gates.pytest.events import TestOutcome
from orchestrator.gates.pytest.meter import Growth, MemoryUse
from orchestrator.gates.pytest.run import OnMemory, OnProgress, PytestRequest, PytestRun, run_pytest
from orchestrator.plan.verify import Verify
from orchestrator.project.folders import TOP
from orchestrator.project.interpreter import Interpreter


@dataclass(frozen=True, slots=True)
class Tests:
    """What is run: test files or folders from `top`, by the interpreter and the rules of `verify`.

    All of them are of the project in `folder`, which is told from `top` as well.
    `verify.workers` are the processes, `verify.memory_mib` is the ceiling. `env` is laid over the
    environment. `freeze` keeps imported objects out of the collector's sight, as a gate does.
    """

    __test__ = False

    top: Path
    files: Sequence[str]
    python: Interpreter
    verify: Verify
    env: Mapping[str, str] = field(default_factory=dict)
    freeze: bool = False
    folder: str = TOP


@dataclass(frozen=True, slots=True)
class Measurement:
    """One run: its memory, the outcome of each test by id, how long it took, why it was ended.

    `printed` is the last part of what pytest said.
    """

    memory: MemoryUse
    outcomes: Mapping[str, TestOutcome]
    duration_s: float
    stopped: str | None
    printed: str = ""

    @property
    def ran(self) -> int:
        """How many tests came to an end."""
        return len(self.outcomes)

    @property
    def not_green(self) -> int:
        """How many of them failed in some phase."""
        return sum(bool(way) and ":" in way[0] for way in self.outcomes.values())

    def grew(self) -> list[Growth]:
        """Tests by what they left behind, the most first."""
        return sorted(self.memory.growths, key=lambda growth: -growth.grew_mib)

    def grew_by_file(self) -> list[tuple[str, float, int]]:
        """Files by the sum of what their tests left behind in MiB, with the number of tests."""
        sums: Counter[str] = Counter()
        tests: Counter[str] = Counter()
        for growth in self.memory.growths:
            file = growth.test_id.partition("::")[0]
            sums[file] += growth.grew_mib  # type: ignore[assignment]  # a Counter adds any number
            tests[file] += 1
        return [(file, float(mib), tests[file]) for file, mib in sums.most_common()]


def measured(
    tests: Tests,
    *,
    on_memory: OnMemory = lambda meter: None,
    on_progress: OnProgress = lambda run: None,
) -> Measurement:
    """Run the tests and watch them. A run that the ceiling ended is measured as far as it came.

    Raises:
        CannotJudge: no test ran, or the interpreter died.
    """
    request = PytestRequest(
        tests.files, freeze=tests.freeze, workers=tests.verify.workers, folder=tests.folder
    )
    ended = run_pytest(
        request, top=tests.top, python=tests.python, verify=tests.verify,
        on_progress=on_progress, on_memory=on_memory, env=tests.env,
    )  # fmt: skip
    if (why := _why_no_answer(ended)) is not None:
        raise CannotJudge(
            why, next_step=as_command([*_started(ended.command), "--collect-only", "-q"])
        )
    assert ended.memory is not None
    run = ended.run
    growths = [replace(g, test_id=run.canonical(g.test_id)) for g in ended.memory.growths]
    return Measurement(
        replace(ended.memory, growths=growths),
        {id_: run.outcome_of(id_) for id_, phases in run.outcomes.items() if "teardown" in phases},
        ended.process.duration_s,
        ended.process.stopped,
        ended.process.output,
    )


def _started(command: Sequence[str]) -> Sequence[str]:
    """A command that starts pytest, without its arguments."""
    return command[: command.index("pytest") + 1]


def _why_no_answer(ended: PytestRun) -> str | None:
    """What keeps a run from being measured. One that a limit ended is, as far as it came."""
    run, stopped = ended.run, ended.process.stopped
    said = last_lines(ended.process.output)
    if run.lost_workers:
        return f"a worker was lost: {run.lost_workers[0]}"
    if not run.outcomes:
        if stopped:
            return f"the run was ended before the first test: {stopped}"
        if not run.started:
            return f"pytest did not start\n{said}"
        return f"no test ran in {', '.join(ended.request.files)}\n{said}"
    if not run.finished and not stopped:
        at = f" while {', '.join(run.running)} ran" if run.running else ""
        return (
            f"the interpreter ended in the middle of it{at} (exit code {ended.process.exit_code})"
        )
    return None
