"""What of a plan is no error, and yet not as it says: for people to know, or to set right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.checks.config import read_config
from orchestrator.drafting.additions import new_items
from orchestrator.drafting.drift import drift, is_memory_safety
from orchestrator.drafting.memory_safety import Wishes
from orchestrator.fixers.memory_safety.options import Require
from orchestrator.plan.model import PhaseState, Plan
from orchestrator.progress.strays import strays
from orchestrator.survey.scan import survey
from orchestrator.words import plural
from orchestrator.workspace import Workspace

_NAMED = 3
UPDATE = "orchestrate plan --update"


@dataclass(frozen=True, slots=True)
class Warned:
    """One thing that does not hold, and the command that helps, if one does."""

    text: str
    next_step: str = ""


def warnings(workspace: Workspace) -> Iterator[Warned]:
    """What does not hold; test files are scanned where a phase is about them."""
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
    has_scan = any(is_memory_safety(phase) for phase in plan.phases)
    config = read_config(top)
    found = survey([], here=top, top=top, exclude=config.exclude) if has_scan else None
    drifted = drift(top, plan, workspace.status(), found.files if found else [])
    for at, counts in drifted.counts:
        said = ", ".join(f"{at.target.expect[name]:g} {name}" for name in counts)
        now = ", ".join(f"{value} {name}" for name, value in counts.items())
        yield Warned(f"{at.name}: {at.target.path} has {now}, and the plan says {said}", UPDATE)
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
    for group, paths in drifted.shared:
        yield Warned(f"the group {group!r} pins {_some(paths)} to one worker")
    if found is not None:
        require = Require(str(config.options.get("require", Require.MOCKS)))
        new_ = new_items(plan, found, Wishes(require=require))
        left = [item.path for items in new_.values() for item in items]
        if left:
            lack = "lacks" if len(left) == 1 else "lack"
            yield Warned(f"{_some(left)} {lack} the pattern and {_is(left)} in no batch", UPDATE)


def _is(paths: Sequence[str]) -> str:
    return "is" if len(paths) == 1 else "are"


def _some(paths: Sequence[str]) -> str:
    """The first of many, and how many more."""
    shown, rest = ", ".join(paths[:_NAMED]), len(paths) - _NAMED
    return f"{shown} and {rest} more" if rest > 0 else shown
