"""Takes a batch back: one commit that reverts its files and its record, gated like an edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator import files
from orchestrator.batch import preflight
from orchestrator.batch.carry import undone_on_error
from orchestrator.batch.commit import Change, Commit, commit_change
from orchestrator.batch.gate import Gates, tests_of
from orchestrator.batch.journal import Decision
from orchestrator.batch.named import named
from orchestrator.batch.session import How, Session, session
from orchestrator.batch.tree import BatchTree
from orchestrator.batch.watcher import Watcher
from orchestrator.batch.workspace import Workspace
from orchestrator.errors import BadInput, Refused
from orchestrator.gates.baseline import Side
from orchestrator.gates.judge import Rules
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Place
from orchestrator.progress.blob import holds
from orchestrator.progress.record import Done, Record, TargetRecord, record_path
from orchestrator.progress.status import BatchStatus, Status
from orchestrator.report.message import Message, notice, topic_of
from orchestrator.words import plural


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking a batch back came to: the commit, or None where a gate did not pass."""

    place: Place
    paths: Sequence[str]
    commit: Commit | None
    verdicts: Sequence[Verdict]


def undo(workspace: Workspace, name: str, how: How, watcher: Watcher) -> Undone:
    """Give the files of a batch the bytes they had before it, and remove its record.

    Told by content, not by commit: it works after a squash, and what was changed since in other
    lines stays. Where those lines are the batch's own, nothing is touched.

    Raises:
        BadInput: nothing is called `name`, or nothing of it is recorded.
        Refused: later changes or batches are in the way, or the old bytes are not in this clone.
        OrchestrateError: as for a batch.
    """
    with session(workspace, how, watcher) as work:
        status = workspace.status()
        found = named(status, name, top=workspace.top)
        batch = found.batch
        if len(found.targets) < len(batch.targets):
            raise BadInput(
                f"{name!r} is one file of {batch.place.name}; a batch is taken back as a whole",
                next_step=f"orchestrate undo {batch.place.name}",
            )
        if batch.record is None:
            raise BadInput(
                f"{batch.place.name} has no record, so there is nothing to take back",
                next_step="orchestrate status",
            )
        _check_dependants(status, batch)
        return _undone(work, batch, batch.record)


def _undone(work: Session, batch: BatchStatus, record: Record) -> Undone:
    place = batch.place
    brought_in = [t for t in record.targets if t.done in {Done.EDITED, Done.ADOPTED}]
    entries = [t for t in brought_in if t.before is not None]  # a new file stays, unrecorded
    paths = [entry.path for entry in entries]
    if gone := [path for path in paths if not (work.workspace.top / path).is_file()]:
        raise Refused(
            f"{gone[0]!r} was renamed or removed since, so it cannot be given back",
            next_step=f"git log --follow -- {gone[0]}",
        )
    head = preflight.check(work.repo, work.plan, place, paths)
    now = {path: files.read(work.workspace.top / path) for path in paths}
    then = _reverted(work, entries, now)
    work.watcher.picked(place, len(paths))
    with undone_on_error(work, place.name):
        file = record_path(work.plan, place)
        work.journal.prepare(place.name, head.commit, file, now)
        work.journal.applying(then)
        verdicts = _verdicts(work, place, now, then)
        if all(verdict.passed for verdict in verdicts):
            change = Change(
                then, file, lambda old, new: None, lambda _: _message(work, place, paths)
            )
            commit = commit_change(work.repo, change, paths, head.commit, work.journal)
        else:
            commit = None
            work.journal.recover(Decision.KEEP)
    work.journal.close()
    return Undone(place, paths, commit, verdicts)


def _verdicts(
    work: Session, place: Place, now: Mapping[str, bytes], then: Mapping[str, bytes]
) -> list[Verdict]:
    tree = BatchTree(work.workspace.top, now, then)
    tree.put(Side.EDITED)
    gates = Gates(
        work.workspace.top,
        work.python(),
        work.plan.verify,
        tests_of(work, place),
        Rules(baseline=not work.how.strict, proven=False),
        work.watcher,
    )
    return list(gates.verdicts(tree))


def _reverted(
    work: Session, entries: Sequence[TargetRecord], now: Mapping[str, bytes]
) -> dict[str, bytes]:
    """What each file is to hold; changes made since in other lines stay."""
    then, in_the_way = {}, []
    for entry in entries:
        before, after = (_blob(work, blob, entry.path) for blob in (entry.before, entry.after))
        if holds(now[entry.path], str(entry.after)):
            then[entry.path] = before
        elif (merged := work.repo.merged(now[entry.path], after, before)) is not None:
            then[entry.path] = merged
        else:
            in_the_way.append(entry.path)
    if in_the_way:
        raise Refused(
            f"{', '.join(map(repr, in_the_way))} changed since in the very lines of the batch; "
            "nothing was touched",
            next_step=f"take it back by hand, then: git rm {_record_of(work, in_the_way[0])}",
        )
    return {path: data for path, data in then.items() if data != now[path]}


def _record_of(work: Session, path: str) -> str:
    places = work.plan.places()
    return next(
        record_path(work.plan, place)
        for place in places
        if any(target.path == path for target in place.batch.targets)
    )


def _blob(work: Session, blob: str | None, path: str) -> bytes:
    data = work.repo.blob(blob, path) if blob else None
    if data is None:
        raise Refused(
            f"{path!r} is not in this clone as it was, so it cannot be given back",
            next_step="git fetch --unshallow" if work.repo.is_shallow else "git fsck --lost-found",
        )
    return data


def _check_dependants(status: Status, batch: BatchStatus) -> None:
    for phase in status.phases:
        for other in phase.batches:
            needs_batch = (
                phase.phase.id == batch.place.phase.id
                and batch.place.batch.id in other.place.batch.depends_on
            )
            needs_phase = batch.place.phase.id in phase.phase.depends_on
            if other.record is not None and (needs_batch or needs_phase):
                raise Refused(
                    f"{other.place.name} came later and depends on {batch.place.name}",
                    next_step=f"orchestrate undo {other.place.name}",
                )


def _message(work: Session, place: Place, paths: Sequence[str]) -> Message:
    topic = place.batch.topic or (topic_of(paths[0]) if len(paths) == 1 else place.batch.title)
    lines = [f"- {path}" for path in paths]
    body = [f"Gives {plural(len(paths), 'file')} back what it was before the batch:", *lines]
    if not paths:
        body = ["Takes back what was recorded; no file was changed by the batch."]
    return notice(work.plan, place, f"Undo {work.plan.title} for {topic}", "\n".join(body))
