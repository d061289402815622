"""The story of `next-batch`: pick, preflight, journal, fix, write, gate, commit, settle."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.batch import preflight
from orchestrator.batch.commit import commit_batch
from orchestrator.batch.fix import bytes_before, fix
from orchestrator.batch.gate import gate
from orchestrator.batch.journal import Journal
from orchestrator.batch.lock import only_run
from orchestrator.batch.pick import Choice, pick
from orchestrator.batch.settle import Landed, NothingToDo, Result, Stopped, put_back, settle
from orchestrator.batch.signals import interruptible
from orchestrator.batch.watcher import Watcher
from orchestrator.batch.workspace import Workspace
from orchestrator.batch.write import write
from orchestrator.errors import Interrupted
from orchestrator.fixers.base import Edit, Refusal
from orchestrator.gates.interpreter import Interpreter, interpreter
from orchestrator.gates.verdict import Verdict
from orchestrator.git import Repo
from orchestrator.plan.model import Place
from orchestrator.progress.record import record_path


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
            before = bytes_before(self._workspace, self._place)
        try:
            record = record_path(self._workspace.plan, self._place)
            self._journal.prepare(self._place.name, head.commit, record, before)
            result = self._to_commit(before, python, head.commit)
        except Interrupted as interruption:
            interruption.what = f"interrupted; {put_back(self._journal, self._place).sentence}"
            raise
        except BaseException:
            put_back(self._journal, self._place)
            raise
        settle(result, self._journal)
        return result

    def _to_commit(
        self, before: Mapping[str, bytes], python: Interpreter, base: str
    ) -> Landed | Stopped:
        with self._step("fix"):
            found = fix(self._workspace, self._place, before)
        edits = [outcome for outcome in found if isinstance(outcome, Edit)]
        if all(isinstance(outcome, Refusal) for outcome in found):
            return Stopped(self._place, found, (), self._seconds.steps)
        with self._step("write"):
            write(edits, before, top=self._workspace.top, journal=self._journal)
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

    def _gate(self, edits: Sequence[Edit], python: Interpreter) -> list[Verdict]:
        verify = self._workspace.plan.verify
        paths = [edit.path for edit in edits]
        verdicts: list[Verdict] = []
        for verdict in gate(paths, self._workspace.top, python, verify, self._watcher):
            self._seconds.steps[verdict.gate] = verdict.duration_s
            self._watcher.verdict(verdict)
            verdicts.append(verdict)
        return verdicts

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._watcher.step(name)
        with self._seconds.of(name):
            yield
