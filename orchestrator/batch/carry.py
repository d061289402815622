"""Carries some targets of a batch to a commit: journal, fix, write, gate, isolate, commit."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.batch import preflight
from orchestrator.batch.commit import Change, Commit, commit_change
from orchestrator.batch.fix import bytes_before, fix
from orchestrator.batch.gate import Gates, tests_of
from orchestrator.batch.isolate import Isolated, isolate
from orchestrator.batch.recording import entry_of, entry_of_taken, fresh_gates, record_of
from orchestrator.batch.runlog import write_log
from orchestrator.batch.selection import Selection
from orchestrator.batch.session import Session
from orchestrator.batch.settle import Landed, Stopped, put_back, put_back_all
from orchestrator.batch.taken import TakenOut
from orchestrator.batch.tree import BatchTree
from orchestrator.errors import Interrupted
from orchestrator.fixers.base import Edit, Outcome
from orchestrator.gates.baseline import Side
from orchestrator.gates.judge import Rules
from orchestrator.plan.verify import OnFailure
from orchestrator.progress.record import Record, TargetRecord, record_path
from orchestrator.report.message import Message, message


@dataclass(slots=True)
class Seconds:
    """How long each step took, in the order in which they ran."""

    steps: dict[str, float] = field(default_factory=dict)

    def add(self, step: str, seconds: float) -> None:
        """Count `seconds` as `step`."""
        self.steps[step] = self.steps.get(step, 0.0) + seconds

    @contextmanager
    def of(self, step: str) -> Iterator[None]:
        """Measure the block as `step`."""
        started = time.monotonic()
        try:
            yield
        finally:
            self.add(step, time.monotonic() - started)


@contextmanager
def undone_on_error(session: Session, name: str) -> Iterator[None]:
    """Put everything back where the block does not come to its end, and say so."""
    try:
        yield
    except Interrupted as interruption:
        interruption.what = f"interrupted; {put_back(session.journal, name).sentence}"
        raise
    except BaseException:
        put_back(session.journal, name)
        raise


def carry(session: Session, selection: Selection, *, record_failures: bool) -> Landed | Stopped:
    """Commit what can be brought in of `selection`, or put everything back as it was.

    With `record_failures`, a batch of which nothing can be brought in is recorded as well, so that
    it is neither forgotten nor tried for ever.

    Raises:
        OrchestrateError: why nothing could be done, or why the run ended; what it wrote is undone.
    """
    return _Carry(session, selection).to_commit(record_failures=record_failures)


class _Carry:
    """One run over a selection; each step takes what the one before gave."""

    def __init__(self, session: Session, selection: Selection) -> None:
        self._session = session
        self._selection = selection
        self._place = selection.place
        self._seconds = Seconds()

    def to_commit(self, *, record_failures: bool) -> Landed | Stopped:
        session, place = self._session, self._place
        with self._step("preflight"):
            head = preflight.check(session.repo, session.plan, place, self._selection.paths)
            session.python()
            before = bytes_before(session.workspace, self._selection.targets)
        with undone_on_error(session, place.name):
            record = record_path(session.plan, place)
            session.journal.prepare(place.name, head.commit, record, before)
            result = self._landed_or_stopped(before, head.commit, record_failures=record_failures)
            if isinstance(result, Stopped):
                put_back_all(session.journal, place)
        session.journal.close()
        return result

    def _landed_or_stopped(
        self, before: Mapping[str, bytes], base: str, *, record_failures: bool
    ) -> Landed | Stopped:
        with self._step("fix"):
            found = fix(self._session.workspace, self._place, self._selection.targets, before)
        edits = {outcome.path: outcome.data for outcome in found if isinstance(outcome, Edit)}
        tree = BatchTree(self._session.workspace.top, before, edits)
        with self._step("write"):
            self._session.journal.applying(edits)
            tree.put(Side.EDITED)
        judged = self._judged(tree)
        stopped = Stopped(
            self._place, found, judged.verdicts, judged.taken_out, self._seconds.steps
        )
        if not judged.passed or not (record_failures or self._brings_in(found, judged)):
            return stopped
        with self._step("commit"):
            landed, record = self._commit(found, judged, before, base)
        touched = self._selection.paths
        return Landed(
            self._place, landed.commit, landed.subject, record,
            [entry for entry in record.targets if entry.path in touched],
            judged.verdicts, judged.taken_out, self._seconds.steps,
            self._session.workspace.status().next,
        )  # fmt: skip

    def _judged(self, tree: BatchTree) -> Isolated:
        verify = self._session.plan.verify
        gates = Gates(
            self._session.workspace.top,
            self._session.python(),
            verify,
            tests_of(self._session, self._place),
            Rules(baseline=not self._session.how.strict),
            self._session.watcher,
        )
        stop = verify.on_failure is OnFailure.STOP
        judged = isolate(tree, gates, stop=stop, told=self._session.watcher.taken_out)
        for verdict in judged.all_verdicts:
            self._seconds.add(verdict.gate, verdict.duration_s)
        write_log(self._session.folder, self._place.name, judged.all_verdicts)
        return judged

    @staticmethod
    def _brings_in(found: Sequence[Outcome], judged: Isolated) -> bool:
        """Whether any file is in after this run that was not before."""
        out = {taken.path for taken in judged.taken_out}
        return any(isinstance(outcome, Edit) and outcome.path not in out for outcome in found)

    def _commit(
        self,
        found: Sequence[Outcome],
        judged: Isolated,
        before: Mapping[str, bytes],
        base: str,
    ) -> tuple[Commit, Record]:
        session, paths = self._session, self._selection.paths
        out = {taken.path: taken for taken in judged.taken_out}

        def make(old: Mapping[str, str], new: Mapping[str, str]) -> Record:
            entries = {
                o.path: self._taken(out[o.path], o, old[o.path], before[o.path])
                if o.path in out and isinstance(o, Edit)
                else entry_of(o, old[o.path], new[o.path])
                for o in found
            }
            return record_of(session.plan, self._selection, entries, judged.verdicts)

        def text(record: Record | None) -> Message:
            assert record is not None
            touched = self._touched(record)
            gates = fresh_gates(judged.verdicts)
            return message(session.plan, self._place, record, touched=touched, gates=gates)

        kept = {o.path: o.data for o in found if isinstance(o, Edit) and o.path not in out}
        change = Change(kept, record_path(session.plan, self._place), make, text)
        commit = commit_change(session.repo, change, paths, base, session.journal)
        assert commit.record is not None
        return commit, commit.record

    def _touched(self, record: Record) -> list[str]:
        """What the message is about: the whole batch the first time, then what the run works on."""
        if self._selection.earlier is None:
            return [entry.path for entry in record.targets]
        return self._selection.paths

    def _taken(self, taken: TakenOut, edit: Edit, blob: str, before: bytes) -> TargetRecord:
        top = self._session.workspace.top
        return entry_of_taken(taken, blob, before, edit.data, top=top)

    @contextmanager
    def _step(self, name: str) -> Iterator[None]:
        self._session.watcher.step(name)
        with self._seconds.of(name):
            yield
