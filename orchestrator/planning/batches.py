"""Puts files that belong together into batches: by owner, by folder, by name, within bounds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath

from orchestrator.base.text import plural
from orchestrator.planning.draft import BatchBounds, DraftBatch, DraftTarget
from orchestrator.report.told import topic_of

_ENOUGH = 0.5
"""A batch that is this full is not filled up with files of another folder."""
_NAMED = 3
"""Of so many files a batch's title names all."""
_ID_CHARS = 40
_UNSAFE = re.compile(r"[^a-z0-9]+")


def batched(
    items: Sequence[DraftTarget],
    bounds: BatchBounds,
    owner_of: Callable[[str], str],
    taken: Iterable[str] = (),
) -> list[DraftBatch]:
    """`items` in batches with ids of their own, none of `taken`.

    A single file may be larger than the bounds; files that stand or fall together stay together.
    """
    ids, titles = set(taken), set[str]()
    found = []
    for group in _grouped(items, bounds, owner_of):
        title = _unique(_title(group), titles, " ")
        name = _unique(slug(title), ids, "-")
        owner = owner_of(group[0].path)
        found.append(DraftBatch(name, title, group, f"owners: {owner}" if owner else ""))
    return found


def canary(items: Sequence[DraftTarget]) -> list[DraftTarget]:
    """One small file of each kind, to be tried before all others; none where there are few."""
    smallest: dict[str, DraftTarget] = {}
    for item in sorted(items, key=lambda i: (i.weight, i.path)):
        if item.manual is None and not item.together and item.kind:
            smallest.setdefault(item.kind, item)
    chosen = list(smallest.values())
    return chosen if len(chosen) * 3 <= len(items) else []


def _grouped(
    items: Sequence[DraftTarget], bounds: BatchBounds, owner_of: Callable[[str], str]
) -> Iterable[list[DraftTarget]]:
    units: dict[str, list[DraftTarget]] = {}
    for item in sorted(items, key=lambda i: (owner_of(i.path), *_place(i.path))):
        units.setdefault(item.together or item.path, []).append(item)
    group: list[DraftTarget] = []
    for unit in units.values():
        if group and not _fits(group, unit, bounds, owner_of):
            yield group
            group = []
        group = [*group, *unit]
    if group:
        yield group


def _fits(
    group: Sequence[DraftTarget],
    unit: Sequence[DraftTarget],
    bounds: BatchBounds,
    owner_of: Callable[[str], str],
) -> bool:
    files = len(group) + len(unit)
    tests = sum(i.weight for i in group) + sum(i.weight for i in unit)
    if files > bounds.files or tests > bounds.tests:
        return False
    if owner_of(group[-1].path) != owner_of(unit[0].path):
        return False
    before, after = _folder(group[-1].path), _folder(unit[0].path)
    if before == after:
        return True
    is_small = len(group) < bounds.files * _ENOUGH
    return is_small and _related(before, after)


def _related(one: str, other: str) -> bool:
    """Whether two folders are in one that is not the top of the repository."""
    return one.partition("/")[0] == other.partition("/")[0] != "."


def _place(path: str) -> tuple[str, str]:
    """Folder and name: neighbours in this order are about one thing more often than not."""
    return _folder(path), PurePosixPath(path).name


def _folder(path: str) -> str:
    return str(PurePosixPath(path).parent)


def _title(group: Sequence[DraftTarget]) -> str:
    folders = list(dict.fromkeys(_folder(item.path) for item in group))
    where = PurePosixPath(folders[0]).name if len(folders) == 1 else _common(folders)
    topics = [topic_of(item.path) for item in group]
    if len(topics) <= _NAMED:
        what = ", ".join(topics)
    elif shared := _first_words(topics):
        what = f"{shared} ({plural(len(topics), 'file')})"
    else:
        what = f"{topics[0]} to {topics[-1]}"
    return f"{where}: {what}" if where not in {"", "."} else what


def _common(folders: Sequence[str]) -> str:
    parts = [folder.split("/") for folder in folders]
    shared = []
    for names in zip(*parts, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return shared[-1] if shared else ""


def _first_words(topics: Sequence[str]) -> str:
    """The words that all topics begin with."""
    shared = []
    for words in zip(*(topic.split() for topic in topics), strict=False):
        if len(set(words)) > 1:
            break
        shared.append(words[0])
    return " ".join(shared)


def slug(title: str) -> str:
    """An id made of the words of a title, as many as fit; one word alone may be cut."""
    words = _UNSAFE.sub("-", title.lower()).strip("-")
    if len(words) > _ID_CHARS:
        whole = words[: _ID_CHARS + 1].rpartition("-")[0]
        words = whole or words[:_ID_CHARS]
    return words or "batch"


def _unique(name: str, taken: set[str], glue: str) -> str:
    """`name`, with a number where it is taken; taken from now on."""
    number, unique = 1, name
    while unique.casefold() in taken:
        number += 1
        unique = f"{name}{glue}{number}"
    taken.add(unique.casefold())
    return unique
