"""Carries some targets of a batch to a commit: journal, fix, write, gate, isolate, commit."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from orchestrator.batch.fix import contents_before
from orchestrator.batch.ladder import Climb, climb
from orchestrator.batch.recording import entries_of, fresh_gates, record_of
from orchestrator.batch.runlog import write_log, write_seconds
from orchestrator.batch.selection import Selection
from orchestrator.batch.settle import Found, Landed, Stopped
from orchestrator.batch.weigh import weighed
from orchestrator.changes import changes_of
from orchestrator.events import StepBegun
from orchestrator.fixers.registry import get
from orchestrator.progress.record import Done, MemoryRecord, Record, TargetRecord
from orchestrator.report.message import message
from orchestrator.safety import points, preflight
from orchestrator.safety.session import Session
from orchestrator.safety.transaction import Commit, Transaction, transaction


def carry(session: Session, selection: Selection, *, record_failures: bool) -> Landed | Stopped:
    """Commit what can be brought in of `selection`, or put everything back as it was.

    With `record_failures`, a batch of which nothing can be brought in is recorded as well, so that
    it is neither forgotten nor tried for ever.

    Raises:
        OrchestrateError: why nothing could be done, or why the run ended; what it wrote is undone.
    """
    place, seconds = selection.place, dict[str, float]()

    def took(step: str, step_s: float) -> None:
        seconds[step] = seconds.get(step, 0.0) + step_s

    started_s = time.monotonic()
    session.tell(StepBegun("preflight"))
    new = [target.path for target in selection.targets if target.new]
    head = preflight.check(session.repo, session.plan, place, selection.paths, new=new)
    points.passed("preflight")
    if session.plan.verify.runs_tests():
        session.python().must_have_pytest()
    before = contents_before(session.workspace, selection.targets)
    took("preflight", time.monotonic() - started_s)
    with transaction(session, place, head, before) as tx:
        reached = climb(session, selection, before, tx, took)
        points.passed("gated")
        write_log(session.folder, place.name, reached.all_verdicts, list(reached.refused.values()))
        found = _found(reached, seconds)
        if not reached.passed or not (record_failures or reached.kept):
            return Stopped(place, found)
        started_s = time.monotonic()
        memory = weighed(session, place, reached.kept)
        if memory is not None:
            took("memory", time.monotonic() - started_s)
        started_s = time.monotonic()
        session.tell(StepBegun("commit"))
        commit, record = _commit(session, selection, reached, tx, memory)
        took("commit", time.monotonic() - started_s)
    entries = [entry for entry in record.targets if entry.path in selection.paths]
    write_seconds(session.folder, place.name, seconds, len(entries))
    next_ = session.workspace.status().next
    did_nothing = _did_nothing(session, selection, record)
    return Landed(place, commit, record, entries, found, next_, did_nothing)


def _found(reached: Climb, seconds: Mapping[str, float]) -> Found:
    taken = {id(one): one for one in reached.taken_out.values()}
    refused, unchanged = list(reached.refused.values()), list(reached.unchanged.values())
    return Found(reached.verdicts, list(taken.values()), refused, unchanged, seconds)


def _commit(
    session: Session,
    selection: Selection,
    reached: Climb,
    tx: Transaction,
    memory: MemoryRecord | None,
) -> tuple[Commit, Record]:
    changes = changes_of(reached.kept)
    contents = {change.path: change.after for change in changes}
    staged = tx.stage(contents, list(dict.fromkeys([*selection.paths, *contents])))
    targets, others = entries_of(
        session.workspace.top, selection, reached, staged, several=_has_several_rungs(selection)
    )
    record = record_of(session.plan, selection, targets, reached.verdicts, others, memory)
    text = message(
        session.plan,
        selection.place,
        record,
        touched=_touched(selection, record),
        gates=fresh_gates(reached.verdicts),
    )
    return tx.commit(staged, record, text), record


def _has_several_rungs(selection: Selection) -> bool:
    return len(selection.place.phase.rungs()) > 1


def _touched(selection: Selection, record: Record) -> list[str]:
    """What the message is about: the whole batch the first time, then what the run works on."""
    if selection.earlier is None:
        return [entry.path for entry in record.targets]
    return selection.paths


def _did_nothing(session: Session, selection: Selection, record: Record) -> bool:
    """Whether a fixer that cannot tell what is left changed none of the first files of a phase."""
    phase = selection.place.phase
    if all(get(rung.fixer).knows_what_is_left for rung in phase.rungs()):
        return False
    if any(entry.done is not Done.UNCHANGED for entry in _automatic(record.targets)):
        return False
    status = session.workspace.status()
    mine = next(p for p in status.phases if p.phase.id == phase.id)
    return sum(batch.record is not None for batch in mine.batches) == 1


def _automatic(entries: Sequence[TargetRecord]) -> list[TargetRecord]:
    return [entry for entry in entries if entry.done is not Done.MANUAL]
