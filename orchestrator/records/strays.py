"""Finds records that no batch of the plan reads: of a batch that has another id by now."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass

from orchestrator.base.paths import RepoPath, why_unsafe
from orchestrator.errors import BadInput
from orchestrator.plan.model import Plan
from orchestrator.records.record import MOST_MIB, Record, parsed, record_path
from orchestrator.records.tree import WorkTree


@dataclass(frozen=True, slots=True)
class Stray:
    """The file of a record that is of this plan, and of none of its batches."""

    path: RepoPath
    record: Record

    @property
    def name(self) -> str:
        """The batch it is of, as `phase/batch`."""
        return f"{self.record.phase}/{self.record.batch}"

    @property
    def sentence(self) -> str:
        """What people are told."""
        return f"{self.path} is the record of {self.name}, which the plan does not name"


def strays(tree: WorkTree, plan: Plan) -> list[Stray]:
    """Every such record, by path; what is no record, or of another plan, is left alone."""
    known = {record_path(plan, place) for place in plan.places()}
    found = []
    for path in sorted(set(_files(tree, plan.reports)) - known):
        try:
            data = tree.read(path, most_mib=MOST_MIB)
            if data is None or json.loads(data).get("plan") != plan.name:
                continue
            record = parsed(data, path)
        except (OSError, ValueError, AttributeError, RecursionError, BadInput):
            continue
        if path == f"{plan.reports}/{record.phase}/{record.batch}.json":
            found.append(Stray(path, record))
    return found


def _files(tree: WorkTree, reports: str) -> Iterator[RepoPath]:
    """The files that may be records: `REPORTS/FOLDER/NAME.json`."""
    for path in tree.git.hidden():
        if path.startswith(f"{reports}/") and path.endswith(".json") and path.count("/") > 1:
            yield RepoPath(path)
    try:
        folders = [entry.name for entry in os.scandir(tree.top / reports) if entry.is_dir()]
    except OSError:
        return
    for folder in folders:
        for name in _names(tree, f"{reports}/{folder}"):
            if name.endswith(".json") and why_unsafe(path := f"{reports}/{folder}/{name}") is None:
                yield RepoPath(path)


def _names(tree: WorkTree, folder: str) -> list[str]:
    try:
        return [entry.name for entry in os.scandir(tree.top / folder)]
    except OSError:
        return []
