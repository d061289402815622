"""Checks many files, over processes where that pays."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.base.reading import read_regular
from orchestrator.fixers.outcome import Options, Source
from orchestrator.memory_safety.check.config import Config
from orchestrator.memory_safety.fixer.check import report
from orchestrator.memory_safety.fixer.reading.module import Parsed
from orchestrator.memory_safety.fixer.values.findings import Finding, Severity
from orchestrator.memory_safety.fixer.values.groups import derived_group

_WORTH_PROCESSES = 60
"""Files; fewer are checked faster than processes start."""


@dataclass(frozen=True, slots=True)
class Checked:
    """One file and what was found in it."""

    path: str
    findings: Sequence[Finding]
    left_alone: str | None = None
    groups: frozenset[str] = frozenset()

    @property
    def errors(self) -> list[Finding]:
        """The findings it fails the check by."""
        return [finding for finding in self.findings if finding.level is Severity.ERROR]

    @property
    def is_fixable(self) -> bool:
        """Whether the fixer would edit it: nothing in it is for a person."""
        return self.has_errors and not any(finding.by_hand for finding in self.findings)

    @property
    def has_errors(self) -> bool:
        """Whether it fails the check."""
        return any(finding.level is Severity.ERROR for finding in self.findings)


def checked(
    paths: Sequence[str], *, top: Path, config: Config, own: Mapping[str, Options] | None = None
) -> Iterator[Checked]:
    """What is found in each of `paths`, in their order; `own` are options of single files."""
    own = own or {}
    if len(paths) < _WORTH_PROCESSES or (os.cpu_count() or 1) == 1:
        gc.disable()  # syntax trees are many objects and no cycles worth finding
        try:
            yield from _batch(paths, top, config, own)
        finally:
            gc.enable()
        return
    from concurrent.futures import ProcessPoolExecutor

    workers = min(os.cpu_count() or 1, 8)
    size = max(1, len(paths) // (workers * 4))
    chunks = [paths[at : at + size] for at in range(0, len(paths), size)]
    with ProcessPoolExecutor(workers, initializer=gc.disable) as pool:
        same = ([value] * len(chunks) for value in (top, config, own))
        for found in pool.map(_batch, chunks, *same):
            yield from found


def _batch(
    paths: Sequence[str], top: Path, config: Config, own: Mapping[str, Options]
) -> list[Checked]:
    parsed = Parsed()
    return [_one(path, top, own.get(path, config.options), parsed) for path in paths]


def _one(path: str, top: Path, options: Options, parsed: Parsed) -> Checked:
    try:
        data = read_regular(top / path)
    except OSError as error:
        text = f"cannot be read: {error.strerror}"
        return Checked(path, [Finding(1, 1, "MS000", "", text, Severity.ERROR, by_hand=True)])
    said = report(Source(path, data, options), top, parsed)
    return Checked(path, said.findings, said.left_alone, said.groups)


def with_shared_groups(found: Sequence[Checked]) -> list[Checked]:
    """The same, with a warning where two files got one group because they have one name.

    xdist runs all tests of a group in one worker. A group that was chosen is nobody's accident.
    """
    first: dict[str, str] = {}
    told = []
    for one in found:
        group = derived_group(one.path)
        other = first.setdefault(group, one.path) if group in one.groups else one.path
        if other != one.path:
            text = f"its group {group!r} is that of {other} as well: one worker runs both"
            finding = Finding(1, 1, "MS004", "", text, Severity.WARNING)
            told.append(replace(one, findings=sorted([*one.findings, finding])))
        else:
            told.append(one)
    return told
