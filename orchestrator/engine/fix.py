"""The fix step: what a rung makes of files, computed without writing to the user's tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orchestrator.base import files
from orchestrator.base.changes import Content
from orchestrator.base.paths import RepoPath
from orchestrator.engine.context.run_context import ReadOnlyContext
from orchestrator.engine.context.workspace import Workspace
from orchestrator.fixers import planned
from orchestrator.fixers.outcome import Source
from orchestrator.fixers.runner import proposal
from orchestrator.fixers.task import Feedback, Proposal, Task
from orchestrator.plan.model import Place, Rung, Target


@dataclass(frozen=True, slots=True)
class FixRequest:
    """What one rung is to work on: targets, what they hold now, and what is known of earlier tries.

    `beside` are files that earlier rungs changed; `spent` is what the rung has cost so far.
    """

    place: Place
    rung: Rung
    targets: Sequence[Target]
    now: Mapping[str, Content]
    beside: Mapping[str, Content] = field(default_factory=dict)
    feedback: Mapping[str, Feedback] = field(default_factory=dict)
    spent: float = 0.0


def contents_before(workspace: Workspace, targets: Sequence[Target]) -> dict[str, Content]:
    """What every target holds, by path."""
    found: dict[str, Content] = {}
    for target in targets:
        path = RepoPath(target.path)
        new = target.new and not (workspace.top / path).exists()
        found[path] = None if new else files.read(workspace.top, path)
    return found


def fix(context: ReadOnlyContext, request: FixRequest) -> Proposal:
    """What the rung makes of each file; its units are marked as its own."""
    sources = []
    for target in request.targets:
        content = request.now[target.path]
        source = planned.source(request.rung, target, content or b"")
        sources.append(source if content is not None else replace(source, exists=False))
    found = proposal(request.rung.fixer, _task(context, request, sources))
    label = request.rung.label
    return replace(found, units=[replace(unit, by=label) for unit in found.units])


def _task(context: ReadOnlyContext, request: FixRequest, sources: Sequence[Source]) -> Task:
    return Task(
        context.top,
        sources,
        request.rung.options,
        context.scratch,
        context.python,
        context.interpreters.path,
        beside=request.beside,
        about=_about(context, request.place),
        feedback=request.feedback,
        spent=request.spent,
        say=context.say,
    )


def _about(context: ReadOnlyContext, place: Place) -> dict[str, object]:
    plan, phase, batch = context.plan, place.phase, place.batch
    return {
        "plan": {
            "name": plan.name,
            "title": plan.title,
            "link": plan.link,
            "prevents": plan.prevents,
        },
        "phase": {"id": phase.id, "title": phase.title, "instructions": phase.instructions},
        "batch": {"id": batch.id, "title": batch.title, "number": place.number},
    }
