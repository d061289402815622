"""Carries some targets of a batch to a commit: fix, write and judge, then land what is left."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.batch.fix import contents_before
from orchestrator.batch.ladder import Climb, climb
from orchestrator.batch.looking import tests_of, tests_that_ran
from orchestrator.batch.recording import entries_of, fresh_gates, record_of
from orchestrator.batch.runlog import write_log, write_seconds
from orchestrator.batch.selection import Selection
from orchestrator.batch.settle import Found, Landed, Stopped
from orchestrator.batch.weigh import weighed
from orchestrator.changes import Content, changes_of
from orchestrator.events import StepBegun
from orchestrator.fixers.registry import get
from orchestrator.progress.record import Done, MemoryRecord, Record, TargetRecord
from orchestrator.progress.status import Status
from orchestrator.report.check import check_template
from orchestrator.report.message import message
from orchestrator.report.told import Action
from orchestrator.safety import points, preflight
from orchestrator.safety.session import Session
from orchestrator.safety.transaction import Commit, Transaction, transaction


@dataclass(frozen=True, slots=True)
class Candidate:
    """What some targets of a batch came to on a commit: plain values, which may cross machines.

    `seconds` is how long each step took, those of pytest as `collect` and `test`.
    """

    base: str
    reached: Climb
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
    def found(self) -> Found:
        """What a run came to, as it is told."""
        reached = self.reached
        taken = {one.unit.targets: one for one in reached.taken_out.values()}
        refused, unchanged = list(reached.refused.values()), list(reached.unchanged.values())
        return Found(reached.verdicts, list(taken.values()), refused, unchanged, self.seconds)


@dataclass(slots=True)
class Work:
    """A transaction at work on some targets, and how long each of its steps took."""

    session: Session
    selection: Selection
    tx: Transaction
    base: str
    before: Mapping[str, Content]
    seconds: dict[str, float] = field(default_factory=dict)

    def took(self, step: str, step_s: float) -> None:
        """Add to what a step took."""
        self.seconds[step] = self.seconds.get(step, 0.0) + step_s


def carry(session: Session, selection: Selection, *, record_failures: bool) -> Landed | Stopped:
    """Commit what can be brought in of `selection`, or put everything back as it was.

    With `record_failures`, a batch of which nothing can be brought in is recorded as well, so that
    it is neither forgotten nor tried for ever.

    Raises:
        OrchestrateError: why nothing could be done, or why the run ended; what it wrote is undone.
    """
    with begun(session, selection) as work:
        candidate = judge(work)
        write_logs(session, selection, candidate)
        if not candidate.may_land(record_failures=record_failures):
            return Stopped(selection.place, candidate.found)
        commit, record = land(work, candidate)
    status = session.workspace.status()
    return landed(session, selection, candidate, Made(commit, record, status))


@contextmanager
def begun(session: Session, selection: Selection) -> Iterator[Work]:
    """Make sure that nothing can be lost, and write and commit in the block, or undo it all."""
    started_s = time.monotonic()
    session.tell(StepBegun("preflight"))
    new = [target.path for target in selection.targets if target.new]
    head = preflight.check(session.repo, session.plan, selection.place, selection.paths, new=new)
    check_template(session.plan, selection.place, Action.MIGRATE)
    points.passed("preflight")
    if session.plan.verify_for(selection.place).runs_tests():
        tests = tests_of(session, selection.place)
        found = [test for target in selection.targets for test in tests(target.path)]
        for project in session.projects.of_all(found):
            session.python(project).must_have_pytest()
    before = contents_before(session.workspace, selection.targets)
    preflight_s = time.monotonic() - started_s
    with transaction(session, selection.place, head, before) as tx:
        work = Work(session, selection, tx, head.commit, before)
        work.took("preflight", preflight_s)
        yield work


def judge(work: Work, *, also: Sequence[str] = ()) -> Candidate:
    """Let every rung and every gate have their say; the files are left as they may be committed.

    The tests of the files `also` must not suffer either.
    """
    session, selection = work.session, work.selection
    reached = climb(session, selection, work.before, work.tx, work.took, also=also)
    points.passed("gated")
    memory = None
    if reached.passed and reached.kept:
        started_s = time.monotonic()
        memory = weighed(session, selection.place, reached.kept)
        if memory is not None:
            work.took("memory", time.monotonic() - started_s)
    return Candidate(work.base, reached, memory, work.seconds)


def land(work: Work, candidate: Candidate) -> tuple[Commit, Record]:
    """Commit files that hold what was judged, with their record."""
    started_s = time.monotonic()
    session, selection, reached = work.session, work.selection, candidate.reached
    session.tell(StepBegun("commit"))
    contents = candidate.contents
    staged = work.tx.stage(contents, list(dict.fromkeys([*selection.paths, *contents])))
    targets, others = entries_of(
        session.workspace.top,
        selection,
        reached,
        staged,
        several=_has_several_rungs(selection),
        evidence=session.plan.commit.evidence,
        spelled=session.spelled,
        tests=tests_that_ran(session, selection.place, reached.verdicts),
    )
    record = record_of(
        session.plan, selection, targets, reached.verdicts, others, candidate.memory,
        session.spelled,
    )  # fmt: skip
    text = message(
        session.plan,
        selection.place,
        record,
        touched=_touched(selection, record),
        gates=fresh_gates(reached.verdicts, session.spelled),
    )
    commit = work.tx.commit(staged, record, text)
    work.took("commit", time.monotonic() - started_s)
    return commit, record


def write_logs(session: Session, selection: Selection, candidate: Candidate) -> None:
    """Keep what was run and what failed, for whoever wants to see it."""
    reached = candidate.reached
    refused = list(reached.refused.values())
    write_log(
        session.logs,
        selection.place.name,
        reached.all_verdicts,
        refused,
        python=session.found_python(),
    )


@dataclass(frozen=True, slots=True)
class Made:
    """A commit that was made, with its record, and where the migration stands by then."""

    commit: Commit
    record: Record
    status: Status


def landed(session: Session, selection: Selection, candidate: Candidate, made: Made) -> Landed:
    """What a batch that was committed came to, and what is next."""
    place, record = selection.place, made.record
    entries = [entry for entry in record.targets if entry.path in selection.paths]
    name = session.plan.name
    write_seconds(session.logs, name, place.name, candidate.seconds, len(entries))
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
    if any(entry.done is not Done.UNCHANGED for entry in _automatic(record.targets)):
        return False
    mine = next(p for p in status.phases if p.phase.id == phase.id)
    return sum(batch.record is not None for batch in mine.batches) == 1


def _automatic(entries: Sequence[TargetRecord]) -> list[TargetRecord]:
    return [entry for entry in entries if entry.done is not Done.MANUAL]
