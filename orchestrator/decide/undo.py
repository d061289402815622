"""Takes a batch back: one commit that reverts its files and its record, gated like an edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from orchestrator import files
from orchestrator.batch.gate import gates_for
from orchestrator.batch.named import named
from orchestrator.batch.recording import fresh_gates
from orchestrator.changes import FILE_MODE, Change, Content, Side, Unit
from orchestrator.errors import BadInput, Refused
from orchestrator.events import Picked, Tell
from orchestrator.fixers.registry import get
from orchestrator.foreign import as_argument
from orchestrator.gates.sides import Ids
from orchestrator.gates.verdict import Verdict
from orchestrator.paths import RepoPath
from orchestrator.plan.model import Place
from orchestrator.progress.blob import holds
from orchestrator.progress.record import Done, Record, TargetRecord, record_path
from orchestrator.progress.status import BatchStatus, Status
from orchestrator.report.message import message
from orchestrator.report.told import Action
from orchestrator.safety import preflight
from orchestrator.safety.session import How, Session, session
from orchestrator.safety.transaction import Commit, transaction
from orchestrator.safety.tree import BatchTree
from orchestrator.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking a batch back came to: the commit, or None where a gate did not pass."""

    place: Place
    paths: Sequence[str]
    commit: Commit | None
    verdicts: Sequence[Verdict]


def undo(workspace: Workspace, name: str, how: How, tell: Tell) -> Undone:
    """Give the files of a batch the bytes they had before it, and remove its record.

    Told by content, not by commit: it works after a squash, and what was changed since in other
    lines stays. Where those lines are the batch's own, nothing is touched.

    Raises:
        BadInput: nothing is called `name`, or nothing of it is recorded.
        Refused: later changes or batches are in the way, or the old bytes are not in this clone.
        OrchestrateError: as for a batch.
    """
    with session(workspace, how, tell, command=f"undo {as_argument(name)}") as work:
        status = workspace.status()
        found = named(status, name, top=workspace.top)
        batch = found.batch
        if len(found.targets) < len(batch.targets):
            raise BadInput(
                f"{name!r} is one file of {batch.place.name}; a batch is taken back as a whole",
                next_step=f"orchestrate undo {as_argument(batch.place.name)}",
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
    # what a person made by hand and had adopted stays, unrecorded
    entries = [t for t in record.changed() if t.before or t.done is Done.EDITED]
    paths = [entry.path for entry in entries]
    _check_paths(work, paths)
    gone = [e.path for e in entries if e.after and not (work.workspace.top / e.path).is_file()]
    preflight.check_out(work.repo, gone)
    if gone:
        raise Refused(
            f"{gone[0]!r} was renamed or removed since, so it cannot be given back",
            next_step=f"git log --follow -- {as_argument(gone[0])}",
        )
    removed = [entry.path for entry in entries if entry.after is None]
    head = preflight.check(work.repo, work.plan, place, paths, new=removed)
    now: dict[str, Content] = {path: _now(work, path) for path in paths}
    changes = _reverted(work, place, entries, now)
    told = partial(message, work.plan, place, record, action=Action.UNDO, touched=paths)
    told(gates=())  # a template of the plan that is wrong is told before anything is done
    work.tell(Picked(place, len(paths)))
    commit = None
    with transaction(work, place, head, now) as tx:
        tx.may_hold(changes)
        verdicts = _verdicts(work, place, changes)
        if all(verdict.passed for verdict in verdicts):
            text = told(gates=fresh_gates(verdicts, work.spelled))
            staged = tx.stage({change.path: change.after for change in changes}, paths)
            commit = tx.commit(staged, None, text)
    return Undone(place, paths, commit, verdicts)


def _check_paths(work: Session, paths: Sequence[RepoPath]) -> None:
    """A record is committed by anybody: it gives back no file that a plan could not have named."""
    plan_file, top = work.workspace.plan_file, work.workspace.top
    for path in paths:
        if top / path == plan_file or path.startswith(f"{work.plan.reports}/"):
            raise Refused(
                f"the record names {path!r}, which no batch can change",
                next_step=f"git log -- {as_argument(work.plan.reports)}",
            )


def _now(work: Session, path: RepoPath) -> Content:
    return files.contents(work.workspace.top, path)


def _verdicts(work: Session, place: Place, changes: Sequence[Change]) -> list[Verdict]:
    unit = Unit(tuple(change.path for change in changes), tuple(changes))
    tree = BatchTree(work.workspace.top, [unit] if changes else [])
    tree.put(Side.EDITED)
    proven = all(get(rung.fixer).proves_its_edits for rung in place.phase.rungs())
    ids = Ids.SAME if proven else Ids.TRUSTED  # what added tests may take them back
    return list(gates_for(work, place, ids=ids, strength=False).verdicts(tree))


def _reverted(
    work: Session, place: Place, entries: Sequence[TargetRecord], now: Mapping[str, Content]
) -> list[Change]:
    """What each file is to hold; changes made since in other lines stay."""
    changes, in_the_way = [], []
    for entry in entries:
        path, held = entry.path, now[entry.path]
        before = _blob(work, entry.before, path) if entry.before else None
        if (held is None) == (entry.after is None) and (
            held is None or holds(held, str(entry.after))
        ):
            then = before
        elif held is None or before is None or entry.after is None:
            in_the_way.append(path)
            continue
        else:
            merged = work.repo.merged(held, _blob(work, entry.after, path), before)
            if merged is None:
                in_the_way.append(path)
                continue
            then = merged
        mode = 0o755 if entry.executable else FILE_MODE
        changes.append(Change(path, held, then, mode=mode))
    if in_the_way:
        raise Refused(
            f"{', '.join(map(repr, in_the_way))} changed since in the very lines of the batch; "
            "nothing was touched",
            next_step=f"take it back by hand, then: git rm "
            f"{as_argument(record_path(work.plan, place))}",
        )
    return [change for change in changes if change.before != change.after]


def _blob(work: Session, blob: str, path: str) -> bytes:
    data = work.repo.blob(blob, path)
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
                    next_step=f"orchestrate undo {as_argument(other.place.name)}",
                )
