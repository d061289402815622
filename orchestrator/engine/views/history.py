"""Reads the history of a migration from the commits that touched its records."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

from orchestrator.engine.context.workspace import Workspace
from orchestrator.plan.model import PhaseState
from orchestrator.records.history import COUNTS, History, HistoryEntry
from orchestrator.records.status import Status
from orchestrator.vcs import Repo, find_top
from orchestrator.vcs.log import first_commit_of, touching


def history_of(workspace: Workspace, status: Status) -> History:
    """What was done when; nothing where there is no repository."""
    plan, top = workspace.plan, workspace.top
    before = sum(p.files_done for p in status.phases if p.phase.state is PhaseState.DONE)
    if find_top(top) is None:
        return History(before=before, total=status.files)
    repo = Repo(top)
    known = {place.name: place.phase.state for place in plan.places()}
    done: dict[str, int] = {}
    landings = []
    for touched in touching(repo, plan.reports, ".json"):
        batches = {}
        for path, data in touched.contents.items():
            name = str(PurePosixPath(path).relative_to(plan.reports).with_suffix(""))
            if name in known and known[name] is not PhaseState.DONE:
                batches[name] = done[name] = _settled(data)
        if batches:
            landings.append(
                HistoryEntry(
                    touched.commit, touched.at, touched.author, touched.subject, batches,
                    before + sum(done.values()),
                )
            )  # fmt: skip
    began = None
    if workspace.plan_file.is_relative_to(top):
        began = first_commit_of(repo, workspace.plan_file.relative_to(top).as_posix())
    if began is not None and landings and began > landings[0].at:
        began = None  # a plan that was moved since
    return History(landings, began, before, status.files)


def _settled(data: bytes | None) -> int:
    """How many files of a record count as progress; none of what is no record."""
    try:
        targets = json.loads(data)["targets"] if data else []
        return sum(target["done"] in COUNTS for target in targets)
    except (ValueError, KeyError, TypeError):
        return 0
