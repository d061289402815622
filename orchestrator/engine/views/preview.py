"""What the next batch would do: works on a dirty tree and writes nothing to it."""

from __future__ import annotations

from dataclasses import dataclass

from orchestrator.base.changes import changes_of
from orchestrator.base.diff import unified
from orchestrator.engine.context.events import EventHandler, ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import read_only_context
from orchestrator.engine.context.trust import check_trusted
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.fix import FixRequest, contents_before, fix
from orchestrator.engine.select_batch import BatchSelector, refuse_absent, select_batch
from orchestrator.errors import BadInput
from orchestrator.fixers import planned
from orchestrator.fixers.task import Proposal
from orchestrator.plan.model import Place
from orchestrator.plan.patterns import is_pattern
from orchestrator.records.origin import check_here
from orchestrator.records.status import BatchStatus


@dataclass(frozen=True, slots=True)
class Preview:
    """The batch, what its first fixer says of each file, and the edits as one unified diff."""

    place: Place
    proposal: Proposal
    diff: str


def preview(
    workspace: Workspace, selector: BatchSelector, options: RunOptions, emit: EventHandler
) -> Preview | None:
    """What `next-batch` would change now, or None where nothing is left to do.

    No gate is asked, so that of a ladder only the first rung is tried.

    Raises:
        BadInput: a target does not exist, or the choice names nothing.
        Refused: the plan would run commands that were not trusted here.
    """
    status = workspace.status()
    place = select_batch(status, selector)
    if place is None:
        refuse_absent(status)
        return None
    batch = status.batch(place)
    if not runs_nothing(batch):
        check_trusted(workspace, options.asking("next-batch --dry-run"))
    return preview_of(workspace, batch, options, emit)


def runs_nothing(batch: BatchStatus) -> bool:
    """Whether a preview of the batch executes nothing of the plan."""
    rungs = batch.place.phase.rungs()[:1]
    return not any(planned.rung_commands(rung) for rung in rungs)


def preview_of(
    workspace: Workspace,
    batch: BatchStatus,
    options: RunOptions,
    emit: EventHandler = ignore_events,
) -> Preview:
    """What a run would change now in the open files of one batch, whether it is trusted or not.

    Raises:
        BadInput: a target does not exist.
    """
    check_here(workspace.top, workspace.plan)
    place, targets = batch.place, batch.open_targets
    for target in targets:
        if is_pattern(target.path) and not (workspace.top / target.path).exists():
            raise BadInput(
                f"{place.name} names a pattern, {target.path!r}, and not the files it means",
                next_step="orchestrate plan --update",
            )
        if not target.new and not (workspace.top / target.path).is_file():
            raise BadInput(
                f"{place.name} names a file that does not exist: {target.path!r}",
                next_step="correct its path in the plan, then: orchestrate validate",
            )
    rungs = place.phase.rungs()
    if not targets or not rungs:
        return Preview(place, Proposal(), "")
    before = contents_before(workspace, targets)
    with read_only_context(workspace, options, emit) as context:
        found = fix(context, FixRequest(place, rungs[0], targets, before))
    changes = changes_of(found.units)
    diff = "".join(unified(c.path, c.before, c.after, c.mode) for c in changes)
    return Preview(place, found, diff)
