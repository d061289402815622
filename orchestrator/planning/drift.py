"""Compares a plan with the repository as it is now: what is new, gone, renamed, or otherwise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.engine.context.workspace import tree_at
from orchestrator.plan.location import Location
from orchestrator.plan.model import Batch, Phase, PhaseState, Plan, Target
from orchestrator.plan.patterns import is_pattern, spelled_out
from orchestrator.records.status import BatchStatus, Status
from orchestrator.vcs import Repo, find_top


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

    `renamed` are targets with their new path, `patterns` those to be spelled out with the files
    they mean.
    """

    gone: Sequence[At] = ()
    renamed: Sequence[tuple[At, str]] = ()
    patterns: Sequence[tuple[At, Sequence[str]]] = ()


def drift(top: Path, plan: Plan, status: Status) -> Drift:
    """Return what of the plan does not hold any more, as far as files are there or not."""
    targets = list(placed(plan, status))
    named = {at.target.path for at in targets if not is_pattern(at.target.path)}
    listed = _listed(top)
    git = tree_at(top).git
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
        [
            (at, [path for path in spelled_out(at.target.path, listed) if path not in named])
            for at in targets
            if is_pattern(at.target.path)
        ],
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


def _listed(top: Path) -> list[str]:
    if find_top(top) is None:
        return sorted(p.relative_to(top).as_posix() for p in top.rglob("*") if p.is_file())
    return [path for path in Repo(top).listed_files() if (top / path).is_file()]
