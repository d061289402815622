"""Tries the plan's commit templates on made-up results, before a real batch depends on them."""

from __future__ import annotations

from orchestrator.base.outcomes import TargetOutcome
from orchestrator.base.paths import RepoPath
from orchestrator.plan.model import Place, Plan
from orchestrator.records.record import GateRecord, Record, TargetRecord
from orchestrator.report.message import Message, message
from orchestrator.report.told import Action

_DONE = {
    Action.MIGRATE: TargetOutcome.EDITED,
    Action.ADOPT: TargetOutcome.ADOPTED,
    Action.RECORD: TargetOutcome.UNCHANGED,
    Action.UNDO: TargetOutcome.EDITED,
    Action.SKIP: TargetOutcome.SKIPPED,
}


def check_templates(plan: Plan) -> list[Message]:
    """The commit message of every batch, as if it landed now with one line changed per file.

    For each action (adopt, undo, skip, …) the message of the first batch is tried as well.

    Raises:
        BadInput: a template names something unknown, takes too long to fill in, gives too much
            text, or is malformed.
    """
    places = list(plan.places())
    for action in Action:
        for place in places[:1]:
            _tried(plan, place, action)
    return [_tried(plan, place, Action.MIGRATE) for place in places]


def check_template(plan: Plan, place: Place, action: Action) -> None:
    """Make sure that a message can be written, before anything is run that it is about.

    Raises:
        BadInput: as `check_templates`.
    """
    if plan.commit.subject is not None or plan.commit.body is not None:
        _tried(plan, place, action)


def _tried(plan: Plan, place: Place, action: Action) -> Message:
    record = _imagined(plan, place, _DONE[action])
    return message(plan, place, record, action=action, reason="because", is_trial=True)


def _imagined(plan: Plan, place: Place, done: TargetOutcome) -> Record:
    counts = {"lines": 1} if done is TargetOutcome.EDITED else {}
    targets = tuple(
        TargetRecord(path=RepoPath(t.path), done=TargetOutcome.MANUAL, reason=t.manual)
        if t.manual is not None
        else TargetRecord(path=RepoPath(t.path), done=done, counts=counts)
        for t in place.batch.targets
    )
    return Record(
        plan=plan.name,
        phase=place.phase.id,
        batch=place.batch.id,
        definition="",
        fixers={},
        targets=targets,
        gates=(GateRecord(gate="test", count=1),),
    )
