"""What a scan found: the two rankings, the folders, the sum, the next command."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.base.text import counts_in_words, plural
from orchestrator.console.streams import answer, next_step
from orchestrator.console.tables import show_table, simple_table
from orchestrator.memory_safety.fixer.values.facts import KINDS, FileFacts
from orchestrator.memory_safety.scan.ranking import (
    Sum,
    by_folder,
    high_risk,
    most_methods,
    priority,
    ranked,
    summed,
)
from orchestrator.memory_safety.scan.scan import Survey
from orchestrator.plan.model import Priority

_FILE_COLUMNS = [
    ("File", False), ("Priority", False), ("Classes", True), ("Methods", True), ("async", True),
    ("AsyncMock", True), ("MagicMock", True), ("patch", True), ("kept", True), ("missing", True),
]  # fmt: skip
_FOLDER_COLUMNS = [
    ("Folder", False), ("Files", True), ("Classes", True), ("Methods", True), ("async", True),
    ("high", True), ("medium", True), ("low", True), ("missing", True),
]  # fmt: skip


def show_survey(found: Survey, *, limit: int | None, command: str) -> None:
    """Print rankings of at most `limit` files each, the folders, the sum."""
    risky, most = high_risk(found.files), most_methods(found.files)
    _show_files("High-risk files: AsyncMock, most test methods first", risky, limit)
    _show_files("Most test methods", most, limit)
    folders = by_folder(found.files)
    shown = folders if limit is None else sorted(folders, key=lambda f: -f.methods)[:limit]
    show_table(simple_table("Folders", _FOLDER_COLUMNS, map(_folder_row, shown)))
    _rest(len(folders) - len(shown), "folder")
    _show_sum(summed("all", found.files))
    next_step(command, answers=True)


def survey_json(found: Survey) -> str:
    """Everything, for programs: the files by rank, sums by folder and in all."""
    return json.dumps(
        {
            "files": [_file(facts) for facts in ranked(found.files)],
            "folders": [_sum(one) for one in by_folder(found.files)],
            "all": _sum(summed("all", found.files)),
        },
        indent=1,
    )


def _show_files(title: str, files: Sequence[FileFacts], limit: int | None) -> None:
    if files:
        show_table(simple_table(title, _FILE_COLUMNS, map(_file_row, files[:limit])))
        _rest(len(files) - len(files[:limit]), "file")


def _rest(count: int, noun: str) -> None:
    if count > 0:
        answer(f"  … and {plural(count, noun)} more: --all\n")


def _show_sum(total: Sum) -> None:
    missing = counts_in_words(total.missing) if total.missing else "nothing"
    uses = [f"{kind} {total.mocks[kind]:,}" for kind in KINDS if total.mocks[kind]]
    levels = [f"{total.priorities[p]:,} {p.value}" for p in _LEVELS]
    share = f", {_percent(total.async_methods, total.methods)} async" if total.methods else ""
    answer(
        f"{plural(total.files, 'test file')}: {plural(total.classes, 'class')}, "
        f"{plural(total.methods, 'test method')}{share}"
    )
    answer(
        f"  priority    {', '.join(levels)}; {total.priorities[None]:,} without mocks or classes"
    )
    answer(f"  mocks       {', '.join(uses) or 'none'}")
    if total.held:
        held = ", ".join(f"{count:,} {_PLACES[place]}" for place, count in total.held.items())
        answer(f"  kept        beyond their test: {held}")
    answer(f"  missing     {missing} in {plural(total.lacking, 'file')}")
    if total.by_hand:
        answer(
            f"  for you     {plural(total.by_hand, 'file')} the fixer would refuse (--json: why)"
        )


_LEVELS = (Priority.HIGH, Priority.MEDIUM, Priority.LOW)
_PLACES = {
    "self": "on instances", "class": "on classes", "module": "at module level",
    "fixture": "in wide fixtures",
}  # fmt: skip


def _file_row(facts: FileFacts) -> list[str]:
    level = priority(facts)
    numbers = [
        facts.classes, facts.methods, facts.async_methods, *(facts.mocks.get(k, 0) for k in _SHOWN),
        sum(facts.held.values()), sum(facts.missing.values()),
    ]  # fmt: skip
    return [facts.path, level.value.upper() if level else "-", *map(_number, numbers)]


_SHOWN = ("AsyncMock", "MagicMock", "patch")


def _folder_row(one: Sum) -> list[str]:
    numbers = [
        one.files, one.classes, one.methods, one.async_methods,
        *(one.priorities[level] for level in _LEVELS), sum(one.missing.values()),
    ]  # fmt: skip
    return [one.name, *map(_number, numbers)]


def _file(facts: FileFacts) -> dict[str, object]:
    level = priority(facts)
    return {
        "path": facts.path,
        "priority": level.value if level else None,
        "classes": facts.classes,
        "test_cases": facts.cases,
        "touching_mocks": facts.touching,
        "methods": facts.methods,
        "async_methods": facts.async_methods,
        "mocks": dict(facts.mocks),
        "kept": dict(facts.held),
        "missing": dict(facts.missing),
        "by_hand": list(facts.by_hand),
    }


def _sum(one: Sum) -> dict[str, object]:
    return {
        "name": one.name,
        "files": one.files,
        "classes": one.classes,
        "methods": one.methods,
        "async_methods": one.async_methods,
        "priorities": {level.value: one.priorities[level] for level in _LEVELS},
        "mocks": dict(one.mocks),
        "kept": dict(one.held),
        "missing": dict(one.missing),
        "lacking": one.lacking,
        "by_hand": one.by_hand,
    }


def _number(value: int) -> str:
    return f"{value:,}" if value else "-"


def _percent(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)} %"
