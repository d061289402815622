"""What a plan must take in: files the fixers of its phases would change, in no batch yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

from orchestrator.engine.context.events import EventHandler
from orchestrator.engine.context.options import RunOptions
from orchestrator.fixers.registry import get
from orchestrator.plan.model import Phase, PhaseState, Plan
from orchestrator.plan.patterns import is_pattern
from orchestrator.planning import trial
from orchestrator.planning.batches import batched
from orchestrator.planning.draft import BatchBounds, DraftBatch
from orchestrator.planning.drafter import drafted_fixer

Owners = Callable[[str], str]


def tried(
    plan: Plan,
    top: Path,
    how: RunOptions,
    tell: EventHandler,
    bounds: BatchBounds,
    owner_of: Owners,
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
        if drafted_fixer(phase) or not get(rungs[0].fixer).may_be_asked_again:
            continue
        change = trial.ChangeRequest(rungs[0].fixer, rungs[0].options, phase.instructions)
        paths = [p for p in _near(phase, top) if p not in named]
        items = trial.tried(top, change, how, tell, paths).items if paths else []
        if items:
            found[number] = batched(
                items, bounds, owner_of, taken=[batch.id for batch in phase.batches]
            )
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
    listed = trial.candidates(top, trial.ChangeRequest(phase.rungs()[0].fixer, paths=["*"]))
    return [
        path
        for path in listed
        if PurePosixPath(path).suffix in suffixes
        and (path.partition("/")[0] in folders if "/" in path else "/" not in "".join(paths[:1]))
    ]
