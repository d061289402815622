"""Batches for the test files that lack the pattern and are in no batch of the plan yet."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from orchestrator.memory_safety.fixer.values.groups import derived_group
from orchestrator.memory_safety.planning import draft
from orchestrator.memory_safety.scan.scan import Survey
from orchestrator.plan.model import Phase, PhaseState, Plan, Priority
from orchestrator.planning.batches import batched
from orchestrator.planning.draft import DraftPhase, DraftTarget
from orchestrator.planning.update import Additions

Owners = Callable[[str], str]


def is_memory_safety(phase: Phase) -> bool:
    """Whether the memory-safety fixer works on it."""
    return any(rung.fixer == "memory-safety" for rung in phase.rungs())


def new_items(
    plan: Plan, found: Survey, wishes: draft.DraftOptions
) -> dict[int, list[DraftTarget]]:
    """The memory-safety targets that are in no batch, by the number of the phase they belong to.

    Those that no phase is for are under -1.
    """
    named = {
        target.path: str(target.options.get("group", derived_group(target.path)))
        for phase in plan.phases
        for target in phase.targets()
    }
    items: dict[int, list[DraftTarget]] = {}
    for level, some in draft.planned_items(found, wishes, named).items():
        known = [
            replace(i, expect={n: v for n, v in i.expect.items() if n in plan.measures})
            for i in some
        ]
        items.setdefault(_phase_for(plan, level), []).extend(known)
    return items


def additions(
    plan: Plan,
    items: Mapping[int, Sequence[DraftTarget]],
    wishes: draft.DraftOptions,
    owner_of: Owners,
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
        head = draft.phase_head(wishes, len(rest))
        ids = {phase.id for phase in plan.phases}
        name = next(
            n for n in ("new-files", *(f"new-files-{i}" for i in range(2, 99))) if n not in ids
        )
        phases.append(DraftPhase(name, "new files", Priority.LOW.value, head, made))
    return Additions(batches, phases)


def _phase_for(plan: Plan, level: Priority | None) -> int:
    """The index of the last open phase of a priority, the canary aside; -1: make a new one."""
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
