"""Takes a batch back: one commit that reverts its files and its record, gated like an edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from orchestrator.base import files
from orchestrator.base.blob import holds
from orchestrator.base.changes import FILE_MODE, Change, Content, Side, Unit
from orchestrator.base.escape import as_argument
from orchestrator.base.outcomes import TargetOutcome
from orchestrator.base.paths import RepoPath
from orchestrator.commit import preflight
from orchestrator.commit.batch_tree import BatchTree
from orchestrator.commit.transaction import Commit, Transaction
from orchestrator.engine.context.events import EventHandler, Picked
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import RunContext, run_context
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.find_targets import find_targets
from orchestrator.engine.make_record import fresh_gates
from orchestrator.engine.run_gates import gates_for
from orchestrator.errors import BadInput, Refused
from orchestrator.fixers.planned import proves_its_edits
from orchestrator.gates.attribution.before_after import IdPolicy
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Place
from orchestrator.records.record import Record, TargetRecord, record_path
from orchestrator.records.status import BatchStatus, Status
from orchestrator.report.message import message
from orchestrator.report.told import Action


@dataclass(frozen=True, slots=True)
class Undone:
    """What taking a batch back came to: the commit, or None where a gate did not pass."""

    place: Place
    paths: Sequence[str]
    commit: Commit | None
    verdicts: Sequence[Verdict]


def undo(workspace: Workspace, name: str, options: RunOptions, emit: EventHandler) -> Undone:
    """Give the files of a batch the bytes they had before it, and remove its record.

    It compares contents, not commits, so it works after a squash. Later changes to other lines
    stay; where a later change is in lines that the batch changed, nothing is touched.

    Raises:
        BadInput: `name` is unknown or only one file of a batch, or the batch has no record.
        Refused: later changes or batches are in the way, or the old bytes are not in this clone.
        OrchestrateError: whatever a run of a batch raises.
    """
    with run_context(workspace, options, emit, command=f"undo {as_argument(name)}") as context:
        status = workspace.status()
        found = find_targets(status, name, top=workspace.top)
        batch = found.batch
        if len(found.targets) < len(batch.targets):
            raise BadInput(
                f"{name!r} is one file of {batch.place.name}; a batch is undone as a whole",
                next_step=f"orchestrate undo {as_argument(batch.place.name)}",
            )
        if batch.record is None:
            raise BadInput(
                f"{batch.place.name} has no record, so there is nothing to undo",
                next_step="orchestrate status",
            )
        _check_dependants(status, batch)
        return _undone(context, batch, batch.record)


def _undone(context: RunContext, batch: BatchStatus, record: Record) -> Undone:
    place = batch.place
    # what a person made by hand and had adopted stays, unrecorded
    entries = [t for t in record.changed() if t.before or t.done is TargetOutcome.EDITED]
    paths = [entry.path for entry in entries]
    _check_paths(context, paths)
    gone = [e.path for e in entries if e.after and not (context.top / e.path).is_file()]
    preflight.check_out(context.repo, gone)
    if gone:
        raise Refused(
            f"{gone[0]!r} was renamed or removed since, so it cannot be given back",
            next_step=f"git log --follow -- {as_argument(gone[0])}",
        )
    removed = [entry.path for entry in entries if entry.after is None]
    head = preflight.check(context.repo, context.plan, place, paths, new=removed)
    now: dict[str, Content] = {path: _now(context, path) for path in paths}
    changes = _reverted(context, place, entries, now)
    told = partial(message, context.plan, place, record, action=Action.UNDO, touched=paths)
    told(gates=())  # a template of the plan that is wrong is told before anything is done
    context.emit(Picked(place, len(paths)))
    commit = None
    with context.transaction(place, head, now) as tx:
        tx.declare_changes(changes)
        verdicts = _verdicts(context, place, changes, tx)
        if all(verdict.passed for verdict in verdicts):
            text = told(gates=fresh_gates(verdicts, context.interpreters.spelled))
            staged = tx.stage({change.path: change.after for change in changes}, paths)
            commit = tx.commit(staged, None, context.signed(text))
    return Undone(place, paths, commit, verdicts)


def _check_paths(context: RunContext, paths: Sequence[RepoPath]) -> None:
    """A record is committed by anybody: it gives back no file that a plan could not have named."""
    plan_file, top = context.workspace.plan_file, context.top
    for path in paths:
        if top / path == plan_file or path.startswith(f"{context.plan.reports}/"):
            raise Refused(
                f"the record names {path!r}, which no batch can change",
                next_step=f"git log -- {as_argument(context.plan.reports)}",
            )


def _now(context: RunContext, path: RepoPath) -> Content:
    return files.contents(context.top, path)


def _verdicts(
    context: RunContext, place: Place, changes: Sequence[Change], tx: Transaction
) -> list[Verdict]:
    unit = Unit(tuple(change.path for change in changes), tuple(changes))
    tree = BatchTree(context.top, [unit] if changes else [])
    tree.put(Side.EDITED)
    proven = proves_its_edits(place.phase)
    ids = IdPolicy.IDENTICAL if proven else IdPolicy.TRUSTED  # what added tests may take them back
    return list(gates_for(context, place, tx, ids=ids, strength=False).verdicts(tree))


def _reverted(
    context: RunContext, place: Place, entries: Sequence[TargetRecord], now: Mapping[str, Content]
) -> list[Change]:
    """What each file is to hold; changes made since in other lines stay."""
    changes, in_the_way = [], []
    for entry in entries:
        path, held = entry.path, now[entry.path]
        before = _blob(context, entry.before, path) if entry.before else None
        if (held is None) == (entry.after is None) and (
            held is None or holds(held, str(entry.after))
        ):
            then = before
        elif held is None or before is None or entry.after is None:
            in_the_way.append(path)
            continue
        else:
            merged = context.repo.merged(held, _blob(context, entry.after, path), before)
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
            f"{as_argument(record_path(context.plan, place))}",
        )
    return [change for change in changes if change.before != change.after]


def _blob(context: RunContext, blob: str, path: str) -> bytes:
    data = context.repo.blob(blob, path)
    if data is None:
        raise Refused(
            f"{path!r} is not in this clone as it was, so it cannot be given back",
            next_step="git fetch --unshallow"
            if context.repo.is_shallow
            else "git fsck --lost-found",
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
