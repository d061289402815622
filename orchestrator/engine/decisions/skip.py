"""Records a person's decision that a file is left as it is."""

from __future__ import annotations

from orchestrator.base.escape import as_argument, for_commit
from orchestrator.base.outcomes import TargetOutcome, TargetState
from orchestrator.base.paths import RepoPath
from orchestrator.base.redact import redacted
from orchestrator.commit import preflight
from orchestrator.commit.transaction import Commit
from orchestrator.engine.context.events import EventHandler
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import run_context
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.find_targets import find_targets
from orchestrator.engine.make_record import record_of
from orchestrator.engine.selection import Selection
from orchestrator.errors import BadInput
from orchestrator.records.record import TargetRecord
from orchestrator.records.status import WAITING
from orchestrator.report.message import message
from orchestrator.report.told import Action

_CAN_WAIT = WAITING | {TargetState.PENDING, TargetState.DEFERRED}
"""What was never brought in; a batch that regressed is undone, not skipped."""


def skip(
    workspace: Workspace, name: str, reason: str, emit: EventHandler, *, signoff: bool = False
) -> Commit:
    """Commit the decision: what is not done of `name` waits for ever, for `reason`.

    What was known of a failure, and the edit, stay in the record; `retry` takes it back.

    Raises:
        BadInput: nothing is called `name`, or all of it is done.
        OrchestrateError: as for a batch.
    """
    with run_context(workspace, RunOptions(signoff=signoff), emit, gates=False) as context:
        found = find_targets(workspace.status(), name, top=workspace.top)
        open_ = found.of_states(_CAN_WAIT).targets
        targets = [target for target in open_ if not found.batch.is_skipped(target)]
        if not targets:
            raise BadInput(
                f"{name} was done or skipped, so there is nothing to skip",
                next_step="orchestrate status",
            )
        if not for_commit(reason):
            raise BadInput(
                "the reason is empty; it goes into the record, for everybody who asks why",
                next_step=f"orchestrate skip {as_argument(name)} --reason WHY",
            )
        earlier = {target.target.path: found.batch.entry(target) for target in targets}
        paths = [target.target.path for target in targets]
        selection = Selection.of(found.batch, [target.target for target in targets])
        place = found.batch.place
        head = preflight.check(context.repo, context.plan, place, [])
        with context.transaction(place, head, {}) as tx:
            staged = tx.stage({}, paths)
            entries = {
                path: TargetRecord(
                    path=RepoPath(path),
                    done=TargetOutcome.SKIPPED,
                    before=staged.before.get(path),
                    after=staged.before.get(path),
                    reason=for_commit(redacted(reason)),
                    failure=entry.failure if (entry := earlier[path]) else None,
                    patch=entry.patch if entry else None,
                    unit=entry.unit if entry else (),
                )
                for path in paths
            }
            record = record_of(context.plan, selection, entries, ())
            text = message(
                context.plan,
                place,
                record,
                action=Action.SKIP,
                touched=paths,
                gates=(),
                reason=reason,
            )
            return tx.commit(staged, record, context.signed(text))
