"""What of a plan is no error, and yet not as it says: for people to know, or to set right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.text import plural
from orchestrator.engine.context.workspace import Workspace
from orchestrator.plan.model import PhaseState, Plan
from orchestrator.planning.drafter import DraftRequest, PlanChanges, drafters_of
from orchestrator.planning.drift import drift, placed
from orchestrator.records.strays import strays

_NAMED = 3
UPDATE = "orchestrate plan --update"


@dataclass(frozen=True, slots=True)
class Warned:
    """One thing that does not hold, and the command that helps, if one does."""

    text: str
    next_step: str = ""


def warnings(workspace: Workspace) -> Iterator[Warned]:
    """What does not hold; drafters look at the files that their phases are about."""
    plan, top = workspace.plan, workspace.top
    yield from _declared(plan)
    if workspace.origin is not None:
        return  # the files, and what the plan links to, are elsewhere
    yield from _link(plan, top)
    yield from _of_files(workspace)


def _declared(plan: Plan) -> Iterator[Warned]:
    for phase in plan.phases:
        named = len(phase.targets())
        if phase.files is not None and phase.files != named and phase.state is not PhaseState.DONE:
            yield Warned(
                f"phase {phase.id} says it is about {plural(phase.files, 'file')} and names {named}"
            )


def _link(plan: Plan, top: Path) -> Iterator[Warned]:
    if plan.link and "://" not in plan.link and not (top / plan.link.partition("#")[0]).exists():
        yield Warned(f"link: there is no file {plan.link!r}, and it is no address")


def _of_files(workspace: Workspace) -> Iterator[Warned]:
    plan, top = workspace.plan, workspace.top
    status = workspace.status()
    drifted, targets = drift(top, plan, status), list(placed(plan, status))
    found = [
        (drafter, drafter.changes(plan, targets, DraftRequest(), top, lambda path: ""))
        for drafter in drafters_of(plan).values()
    ]
    for _, changes in found:
        yield from _counts(changes)
    for at, paths in drifted.patterns:
        yield Warned(
            f"{at.name}: {at.target.path} is a pattern; it means {plural(len(paths), 'file')}",
            UPDATE,
        )
    for at in drifted.gone:
        if at.phase.state is PhaseState.DEFERRED or not at.is_free:
            yield Warned(f"{at.name}: {at.target.path} is gone", UPDATE)
    for stray in strays(workspace.tree, plan):
        yield Warned(stray.sentence, UPDATE)
    for at, new in drifted.renamed:
        yield Warned(f"{at.name}: {at.target.path} is {new} now", UPDATE)
    for drafter, changes in found:
        for group, paths in changes.shared:
            yield Warned(f"the group {group!r} pins {_some(paths)} to one worker")
        if left := changes.missing:
            lack = "lacks" if len(left) == 1 else "lack"
            what = f"{_some(left)} {lack} {drafter.lacks} and {_is(left)} in no batch"
            yield Warned(what, UPDATE)


def _counts(changes: PlanChanges) -> Iterator[Warned]:
    for at, counts in changes.counts:
        said = ", ".join(f"{at.target.expect[name]:g} {name}" for name in counts)
        now = ", ".join(f"{value} {name}" for name, value in counts.items())
        yield Warned(f"{at.name}: {at.target.path} has {now}, and the plan says {said}", UPDATE)


def _is(paths: Sequence[str]) -> str:
    return "is" if len(paths) == 1 else "are"


def _some(paths: Sequence[str]) -> str:
    """The first few paths, and how many more there are."""
    shown, rest = ", ".join(paths[:_NAMED]), len(paths) - _NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown
