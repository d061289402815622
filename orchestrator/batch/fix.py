"""The fix step: every edit of a batch is computed in memory, from the bytes as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orchestrator import files
from orchestrator.batch.workspace import Workspace
from orchestrator.fixers import planned
from orchestrator.fixers.base import Outcome
from orchestrator.fixers.run import outcomes
from orchestrator.plan.model import Place, Target


def bytes_before(workspace: Workspace, targets: Sequence[Target]) -> dict[str, bytes]:
    """The bytes of every target, by path."""
    return {target.path: files.read(workspace.top / target.path) for target in targets}


def fix(
    workspace: Workspace, place: Place, targets: Sequence[Target], before: Mapping[str, bytes]
) -> list[Outcome]:
    """What the phase's fixer says of each file; nothing is written."""
    assert place.phase.fixer is not None  # a checked plan names one where there is work for it
    sources = [planned.source(place.phase, target, before[target.path]) for target in targets]
    return outcomes(place.phase.fixer, sources, top=workspace.top)
