"""The story of `next-batch`: pick, preflight, journal, fix, write, gate, commit, settle."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator import files
from orchestrator.batch import preflight
from orchestrator.batch.commit import commit_batch
from orchestrator.batch.gating import gate
from orchestrator.batch.journal import Decision, Journal, Recovered
from orchestrator.batch.lock import only_run
from orchestrator.batch.pick import Choice, pick
from orchestrator.batch.signals import held, interruptible
from orchestrator.batch.watcher import Watcher
from orchestrator.batch.workspace import Workspace
from orchestrator.errors import ChangedMeanwhile, Interrupted
from orchestrator.fixers import registry
from orchestrator.fixers.base import Edit, Outcome, Refusal
from orchestrator.fixers.run import outcomes
from orchestrator.gates.interpreter import Interpreter, interpreter
from orchestrator.gates.verdict import Verdict
from orchestrator.git import Repo
from orchestrator.plan.model import Place
from orchestrator.progress.record import Record, record_path


@dataclass(slots=True)
class Seconds:
    """How long each step took, in the order in which they ran."""

    steps: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Measure the block as `step`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.steps[step] = self.steps.get(step, 0.0) + time.monotonic() - started


@dataclass(frozen=True, slots=True)
class Landed:
    """A batch that was committed."""

    place: Place
    commit: str
    subject: str
    record: Record
    verdicts: Sequence[Verdict]
    seconds: Mapping[str, float]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Stopped:
    """A batch that was put back: a gate did not pass, or no file of it could be fixed."""

    place: Place
    outcomes: Sequence[Outcome]
    verdicts: Sequence[Verdict]
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class NothingToDo:
    """There was no open batch, or none of what was named."""


Result = Landed | Stopped | NothingToDo


def next_batch(
    workspace: Workspace, choice: Choice, *, python: str | None, watcher: Watcher
) -> Result:
    """Carry one batch from the plan to a commit, or put everything back as it was.

    Raises:
        OrchestrateError: why nothing could be done, or why the run ended; what it wrote is undone.
    """
    repo = preflight.open_repo(workspace.top)
    folder = repo.folder() / "orchestrate"
    with only_run(folder) as lock, interruptible():
        repo.hand_down(lock)
        journal = Journal(folder, repo)
        if journal.exists:
            watcher.recovered(journal.recover().sentence)
        preflight.check_records(repo, workspace.plan)
        place = pick(workspace.status(), choice)
        if place is None:
            return NothingToDo()
        watcher.picked(place)
        return _Run(workspace, place, repo, journal, watcher).carry(python)


class _Run:
    """One batch on its way; each step takes what the one before gave."""

    def __init__(
        self, workspace: Workspace, place: Place, repo: Repo, journal: Journal, watcher: Watcher
    ) -> None:
        self._workspace = workspace
        self._place = place
        self._repo = repo
        self._journal = journal
        self._watcher = watcher
        self._seconds = Seconds()

    def carry(self, python_option: str | None) -> Result:
        with self._step("preflight"):
            head = preflight.check(self._repo, self._workspace.plan, self._place)
            python = self._interpreter(python_option)
            before = self._bytes_before()
        record = record_path(self._workspace.plan, self._place)
        self._journal.prepare(self._place.name, head.commit, record, before)
        try:
            result = self._carry(before, python, head.commit)
        except Interrupted as interruption:
            interruption.what = f"interrupted; {self._roll_back().sentence}"
            raise
        except BaseException:
            self._roll_back()
            raise
        if isinstance(result, Stopped):
            if kept := self._roll_back().kept:
                raise ChangedMeanwhile(
                    f"somebody changed {', '.join(map(repr, kept))} during the run; that was kept, "
                    "everything else of the batch was put back",
                    next_step="git diff",
                )
        else:
            self._journal.close()
        return result

    def _carry(self, before: Mapping[str, bytes], python: Interpreter, base: str) -> Result:
        with self._step("fix"):
            found = self._fix(before)
        edits = [outcome for outcome in found if isinstance(outcome, Edit)]
        if all(isinstance(outcome, Refusal) for outcome in found):
            return Stopped(self._place, found, (), self._seconds.steps)
        with self._step("write"):
            self._write(edits, before)
        verdicts = self._gate(edits, python)
        if not all(verdict.passed for verdict in verdicts):
            return Stopped(self._place, found, verdicts, self._seconds.steps)
        with self._step("commit"):
            plan = self._workspace.plan
            landed = commit_batch(
                self._repo, plan, self._place, base, found, verdicts, self._journal
            )
        return Landed(
            self._place, landed.commit, landed.subject, landed.record, verdicts,
            self._seconds.steps, self._workspace.status().next,
        )  # fmt: skip

    def _interpreter(self, option: str | None) -> Interpreter:
        plan = self._workspace.plan
        python = interpreter(self._workspace.top, option=option, plan=plan.verify.python)
        self._watcher.interpreter(python)
        return python

    def _bytes_before(self) -> dict[str, bytes]:
        top = self._workspace.top
        return {t.path: files.read(top / t.path) for t in self._place.batch.automatic()}

    def _fix(self, before: Mapping[str, bytes]) -> list[Outcome]:
        return fix_all(self._workspace, self._place, before)

    def _write(self, edits: Sequence[Edit], before: Mapping[str, bytes]) -> None:
        self._journal.applying({edit.path: edit.data for edit in edits})
        for edit in edits:
            files.replace(self._workspace.top / edit.path, edit.data, expected=before[edit.path])

    def _gate(self, edits: Sequence[Edit], python: Interpreter) -> list[Verdict]:
        verify = self._workspace.plan.verify
        paths = [edit.path for edit in edits]
        verdicts: list[Verdict] = []
        for verdict in gate(paths, self._workspace.top, python, verify, self._watcher):
            self._seconds.steps[verdict.gate] = verdict.duration_s
            self._watcher.verdict(verdict)
            verdicts.append(verdict)
        return verdicts

    def _roll_back(self) -> Recovered:
        """Put back what the run wrote; files somebody else wrote meanwhile stay, and are named."""
        if not self._journal.exists:
            return Recovered(f"{self._place.name} was put back")
        with held(), self._seconds.of("restore"):
            return self._journal.recover(Decision.KEEP)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._watcher.step(name)
        with self._seconds.of(name):
            yield


def fix_all(workspace: Workspace, place: Place, before: Mapping[str, bytes]) -> list[Outcome]:
    """What the phase's fixer says of each file, in memory."""
    assert place.phase.fixer is not None
    sources = [
        registry.source(place.phase, target, before[target.path])
        for target in place.batch.automatic()
    ]
    return outcomes(place.phase.fixer, sources, top=workspace.top)
