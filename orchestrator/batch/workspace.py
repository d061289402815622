"""The repository and its plan, as every command finds them from where it is started."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import BadInput
from orchestrator.fixers import registry
from orchestrator.git import find_top
from orchestrator.plan.model import Phase, Plan, Target
from orchestrator.plan.snapshot import load_remembered
from orchestrator.progress.status import Compliance, Status, status

DEFAULT_PLAN = "migration_plan.yaml"


@dataclass(frozen=True, slots=True)
class Workspace:
    """The top of the work tree (or the plan's folder where there is no git) and the plan."""

    top: Path
    plan_file: Path
    plan: Plan

    def status(self) -> Status:
        """Where the migration stands here; writes nothing."""
        return status(self.top, self.plan, Compliance(_has_traces, self._is_clean))

    def _is_clean(self, phase: Phase, target: Target, data: bytes) -> bool:
        if phase.fixer is None:
            return True
        source = registry.source(phase, target, data)
        return registry.get(phase.fixer).is_clean(source, self.top)


def open_workspace(plan_option: Path | None) -> Workspace:
    """The repository around the current folder, with the plan that is named or found upwards.

    Where the current folder is in no repository, the one around the plan counts.

    Raises:
        BadInput: there is no plan, or what is wrong with it, each with `file:line:column`.
    """
    here = Path.cwd()
    top = find_top(here)
    plan_file = plan_option.expanduser().absolute() if plan_option else _found(here, top)
    top = (top or find_top(plan_file.parent) or plan_file.parent).resolve()
    resolved = plan_file.resolve()
    inside = str(resolved.relative_to(top)) if resolved.is_relative_to(top) else ""
    shown = plan_option or Path(plan_file.name if plan_file.parent == here else plan_file)
    plan = load_remembered(shown, plan_path=inside, checks=[registry.problems])
    return Workspace(top, plan_file, plan)


def _found(here: Path, top: Path | None) -> Path:
    for folder in (here, *here.parents):
        if (folder / DEFAULT_PLAN).is_file():
            return folder / DEFAULT_PLAN
        if folder == top:
            break
    raise BadInput(
        f"there is no {DEFAULT_PLAN} in {str(here)!r} or above it",
        next_step="orchestrate --plan PATH …, or see a whole migration: orchestrate demo",
    )


def _has_traces(phase: Phase, data: bytes) -> bool:
    return phase.fixer is not None and registry.get(phase.fixer).has_traces(data)
