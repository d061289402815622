"""The pytest-xdist memory safety pattern: one group mark and one collecting teardown per class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from orchestrator.fixers.base import FileFixer
from orchestrator.fixers.outcome import Options, Outcome, Source


class MemorySafety(FileFixer):
    """Sees to it that every class pytest collects is pinned to a group and collects garbage."""

    name = "memory-safety"
    version = 2
    proves_its_edits = True
    groups_tests: ClassVar[bool] = True
    knows_what_is_left = True
    per_target = True
    options: ClassVar = {
        "group": "the xdist group of the file's classes; default: from the file's name",
        "grouping": "file: one group for all classes of a file; class: each class has its own",
        "require": "which classes are asked: all, or mocks (those whose tests can touch one)",
        "clear_instance": "true: the teardown also empties the instance",
        "skip_under_xdist": "true: classes are skipped in a worker of xdist",
        "docstring": "what new teardowns say of themselves",
    }

    def option_problems(self, path: str, options: Options) -> list[str]:
        """What the options of a plan or configuration cannot mean."""
        from orchestrator.memory_safety.fixer.values.options import problems

        return list(problems(path, options))

    def conflicts(self, sources: Sequence[Source]) -> list[tuple[str, str]]:
        """Files that would get the same group by accident, which pins both to one worker."""
        from orchestrator.memory_safety.fixer.values.groups import derived_group

        first: dict[str, str] = {}
        found = []
        for source in sources:
            if "group" not in source.options:
                group = derived_group(source.path)
                other = first.setdefault(group, source.path)
                if other != source.path:
                    text = f"{other!r} would get the group {group!r} as well; give one its own"
                    found.append((source.path, text))
        return found

    def has_traces(self, data: bytes) -> bool:
        """Whether the name of the group mark occurs at all."""
        return b"xdist_group" in data

    def is_clean(self, source: Source, top: Path) -> bool:
        """Whether every collected class has all of the pattern, by the rules the fixer uses."""
        from orchestrator.memory_safety.fixer.reading.module import UNREADABLE
        from orchestrator.memory_safety.fixer.rules.classes import analyse

        try:
            return not analyse(source, top).needs_person_or_edit
        except UNREADABLE:
            return False

    def fix(self, source: Source, top: Path) -> Outcome:
        """Add what is missing; everything else stays as it is, byte for byte."""
        from orchestrator.memory_safety.fixer.editing.edit import fixed

        return fixed(source, top)


FIXER = MemorySafety()
