"""What a plan must take in: files the fixers of its phases would change, in no batch yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from orchestrator.drafting import memory_safety, trial
from orchestrator.drafting.batches import batched
from orchestrator.drafting.draft import Bounds, DraftBatch, DraftPhase, Item
from orchestrator.drafting.drift import is_memory_safety
from orchestrator.drafting.update import Additions
from orchestrator.events import Tell
from orchestrator.fixers.memory_safety.groups import derived_group
from orchestrator.fixers.registry import get
from orchestrator.plan.model import Phase, PhaseState, Plan, Priority
from orchestrator.plan.patterns import is_pattern
from orchestrator.safety.session import How
from orchestrator.survey.scan import Survey

Owners = Callable[[str], str]


def new_items(plan: Plan, found: Survey, wishes: memory_safety.Wishes) -> dict[int, list[Item]]:
    """The memory-safety targets that are in no batch, by the number of the phase they belong to.

    Those that no phase is for are under -1.
    """
    named = {
        target.path: str(target.options.get("group", derived_group(target.path)))
        for phase in plan.phases
        for target in phase.targets()
    }
    items: dict[int, list[Item]] = {}
    for level, some in memory_safety.planned_items(found, wishes, named).items():
        known = [
            replace(i, expect={n: v for n, v in i.expect.items() if n in plan.measures})
            for i in some
        ]
        items.setdefault(_phase_for(plan, level), []).extend(known)
    return items


def additions(
    plan: Plan, items: Mapping[int, Sequence[Item]], wishes: memory_safety.Wishes, owner_of: Owners
) -> Additions:
    """Batches of `items` for the phases they belong to."""
    batches = {
        number: batched(some, wishes.bounds, owner_of, taken=_ids(plan.phases[number]))
        for number, some in items.items()
        if number >= 0 and some
    }
    phases = []
    if rest := items.get(-1):
        made = batched(rest, wishes.bounds, owner_of)
        head = memory_safety.phase_head(wishes, len(rest))
        ids = {phase.id for phase in plan.phases}
        name = next(
            n for n in ("new-files", *(f"new-files-{i}" for i in range(2, 99))) if n not in ids
        )
        phases.append(DraftPhase(name, "new files", Priority.LOW.value, head, made))
    return Additions(batches, phases)


def tried(
    plan: Plan, top: Path, how: How, tell: Tell, bounds: Bounds, owner_of: Owners
) -> dict[int, Sequence[DraftBatch]]:
    """New batches of the phases of other fixers: what each would change beside its targets.

    It is tried on files of the suffixes and top folders of its targets.
    """
    named = {target.path for phase in plan.phases for target in phase.targets()}
    found: dict[int, Sequence[DraftBatch]] = {}
    for number, phase in enumerate(plan.phases):
        rungs = phase.rungs()
        if phase.state is PhaseState.DONE or not phase.targets() or len(rungs) != 1:
            continue
        if is_memory_safety(phase) or not get(rungs[0].fixer).may_be_asked_again:
            continue
        change = trial.Change(rungs[0].fixer, rungs[0].options, phase.instructions)
        paths = [p for p in _near(phase, top) if p not in named]
        items = trial.tried(top, change, how, tell, paths).items if paths else []
        if items:
            found[number] = batched(items, bounds, owner_of, taken=_ids(phase))
    return found


def executes(plan: Plan) -> bool:
    """Whether looking for new files would run something of the plan."""
    return any(
        get(rung.fixer).commands(rung.options)
        for phase in plan.phases
        if phase.state is not PhaseState.DONE and len(phase.rungs()) == 1
        for rung in phase.rungs()
        if get(rung.fixer).may_be_asked_again
    )


def _near(phase: Phase, top: Path) -> list[str]:
    paths = [t.path for t in phase.targets() if not is_pattern(t.path)]
    suffixes = {PurePosixPath(path).suffix for path in paths}
    folders = {path.partition("/")[0] for path in paths if "/" in path}
    listed = trial.candidates(top, trial.Change(phase.rungs()[0].fixer, paths=["*"]))
    return [
        path
        for path in listed
        if PurePosixPath(path).suffix in suffixes
        and (path.partition("/")[0] in folders if "/" in path else "/" not in "".join(paths[:1]))
    ]


def _phase_for(plan: Plan, level: Priority | None) -> int:
    """The phase for new files of a priority: the last one of it, else the last of the fixer."""
    mine = [
        (number, phase)
        for number, phase in enumerate(plan.phases)
        if is_memory_safety(phase) and phase.state is not PhaseState.DONE
    ]
    wanted = level or Priority.LOW
    same = [number for number, phase in mine if phase.priority is wanted and phase.id != "canary"]
    return same[-1] if same else -1


def _ids(phase: Phase) -> list[str]:
    return [batch.id for batch in phase.batches]
