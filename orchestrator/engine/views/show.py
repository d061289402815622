"""Looks at one batch: its definition, record, history, and the commands that were run for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.find_targets import find_targets
from orchestrator.engine.run_log import LoggedCommand, logged_commands
from orchestrator.engine.views.preview import preview_of, runs_nothing
from orchestrator.errors import BadInput
from orchestrator.gates.reproduce import reproduction
from orchestrator.records.record import record_path
from orchestrator.records.status import BatchStatus
from orchestrator.report.unresolved import Unresolved, unresolved
from orchestrator.vcs import Repo, find_top
from orchestrator.vcs.state_folder import state_folder


@dataclass(frozen=True, slots=True)
class BatchView:
    """One batch as it stands.

    `commits` touched its record, newest first; `diff` is what the newest one changed, or what a run
    would change where there is none; None: nobody knows without executing something of the plan.
    `commands` are those of the last run on this machine.
    """

    batch: BatchStatus
    waiting: Sequence[Unresolved]
    commits: Sequence[str]
    diff: str | None
    commands: Sequence[LoggedCommand]


def batch_view(workspace: Workspace, name: str, python: str) -> BatchView:
    """The batch that is called `name`, or holds the file `name`; nothing is written.

    Raises:
        BadInput: there is none.
    """
    status = workspace.status()
    batch = find_targets(status, name, top=workspace.top).batch
    place = batch.place
    options = reproduction(workspace.plan, workspace.top, python)
    waiting = [item for item in unresolved(status, options) if item.place == place.name]
    if find_top(workspace.top) is None:
        return BatchView(batch, waiting, (), _would_change(workspace, batch), ())
    repo = Repo(workspace.top)
    record = record_path(workspace.plan, place)
    commits = repo.history_of(record) if batch.record else []
    last = commits[0] if commits else None
    diff = repo.patch_of(last, without=record) if last else _would_change(workspace, batch)
    return BatchView(
        batch, waiting, commits, diff, logged_commands(_folder(workspace.top), place.name)
    )


def _would_change(workspace: Workspace, batch: BatchStatus) -> str | None:
    """What a run would change, where that is found out without executing anything of the plan."""
    if not runs_nothing(batch):
        return None
    return preview_of(workspace, batch, RunOptions()).diff


def edits_taken_back(workspace: Workspace, name: str) -> str:
    """The edits of a batch or a file that gates did not let pass, for `git apply`.

    Raises:
        BadInput: nothing is called `name`, or no edit of it was rolled back.
    """
    found = find_targets(workspace.status(), name, top=workspace.top)
    entries = [found.batch.entry(target) for target in found.targets]
    # files that stand or fall together have one edit
    patches = list(dict.fromkeys(entry.patch for entry in entries if entry and entry.patch))
    if not patches:
        raise BadInput(f"no edit of {name} was rolled back", next_step="orchestrate unresolved")
    data = b"".join(patch.to_bytes() for patch in patches)
    return data.decode("utf-8", "surrogateescape")


def _folder(top: Path) -> Path:
    return state_folder(top)
