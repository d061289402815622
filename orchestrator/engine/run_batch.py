"""Carries some targets of a batch to a commit: fix, write and judge, then land what is left."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.base import failpoints
from orchestrator.base.changes import Content, changes_of
from orchestrator.base.outcomes import TargetOutcome
from orchestrator.commit.transaction import Commit
from orchestrator.engine.batch import BatchRun, open_batch
from orchestrator.engine.context.events import StepBegun
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.fix_and_verify import FixResult, fix_and_verify
from orchestrator.engine.make_record import entries_of, fresh_gates, record_of
from orchestrator.engine.measure_batch import measured_memory
from orchestrator.engine.results import BatchOutcome, Landed, Stopped
from orchestrator.engine.run_log import write_log, write_seconds
from orchestrator.engine.selection import Selection
from orchestrator.engine.tests_of_files import tests_that_ran
from orchestrator.fixers.registry import get
from orchestrator.records.record import MemoryRecord, Record, TargetRecord
from orchestrator.records.status import Status
from orchestrator.report.message import message


@dataclass(frozen=True, slots=True)
class Candidate:
    """What some targets of a batch came to on a commit: plain values, which may cross machines.

    `seconds` is how long each step took, those of pytest as `collect` and `test`.
    """

    base: str
    reached: FixResult
    memory: MemoryRecord | None
    seconds: Mapping[str, float]

    def may_land(self, *, record_failures: bool) -> bool:
        """Whether there is something to commit, a record of nothing but failures included."""
        return self.reached.passed and bool(record_failures or self.reached.kept)

    @property
    def contents(self) -> Mapping[str, Content]:
        """What the files would hold."""
        return {change.path: change.after for change in changes_of(self.reached.kept)}

    @property
    def found(self) -> BatchOutcome:
        """What a run came to, as it is told."""
        reached = self.reached
        taken = {one.unit.targets: one for one in reached.rejected.values()}
        refused, unchanged = list(reached.refused.values()), list(reached.unchanged.values())
        return BatchOutcome(
            reached.verdicts, list(taken.values()), refused, unchanged, self.seconds
        )


def run_batch(
    context: RunContext, selection: Selection, *, record_failures: bool
) -> Landed | Stopped:
    """Commit what can be brought in of `selection`, or restore everything as it was.

    With `record_failures`, a batch of which nothing can be brought in is recorded as well, so that
    it is neither forgotten nor tried for ever.

    Raises:
        OrchestrateError: why nothing could be done, or why the run ended; what it wrote is undone.
    """
    with open_batch(context, selection) as run:
        candidate = verify_batch(run)
        write_logs(context, selection, candidate)
        if not candidate.may_land(record_failures=record_failures):
            return Stopped(selection.place, candidate.found)
        commit, record = commit_batch(run, candidate)
    status = context.workspace.status()
    return landed_batch(context, selection, candidate, CommittedBatch(commit, record, status))


def verify_batch(run: BatchRun, *, also: Sequence[str] = ()) -> Candidate:
    """Let every rung and every gate have their say; the files are left as they may be committed.

    The tests of the files `also` must not suffer either.
    """
    context, selection = run.context, run.selection
    reached = fix_and_verify(run, also=also)
    failpoints.hit("gated")
    memory = None
    if reached.passed and reached.kept:
        started_s = time.monotonic()
        memory = measured_memory(context, selection.place, reached.kept)
        if memory is not None:
            run.took("memory", time.monotonic() - started_s)
    return Candidate(run.base, reached, memory, run.seconds)


def commit_batch(run: BatchRun, candidate: Candidate) -> tuple[Commit, Record]:
    """Commit files that hold what was judged, with their record."""
    started_s = time.monotonic()
    context, selection, reached = run.context, run.selection, candidate.reached
    context.emit(StepBegun("commit"))
    contents = candidate.contents
    staged = run.tx.stage(contents, list(dict.fromkeys([*selection.paths, *contents])))
    targets, others = entries_of(
        context.top,
        selection,
        reached,
        staged,
        several=_has_several_rungs(selection),
        evidence=context.plan.commit.evidence,
        spelled=context.interpreters.spelled,
        tests=tests_that_ran(context, selection.place, reached.verdicts),
    )
    record = record_of(
        context.plan, selection, targets, reached.verdicts, others, candidate.memory,
        context.interpreters.spelled,
    )  # fmt: skip
    text = message(
        context.plan,
        selection.place,
        record,
        touched=_touched(selection, record),
        gates=fresh_gates(reached.verdicts, context.interpreters.spelled),
    )
    commit = run.tx.commit(staged, record, context.signed(text))
    run.took("commit", time.monotonic() - started_s)
    return commit, record


def write_logs(context: RunContext, selection: Selection, candidate: Candidate) -> None:
    """Keep what was run and what failed, for whoever wants to see it."""
    reached = candidate.reached
    refused = list(reached.refused.values())
    write_log(
        context.logs,
        selection.place.name,
        reached.all_verdicts,
        refused,
        python=context.interpreters.first_found(),
    )


@dataclass(frozen=True, slots=True)
class CommittedBatch:
    """A commit that was made, with its record, and where the migration stands by then."""

    commit: Commit
    record: Record
    status: Status


def landed_batch(
    context: RunContext, selection: Selection, candidate: Candidate, made: CommittedBatch
) -> Landed:
    """What a batch that was committed came to, and what is next."""
    place, record = selection.place, made.record
    entries = [entry for entry in record.targets if entry.path in selection.paths]
    name = context.plan.name
    write_seconds(context.logs, name, place.name, candidate.seconds, len(entries))
    did_nothing = _did_nothing(made.status, selection, record)
    found = candidate.found
    return Landed(place, made.commit, record, entries, found, made.status.next, did_nothing)


def _has_several_rungs(selection: Selection) -> bool:
    return len(selection.place.phase.rungs()) > 1


def _touched(selection: Selection, record: Record) -> list[str]:
    """What the message is about: the whole batch the first time, then what the run works on."""
    if selection.earlier is None:
        return [entry.path for entry in record.targets]
    return selection.paths


def _did_nothing(status: Status, selection: Selection, record: Record) -> bool:
    """Whether a fixer that cannot tell what is left changed none of the first files of a phase."""
    phase = selection.place.phase
    if all(get(rung.fixer).knows_what_is_left for rung in phase.rungs()):
        return False
    if any(entry.done is not TargetOutcome.UNCHANGED for entry in _automatic(record.targets)):
        return False
    mine = next(p for p in status.phases if p.phase.id == phase.id)
    return sum(batch.record is not None for batch in mine.batches) == 1


def _automatic(entries: Sequence[TargetRecord]) -> list[TargetRecord]:
    return [entry for entry in entries if entry.done is not TargetOutcome.MANUAL]
