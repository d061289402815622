"""Runs the tests of a batch as often as it takes, and says what a single run is worth."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from orchestrator.base.redact import last_lines
from orchestrator.gates.pytest.events import SKIPPED, TestOutcome, TestRun
from orchestrator.gates.pytest.forked.fork_server import ForkServer
from orchestrator.gates.pytest.run import (
    STAYED,
    OnProgress,
    PytestRequest,
    PytestRun,
    nothing_run,
    run_pytest,
)
from orchestrator.plan.verify import Verify
from orchestrator.project.folders import TOP, lies_in
from orchestrator.project.ids import file_of, from_top
from orchestrator.project.interpreter import Interpreter


def _nobody(what: str) -> None:
    """Tell nobody."""


def _itself(path: str) -> Sequence[str]:
    return [path]


@dataclass(slots=True)
class Suite:
    """The tests of a batch that are of one project, under its interpreter.

    `folder` is that of the project, from the top. `tests_of` gives the test files or folders of a
    file of the batch; `say` is told what is run again and why. `runs` is every run so far, in
    order.
    """

    top: Path
    python: Interpreter
    verify: Verify
    tests_of: Callable[[str], Sequence[str]] = _itself
    on_progress: OnProgress = lambda run: None
    say: Callable[[str], None] = _nobody
    folder: str = TOP
    runs: list[PytestRun] = field(default_factory=list)
    compares_lines: bool = True
    """Whether a test that fails in another line than before fails otherwise."""

    edited: Sequence[str] = ()
    """The files of the batch, which tests should import from this work tree."""

    one_process: bool = False
    """Whether workers are not used for the rest of the batch, since one was lost."""

    warm: ForkServer | None = None
    """What may fork a run; None: every run is started."""

    proving_s: float = 0.0
    """Seconds spent to prove that forking changes nothing."""

    def again(self) -> Suite:
        """The same for another verdict, with what was learned of workers."""
        return replace(self, runs=[], proving_s=0.0)

    def files(self, paths: Iterable[str]) -> list[str]:
        """What pytest is given for these files of the batch, each once, in their order.

        A file is left out beside its folder: pytest 7 would run it twice.
        """
        found = list(dict.fromkeys(test for path in paths for test in self.tests_of(path)))
        folders = [test for test in found if not test.endswith(".py")]
        return [
            test
            for test in found
            if not any(test != folder and lies_in(test, folder) for folder in folders)
        ]

    def run(
        self,
        files: Sequence[str],
        *,
        only: Iterable[str] | None = None,
        freeze: bool = False,
        only_collect: bool = False,
    ) -> PytestRun:
        """Start pytest once. Where a worker is lost, the same is asked once more in one process.

        Of `files`, those that are not there on this side of the edit are left out.
        """
        ended = self._run(files, only, freeze=freeze, only_collect=only_collect)
        if ended.run.lost_workers and not self.one_process:
            self.one_process = True
            self.say(f"a worker was lost ({ended.run.lost_workers[0]}); once more in one process")
            ended = self._run(files, only, freeze=freeze, only_collect=only_collect)
        return ended

    def _run(
        self, files: Sequence[str], only: Iterable[str] | None, *, freeze: bool, only_collect: bool
    ) -> PytestRun:
        there = [file for file in files if (self.top / file).exists()]
        request = PytestRequest(
            there,
            only=None if only is None else frozenset(only),
            freeze=freeze,
            workers=0 if self.one_process else self.verify.workers,
            only_collect=only_collect,
            edited=self.edited,
            folder=self.folder,
        )
        if there:
            run = partial(
                run_pytest,
                request,
                top=self.top,
                python=self.python,
                verify=self.verify,
                on_progress=self.on_progress,
                compares_lines=self.compares_lines,
            )
            ended, spent_s = self.warm.run(request, run, self.say) if self.warm else (run(), 0.0)
            self.proving_s += spent_s
        else:  # pytest would take no file for every file
            ended = nothing_run(request, self.top)
        if ended.process.stopped == STAYED and not any(
            run.process.stopped == STAYED for run in self.runs
        ):
            self.say(f"pytest was ended: {STAYED} (a thread that lives on, for example)")
        self.runs.append(ended)
        return ended

    @property
    def seconds(self) -> float:
        """How long all runs took together."""
        return self.proving_s + sum(ended.process.duration_s for ended in self.runs)

    def is_known(self, id_: str) -> bool:
        """Whether the plan lists `id_` as a failure, by itself or with its class or file."""
        return any(_covers(from_top(known), id_) for known in self.verify.known_failures)

    def listed_but_green(self, run: TestRun) -> list[str]:
        """A list of known failures with slack in it would let as many new ones through."""
        red, passed = [*run.failed(), *run.collect_errors], run.passed()
        return [
            f"listed as a known failure, and passes: {known}"
            for known in self.verify.known_failures
            if any(_covers(from_top(known), id_) for id_ in passed)
            and not any(_covers(from_top(known), id_) for id_ in red)
        ]

    def why_not_collected(self, ended: PytestRun) -> str | None:
        """What keeps a run's collection from being an answer, or None where it is one."""
        run = ended.run
        if not run.collected:
            return self.why_no_answer(ended)
        if foreign := _outside(ended.request.files, run):
            return (
                f"pytest takes {run.rootdir} for its root and tells of {foreign[0]!r}, which is no "
                "file of the batch; if its project is another folder, name that under `projects:` "
                "in the plan, or set `pytest_args: [--rootdir=.]`"
            )
        return None

    def why_workers_differ(self, run: TestRun) -> str | None:
        """What xdist says where its workers collected different tests: an error of no file."""
        for id_, text in run.collect_errors.items():
            if not (self.top / file_of(id_)).exists():
                return f"{id_}: {last_lines(text)}"
        return None

    def why_not_judged(self, ended: PytestRun) -> str | None:
        """What keeps a run of tests from being an answer, or None where it is one."""
        run = ended.run
        if run.lost_workers:
            return f"a worker was lost: {run.lost_workers[0]}"
        for path, place in ended.elsewhere.items():
            return (
                f"the tests import {path!r} from {place}, so they say nothing of the edit: install "
                f"the project from here, for example {self.python.path} -m pip install -e ."
            )
        if not run.finished:
            return self.why_no_answer(ended)
        if missing := run.without_outcome():
            return f"the run ended early: {len(missing)} tests have no outcome, first {missing[0]}"
        if ended.request.workers and not run.has_xdist:
            workers = self.verify.workers
            return f"verify.workers is {workers}, and {self.python.path} has no pytest-xdist"
        return None

    def why_no_answer(self, ended: PytestRun) -> str:
        """How a run ended that told nothing, with the last lines it printed."""
        how = ended.process.stopped or f"exit code {ended.process.exit_code}"
        at = f" while {', '.join(ended.run.running)} ran" if ended.run.running else ""
        stage = "pytest ended before it could tell" if ended.run.started else "pytest did not start"
        return f"{stage} ({how}){at}\n{last_lines(ended.process.output)}"


def files_without_tests(files: Sequence[str], run: TestRun) -> list[str]:
    """A word on every file of which no test was run."""
    have = {file_of(id_) for id_ in run.ids}
    left_out = {file_of(id_) for id_ in run.deselected}
    notes = []
    for path in files:
        if any(lies_in(file, path) for file in have):
            continue
        reason = "skipped as a whole" if path in run.collect_skips else "no test in it"
        notes.append(f"{path}: {'every test deselected' if path in left_out else reason}")
    return notes


def skipped_files(files: Sequence[str], run: TestRun) -> list[str]:
    """A word on every file that has tests, all of which were skipped."""
    ways: dict[str, list[TestOutcome]] = {}
    for id_ in run.ids:
        ways.setdefault(file_of(id_), []).append(run.outcome_of(id_))
    idle = {file for file, ends in ways.items() if all(end == SKIPPED for end in ends)}
    return [f"{path}: every test skipped" for path in files if path in idle]


def no_tests(run: TestRun) -> str:
    """Why a run came to no test at all."""
    if run.deselected:
        return f"no test is left: all {len(run.deselected)} are deselected by the configuration"
    return "pytest collects no test from these files"


def _covers(known: str, id_: str) -> bool:
    """Whether a listed id (a file, class, test or one parameter set) stands for `id_`."""
    return id_ == known or id_.startswith((f"{known}::", f"{known}["))


def _outside(files: Sequence[str], run: TestRun) -> list[str]:
    """Files pytest tells of that were not asked for: ids are then not what they seem."""
    told = {file_of(id_) for id_ in run.ids}
    return sorted(file for file in told if not any(lies_in(file, asked) for asked in files))
