"""What the next batch would do, computed in memory: works on a dirty tree and writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.batch.fix import bytes_before, fix
from orchestrator.batch.pick import Choice, pick
from orchestrator.batch.workspace import Workspace
from orchestrator.errors import BadInput
from orchestrator.fixers.base import Edit, Outcome
from orchestrator.plan.model import Place
from orchestrator.progress.status import BatchStatus
from orchestrator.report.diff import unified


@dataclass(frozen=True, slots=True)
class Preview:
    """The batch, what its fixer says of each file, and the edits as one unified diff."""

    place: Place
    outcomes: Sequence[Outcome]
    diff: str


def preview(workspace: Workspace, choice: Choice) -> Preview | None:
    """What `next-batch` would change now, or None where nothing is left to do.

    Raises:
        BadInput: a target does not exist, or the choice names nothing.
    """
    status = workspace.status()
    place = pick(status, choice)
    return None if place is None else preview_of(workspace, status.batch(place))


def preview_of(workspace: Workspace, batch: BatchStatus) -> Preview:
    """What a run would change now in the open files of one batch.

    Raises:
        BadInput: a target does not exist.
    """
    place, targets = batch.place, batch.open_targets
    for target in targets:
        if not (workspace.top / target.path).is_file():
            raise BadInput(
                f"{place.name} names a file that does not exist: {target.path!r}",
                next_step="correct its path in the plan, then: orchestrate validate",
            )
    before = bytes_before(workspace, targets)
    found = fix(workspace, place, targets, before) if targets else []
    edits = [outcome for outcome in found if isinstance(outcome, Edit)]
    diff = "".join(unified(edit.path, before[edit.path], edit.data) for edit in edits)
    return Preview(place, found, diff)
