"""Drafts the plan of the migration, for `orchestrate init` and `orchestrate plan`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path

from orchestrator.base.text import plural
from orchestrator.errors import BadInput
from orchestrator.memory_safety.check.config import read_config
from orchestrator.memory_safety.fixer.values.facts import FileFacts
from orchestrator.memory_safety.fixer.values.groups import derived_group
from orchestrator.memory_safety.fixer.values.options import Grouping, Require
from orchestrator.memory_safety.planning.additions import additions, is_memory_safety, new_items
from orchestrator.memory_safety.planning.console import show_nothing_to_do
from orchestrator.memory_safety.planning.draft import DraftOptions, draft
from orchestrator.memory_safety.scan.scan import Survey, survey
from orchestrator.plan.model import Plan
from orchestrator.plan.patterns import is_pattern
from orchestrator.planning.draft import Draft
from orchestrator.planning.drafter import (
    Drafter,
    DraftRequest,
    FoundTests,
    OwnerOf,
    PlanChanges,
)
from orchestrator.planning.drift import At


class MemorySafetyDrafter(Drafter):
    """Puts every test file that lacks the pattern into a phase by what its mocks cost."""

    lacks = "the pattern"

    def draft(
        self, request: DraftRequest, top: Path, owner_of: OwnerOf, reports: str | None
    ) -> Draft | None:
        """Return the plan for what a scan finds."""
        wishes = _wishes(request, top)
        found = _scanned(request.paths, top, Path.cwd())
        made = draft(found, wishes, owner_of, reports)
        if made.phases:
            return made
        show_nothing_to_do(found)
        return None

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
        """Return what a scan finds that the plan does not say."""
        wishes = _wishes(request, top)
        found = _scanned(request.paths, top, Path.cwd() if request.paths else top)
        known = {one.path: one for one in found.files}
        every = new_items(plan, found, wishes)
        items = {n: [i for i in some if i.path not in moved] for n, some in every.items()}
        return PlanChanges(
            [(at, now) for at in targets if at.is_free and (now := _other_counts(at, known))],
            list(_shared_groups(targets)),
            [item.path for some in items.values() for item in some],
            additions(plan, items, wishes, owner_of),
        )

    def look(self, top: Path) -> FoundTests:
        """Return the test files, and how many of them lack the pattern."""
        found = _scanned((), top, Path.cwd())
        files, lacking = plural(len(found.files), "test file"), sum(f.lacks for f in found.files)
        classes = plural(sum(f.classes for f in found.files), "class")
        tests = plural(sum(facts.methods for facts in found.files), "test method")
        return FoundTests(
            [facts.path for facts in found.files],
            [
                ("tests", f"{files}, {classes}, {tests}"),
                ("missing", f"the pattern in {plural(lacking, 'file')} (orchestrate scan)"),
            ],
        )


def _scanned(paths: Sequence[str], top: Path, here: Path) -> Survey:
    return survey(paths, here=here, top=top, exclude=read_config(top).exclude)


def _wishes(request: DraftRequest, top: Path) -> DraftOptions:
    usual = str(read_config(top).options.get("require", Require.MOCKS))
    grouping = _one_of(Grouping, request.wishes.get("grouping"), "--grouping")
    require = _one_of(Require, request.wishes.get("require"), "--require")
    return DraftOptions(
        request.bounds,
        Grouping(grouping or Grouping.FILE),
        Require(require or usual),
        request.tests,
    )


def _one_of(known: Iterable[StrEnum], given: str | None, option: str) -> str | None:
    if given is not None and given not in set(known):
        words = " or ".join(known)
        raise BadInput(f"{option} is {given!r}; it can be {words}", next_step="orchestrate plan")
    return given


def _other_counts(at: At, known: Mapping[str, FileFacts]) -> dict[str, int]:
    """Return what of the expected counts of a target is another number now."""
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


DRAFTER = MemorySafetyDrafter()
