"""Tries the plan's commit templates on made-up results, before a real batch depends on them."""

from __future__ import annotations

from orchestrator.paths import RepoPath
from orchestrator.plan.model import Place, Plan
from orchestrator.progress.record import Done, GateRecord, Record, TargetRecord
from orchestrator.report.message import Message, message


def check_templates(plan: Plan) -> list[Message]:
    """The messages of every batch as if it landed now with one addition per file.

    Raises:
        BadInput: a template names something unknown, takes too long, or is malformed.
    """
    return [message(plan, place, _imagined(plan, place)) for place in plan.places()]


def _imagined(plan: Plan, place: Place) -> Record:
    targets = tuple(
        TargetRecord(path=RepoPath(t.path), done=Done.MANUAL, reason=t.manual)
        if t.manual is not None
        else TargetRecord(path=RepoPath(t.path), done=Done.EDITED, counts={"lines": 1})
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
