"""What drafts the plan of one fixer better than a trial of it could."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from orchestrator.base.plugins import DRAFTERS, BrokenPlugin, built_in, loaded, plugins
from orchestrator.errors import CannotJudge
from orchestrator.plan.model import Phase, Plan
from orchestrator.planning.draft import BatchBounds, Draft
from orchestrator.planning.drift import At
from orchestrator.planning.update import Additions

OwnerOf = Callable[[str], str]
"""Says who owns a file, by CODEOWNERS; "" where nobody does."""


@dataclass(frozen=True, slots=True)
class DraftRequest:
    """What a person asked of a plan.

    `wishes` are options of the drafter, such as `grouping`; None is for what was not given.
    `tests` are the tests that look at files which are none, by patterns of those files.
    """

    paths: Sequence[str] = ()
    bounds: BatchBounds = field(default_factory=BatchBounds)
    wishes: Mapping[str, str | None] = field(default_factory=dict)
    tests: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FoundTests:
    """The test files of a project, and facts about them to print."""

    paths: Sequence[str]
    facts: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class PlanChanges:
    """What a plan must take in.

    `counts` are targets whose expected counts are others now, `shared` are groups of several files.
    `missing` are files that need the change and are in no batch; `additions` are batches for them.
    """

    counts: Sequence[tuple[At, Mapping[str, int]]] = ()
    shared: Sequence[tuple[str, Sequence[str]]] = ()
    missing: Sequence[str] = ()
    additions: Additions = field(default_factory=Additions)


class Drafter(ABC):
    """Drafts the plan of the fixer that has its name, and keeps such a plan up to date.

    A plug-in names one by an entry point of the group `orchestrate.drafters`.
    """

    lacks: ClassVar[str] = "the change"
    """What a file that is in no batch lacks, as a warning says it."""

    @abstractmethod
    def draft(
        self, request: DraftRequest, top: Path, owner_of: OwnerOf, reports: str | None
    ) -> Draft | None:
        """Return the plan; None where nothing is to be done, which it has said then.

        `reports` is the folder of records where the usual one is taken.

        Raises:
            BadInput: a wish means nothing.
        """

    def changes(
        self,
        plan: Plan,
        targets: Sequence[At],
        request: DraftRequest,
        top: Path,
        owner_of: OwnerOf,
        *,
        moved: frozenset[str] = frozenset(),
    ) -> PlanChanges:
        """Return what the plan must take in; `moved` are files that targets were renamed to."""
        return PlanChanges()

    def look(self, top: Path) -> FoundTests:
        """Look at the project, for `orchestrate init`."""
        return FoundTests((), ())


def drafter_of(fixer: str) -> Drafter | None:
    """Return what drafts plans of a fixer; None where its plans come from a trial.

    Raises:
        CannotJudge: a plug-in brings one along that does not load.
    """
    if reference := built_in(DRAFTERS).get(fixer):
        found = loaded(reference)
    elif plugin := plugins(DRAFTERS).get(fixer):
        try:
            found = plugin.load()
        except BrokenPlugin as error:
            raise CannotJudge(f"the drafter {error}", next_step="orchestrate fixers") from error
    else:
        return None
    if not isinstance(found, Drafter):
        what = f"the drafter {fixer!r} is a {type(found).__name__}, and no Drafter"
        raise CannotJudge(what, next_step="orchestrate fixers")
    return found


def drafted_fixer(phase: Phase) -> str | None:
    """Return the fixer of a phase that has a drafter, if one has."""
    return next((r.fixer for r in phase.rungs() if drafter_of(r.fixer) is not None), None)


def drafters_of(plan: Plan) -> dict[str, Drafter]:
    """Return the drafters of the fixers that a plan names."""
    found: dict[str, Drafter] = {}
    for phase in plan.phases:
        for rung in phase.rungs():
            if (drafter := drafter_of(rung.fixer)) is not None:
                found[rung.fixer] = drafter
    return found
