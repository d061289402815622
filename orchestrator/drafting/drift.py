"""Compares a plan with the repository as it is now: what is new, gone, renamed, or otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.fixers.memory_safety.groups import derived_group
from orchestrator.git import Repo, find_top
from orchestrator.plan.location import Location
from orchestrator.plan.model import Batch, Phase, PhaseState, Plan, Target
from orchestrator.plan.patterns import is_pattern, spelled_out
from orchestrator.progress.status import BatchStatus, Status
from orchestrator.workspace import tree_at

if TYPE_CHECKING:
    from orchestrator.fixers.facts import Facts

MEMORY_SAFETY = "memory-safety"


@dataclass(frozen=True, slots=True)
class At:
    """A target where it stands: in the plan, and in its text. `is_free`: no record is about it."""

    phase: Phase
    batch: Batch
    target: Target
    location: Location
    is_free: bool

    @property
    def name(self) -> str:
        """`phase/batch`."""
        return f"{self.phase.id}/{self.batch.id}"


@dataclass(frozen=True, slots=True)
class Drift:
    """How the plan and the tree came apart.

    `renamed` are targets with their new path, `counts` those whose expected counts are others now,
    `patterns` those to be spelled out with the files they mean, `shared` are groups of several
    files.
    """

    gone: Sequence[At] = ()
    renamed: Sequence[tuple[At, str]] = ()
    counts: Sequence[tuple[At, Mapping[str, int]]] = ()
    patterns: Sequence[tuple[At, Sequence[str]]] = ()
    shared: Sequence[tuple[str, Sequence[str]]] = ()


def drift(top: Path, plan: Plan, status: Status, facts: Sequence[Facts]) -> Drift:
    """What of the plan does not hold any more; `facts` are those of the memory-safety scan."""
    targets = list(placed(plan, status))
    named = {at.target.path for at in targets if not is_pattern(at.target.path)}
    listed = _listed(top)
    git = tree_at(top).git
    known = {one.path: one for one in facts}
    missing = [
        at
        for at in targets
        if at.phase.state is not PhaseState.DONE
        and not (at.target.new or at.target.manual or is_pattern(at.target.path))
        and not (top / at.target.path).exists()
        and at.target.path not in git.hidden()
    ]
    names = {at.target.path: git.renamed(at.target.path) for at in missing}
    moved = {old: new for old, new in names.items() if new and (top / new).is_file()}
    return Drift(
        [at for at in missing if at.target.path not in moved],
        [(at, moved[at.target.path]) for at in missing if at.target.path in moved],
        [(at, now) for at in targets if at.is_free and (now := _other_counts(at, known))],
        [
            (at, [path for path in spelled_out(at.target.path, listed) if path not in named])
            for at in targets
            if is_pattern(at.target.path)
        ],
        list(_shared_groups(targets)),
    )


def placed(plan: Plan, status: Status) -> Iterator[At]:
    """Every target of the plan with its place."""
    batches: dict[str, BatchStatus] = {
        batch.place.name: batch for phase in status.phases for batch in phase.batches
    }
    for p, phase in enumerate(plan.phases):
        for b, batch in enumerate(phase.batches):
            is_free = batches[f"{phase.id}/{batch.id}"].record is None
            for t, target in enumerate(batch.targets):
                at: Location = ("phases", p, "batches", b, "targets", t)
                free = is_free and phase.state is not PhaseState.DONE
                yield At(phase, batch, target, at, free)


def is_memory_safety(phase: Phase) -> bool:
    """Whether the memory-safety fixer works on it."""
    return any(rung.fixer == MEMORY_SAFETY for rung in phase.rungs())


def _listed(top: Path) -> list[str]:
    if find_top(top) is None:
        return sorted(p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file())
    return [path for path in Repo(top).listed_files() if (top / path).is_file()]


def _other_counts(at: At, known: Mapping[str, Facts]) -> dict[str, int]:
    """What of the expected counts of a memory-safety target is another number now."""
    facts = known.get(at.target.path)
    if facts is None or not is_memory_safety(at.phase) or at.target.manual:
        return {}
    now = {"classes": facts.classes, "methods": facts.methods}
    return {n: v for n, v in now.items() if n in at.target.expect and at.target.expect[n] != v}


def _shared_groups(targets: Sequence[At]) -> Iterator[tuple[str, Sequence[str]]]:
    holders: dict[str, list[str]] = {}
    for at in targets:
        path = at.target.path
        if is_memory_safety(at.phase) and at.target.manual is None and not is_pattern(path):
            group = str(at.target.options.get("group", derived_group(path)))
            holders.setdefault(group, []).append(path)
    yield from ((group, paths) for group, paths in holders.items() if len(paths) > 1)
