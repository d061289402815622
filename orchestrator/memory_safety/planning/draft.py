"""The plan of the memory-safety migration: phases by priority, from what a scan found."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from orchestrator.base.text import plural
from orchestrator.memory_safety.fixer.values.facts import FileFacts
from orchestrator.memory_safety.fixer.values.groups import derived_group
from orchestrator.memory_safety.fixer.values.options import Grouping, Require
from orchestrator.memory_safety.guard import places
from orchestrator.memory_safety.guard.hook import CONFIGURATION
from orchestrator.memory_safety.guard.parts import GUIDELINES
from orchestrator.memory_safety.scan.ranking import MANY_METHODS, priority
from orchestrator.memory_safety.scan.scan import Survey
from orchestrator.plan.base import OptionValue
from orchestrator.plan.model import Priority
from orchestrator.planning.batches import batched, canary
from orchestrator.planning.draft import (
    BatchBounds,
    Draft,
    DraftBatch,
    DraftPhase,
    DraftTarget,
    hours,
)
from orchestrator.planning.tests import left_out_by_builds
from orchestrator.project.folders import TOP, Projects

PREVENTS = (
    "Under pytest-xdist, mocks that outlive their test pile up in each worker until the machine "
    "runs out of memory. Each test class gets a group, so that its tests stay in one worker, and a "
    "teardown that collects garbage before the next test begins."
)
SUBJECT = (
    "test: {{ 'undo ' if action == 'undo' else 'skip ' if action == 'skip' else '' }}"
    "memory safety for {{ topic }} ({{ phase.label }}, batch "
    "{{ batch.number }}/{{ batch.of }}{{ share }})"
)
_REVIEW_MINUTES = (5, 10)
"""What one file of a batch takes a person, review included: the estimate nobody measured."""
_PHASES = (
    (Priority.HIGH, "high", f"AsyncMock, and {MANY_METHODS} test methods or more"),
    (Priority.MEDIUM, "medium", f"AsyncMock, and fewer than {MANY_METHODS} test methods"),
    (Priority.LOW, "low", "other mocks"),
)
_GROUPING = {
    Grouping.FILE: "one group per file: its tests share one worker, so that fixtures of a module "
    "are made once; a run takes at least as long as its largest file",
    Grouping.CLASS: "one group per class: the classes of a file may run in different workers, "
    "which shortens runs with large files; fixtures of a module are made in each of them",
}


_FIRST = (
    "carry it first where `orchestrate doctor` says that a collection is slow: "
    "orchestrate next-batch --phase guard --batch frozen-heap"
)
_NO_HOOK = (
    "no hook: a commit would not find orchestrate-check on PATH; once it does: "
    "orchestrate guard --only hook"
)
_GUARDED = "so that it never comes back; CI and settings: `orchestrate guard`"


@dataclass(frozen=True, slots=True)
class DraftOptions:
    """What a person asked of the plan."""

    bounds: BatchBounds = field(default_factory=BatchBounds)
    grouping: Grouping = Grouping.FILE
    require: Require = Require.MOCKS
    tests: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Tests by the patterns of the files they look at, where those are no tests themselves."""


def draft(
    found: Survey, wishes: DraftOptions, owner_of: Callable[[str], str], reports: str | None
) -> Draft:
    """The plan for what the scan found; without phases where nothing is missing.

    `reports` is the folder of records where the usual one is taken.
    """
    items = planned_items(found, wishes)
    by_level = {level: items.get(level, []) for level in (*(p[0] for p in _PHASES), None)}
    first = canary([item for level in by_level.values() for item in level])
    chosen = {item.path for item in first}
    phases = []
    if first:
        phases.append(_canary_phase(first, wishes))
    for level, title, why in _PHASES:
        rest = [item for item in by_level[level] if item.path not in chosen]
        phases += _phase(f"{title}-priority", title, level, why, rest, wishes, owner_of)
    if by_level[None]:
        why = "no mocks: asked for by `require: all`"
        rest = [item for item in by_level[None] if item.path not in chosen]
        phases += _phase("others", "the others", Priority.LOW, why, rest, wishes, owner_of)
    by_hand = [
        DraftBatch(id_, title, items)
        for id_, title, items in (
            ("conftest", "fixtures that hold mocks", conftests(found)),
            ("unread", "what could not be read", unread(found)),
        )
        if items
    ]
    if phases and by_hand:
        phases.append(_by_hand(by_hand))
    if phases:
        taken = {item.path for p in phases for b in p.batches for item in b.items}
        tests = [item.path for p in phases for b in p.batches for item in b.items]
        projects = Projects(found.top).of_all(tests)
        phases.append(_guard(found.top, taken, projects))
    return Draft(
        "pytest-xdist-memory-safety", "pytest-xdist memory safety", _notes(found, wishes),
        _head(reports, wishes), phases,
    )  # fmt: skip


def planned_items(
    found: Survey, wishes: DraftOptions, named: Mapping[str, str] | None = None
) -> dict[Priority | None, list[DraftTarget]]:
    """A target for every file that lacks something and is asked, by priority.

    `named` are the files that a plan has already, each with its group.
    """
    named = named or {}
    asked = [
        facts
        for facts in found.files
        if facts.lacks
        and facts.path not in named
        and (wishes.require is Require.ALL or priority(facts) is not None)
    ]
    groups = group_names(asked, found.files, frozenset(named.values()))
    items: dict[Priority | None, list[DraftTarget]] = {}
    for facts in asked:
        items.setdefault(priority(facts), []).append(_item(facts, groups[facts.path]))
    return items


def group_names(
    asked: Sequence[FileFacts], everything: Iterable[FileFacts], reserved: Set[str] = frozenset()
) -> dict[str, str]:
    """A group for each file that is asked, no two alike and none that another file has."""
    holders: dict[str, set[str]] = {}
    for facts in everything:
        for group in facts.groups:
            holders.setdefault(group, set()).add(facts.path)
    wanted: dict[str, list[str]] = {}
    for facts in asked:
        wanted.setdefault(derived_group(facts.path), []).append(facts.path)
    names: dict[str, str] = {}
    for group, paths in wanted.items():
        alone = len(paths) == 1 and holders.get(group, set()) <= set(paths)
        alone = alone and group not in reserved
        for path in paths:
            taken = {*holders, *names.values(), *wanted, *reserved}
            names[path] = group if alone else _longer(path, taken)
    return names


def _longer(path: str, taken: set[str]) -> str:
    """The name of the file with as many of its folders before it as it takes to be alone."""
    *folders, _ = PurePosixPath(path).parts
    name = derived_group(path)
    for folder in reversed(folders):
        name = f"{''.join(c if c.isalnum() else '_' for c in folder)}_{name}"
        if name not in taken:
            return name
    number = 2
    while f"{name}_{number}" in taken:
        number += 1
    return f"{name}_{number}"


def conftests(found: Survey) -> list[DraftTarget]:
    """The conftest files whose wide fixtures hold mocks, for a person."""
    return [
        DraftTarget(
            facts.path,
            manual=f"{plural(facts.held['fixture'], 'fixture')} of a scope wider than a test "
            f"{'holds' if facts.held['fixture'] == 1 else 'hold'} mocks: narrow the scope, or "
            "reset them after each test",
        )
        for facts in found.conftests
        if facts.held.get("fixture")
    ]


def unread(found: Survey) -> list[DraftTarget]:
    """The test files whose classes nobody could count, each with the reason: for a person."""
    return [
        DraftTarget(facts.path, manual=facts.by_hand[0])
        for facts in found.files
        if facts.by_hand and not facts.classes
    ]


def _item(facts: FileFacts, group: str) -> DraftTarget:
    options: dict[str, OptionValue] = {}
    if group != derived_group(facts.path):
        options["group"] = group
    note = f"for a person: {facts.by_hand[0]}" if facts.by_hand else ""
    counts = {"classes": facts.classes, "methods": facts.methods}
    return DraftTarget(
        facts.path, max(1, facts.methods), _kind(facts), counts, options, note=note[:120]
    )  # fmt: skip


def _kind(facts: FileFacts) -> str:
    if facts.cases == facts.classes:
        return "TestCase"
    if facts.cases:
        return "TestCases beside other classes"
    return "async" if facts.async_methods * 2 > facts.methods else "plain"


def _phase(
    name: str,
    title: str,
    level: Priority,
    why: str,
    items: Sequence[DraftTarget],
    wishes: DraftOptions,
    owner_of: Callable[[str], str],
) -> list[DraftPhase]:
    if not items:
        return []
    batches = batched(items, wishes.bounds, owner_of)
    tests = sum(item.weight for item in items)
    note = f"{why}: {plural(len(items), 'file')}, {plural(tests, 'test')}"
    return [DraftPhase(name, title, level.value, phase_head(wishes, len(items)), batches, note)]


def phase_head(wishes: DraftOptions, files: int) -> dict[str, OptionValue]:
    """The keys of a phase between its title and its batches."""
    options: dict[str, OptionValue] = {}
    if wishes.grouping is Grouping.CLASS:
        options["grouping"] = Grouping.CLASS.value
    head: dict[str, OptionValue] = {"fixer": "memory-safety"}
    if options:
        head["options"] = options
    head["hours"] = hours(files, _REVIEW_MINUTES)
    return head


def _canary_phase(items: Sequence[DraftTarget], wishes: DraftOptions) -> DraftPhase:
    told = [
        replace(item, note=item.note or f"the smallest of its kind: {item.kind}") for item in items
    ]
    batch = DraftBatch("canary", "one file of each kind", told)
    note = "small first: what is wrong with the fixer, the gates or the machine shows here"
    return DraftPhase(
        "canary", "canary", Priority.HIGH.value, phase_head(wishes, len(items)), [batch], note
    )


def _by_hand(batches: Sequence[DraftBatch]) -> DraftPhase:
    note = "no fixer changes these files: look, change, then `orchestrate adopt FILE`"
    return DraftPhase("by-hand", "by hand", Priority.MEDIUM.value, {}, batches, note)


def _guard(top: Path, taken: Set[str], projects: Sequence[str]) -> DraftPhase:
    """What keeps it from being lost again; the frozen heap may be carried before all else.

    A conftest is put into each of `projects`, guidelines into the only one, or the top.
    """
    batches = []
    conftests = [_inside(folder, places.conftest(top / folder)) for folder in projects]
    frozen = [
        DraftTarget(path, new=not (top / path).exists(), note="judged by all tests below it")
        for path in conftests
        if path not in taken
    ]
    if frozen:
        batches.append(DraftBatch("frozen-heap", "keep each gc.collect() cheap", frozen, _FIRST))
    home = projects[0] if len(projects) == 1 else TOP
    guidelines = _inside(home, places.guidelines(top / home))
    has_check = shutil.which("orchestrate-check") is not None
    paths = [*([CONFIGURATION] if has_check else []), guidelines, *places.sections(top)]
    items = [DraftTarget(path, new=not (top / path).exists()) for path in paths]
    title = "hook and guidelines" if has_check else "guidelines"
    batches.append(
        DraftBatch(title.split(maxsplit=1)[0], title, items, "" if has_check else _NO_HOOK)
    )
    head: dict[str, OptionValue] = {"fixer": "guard"}
    if guidelines != GUIDELINES:
        head["options"] = {"guidelines": guidelines}
    return DraftPhase("guard", "prevention", Priority.PREVENTION.value, head, batches, _GUARDED)


def _inside(folder: str, path: str) -> str:
    """A path of the project in `folder`, from the top."""
    return f"{folder}/{path}" if folder else path


def _notes(found: Survey, wishes: DraftOptions) -> list[str]:
    left = [f for f in found.files if f.lacks and priority(f) is None]
    notes = [
        "",
        "Drafted by `orchestrate plan` from the test files as they were. It is yours now: review "
        "it, move and rename batches, correct titles; a run never writes it. "
        "`orchestrate plan --update` puts new files in and marks those that are gone.",
        "",
        f"Grouping: {_GROUPING[wishes.grouping]}.",
        "",
        "Hours are an estimate: {} to {} minutes a file, review included.".format(*_REVIEW_MINUTES),
    ]
    if left and wishes.require is Require.MOCKS:
        notes += [
            "",
            f"Left out: {plural(len(left), 'file')} whose test classes touch no mock "
            "(`orchestrate plan --require all` takes them in).",
        ]
    for note in left_out_by_builds(found.top):
        notes += ["", note]
    return notes


def _head(reports: str | None, wishes: DraftOptions) -> Mapping[str, OptionValue]:
    head: dict[str, OptionValue] = {"prevents": PREVENTS}
    if reports:
        head["reports"] = reports
    if wishes.tests:
        head["verify"] = {
            "tests": {pattern: list(tests) for pattern, tests in wishes.tests.items()}
        }
    head["measures"] = {
        "classes": {"title": "Classes"},
        "methods": {"title": "Methods"},
    }
    head["commit"] = {
        "subject": SUBJECT,
        "trailers": {"Migration-Pattern": "pytest-xdist memory safety"},
    }
    return head
