"""`orchestrate plan --update`: shows what the repository asks of the plan, and writes it there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import files
from orchestrator.base.escape import as_argument
from orchestrator.base.paths import RepoPath
from orchestrator.base.reading import read_regular
from orchestrator.cli.plan import PlanOptions, request_of
from orchestrator.console.streams import data, next_step, say
from orchestrator.engine.context.events import ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.trust import check_trusted
from orchestrator.engine.context.workspace import Workspace, open_workspace
from orchestrator.errors import BadInput, Exit, Refused
from orchestrator.plan.model import Plan
from orchestrator.planning.additions import executes, tried
from orchestrator.planning.draft import DraftBatch, DraftPhase
from orchestrator.planning.drafter import drafters_of
from orchestrator.planning.drift import At, Drift, drift, placed
from orchestrator.planning.place import checked
from orchestrator.planning.records import MovedRecord, moved_records
from orchestrator.planning.update import Additions, updated
from orchestrator.project.codeowners import owners
from orchestrator.vcs import Repo, find_top


def update(plan: Path | None, asked: PlanOptions, *, trust: bool) -> Exit:
    """Print the diff of the plan, then write it; with `dry_run` only the diff.

    Raises:
        BadInput: the plan is wrong, or what it would become.
        Refused: it would run commands that were not trusted here.
    """
    if asked.tests:
        raise BadInput(
            "--tests is for a plan that is still to be written",
            next_step="change `verify: tests:` in the plan, then: orchestrate validate",
        )
    workspace = open_workspace(plan)
    before = read_regular(workspace.plan_file)
    text = before.decode("utf-8-sig")
    found = _changes(workspace, asked, trust=trust)
    changed = updated(text, found.drift, found.counts, found.additions)
    try:
        new_plan = checked(changed.text, workspace.top, workspace.plan_file)
    except BadInput as error:
        raise BadInput(
            f"the plan would not be right any more:\n{error.what}",
            next_step="correct by hand what is gone or new: orchestrate validate",
        ) from error
    name = workspace.plan_file.name
    records = moved_records(workspace.tree, new_plan, _renames(new_plan, found.drift))
    if changed.text == text and not records:
        for sentence in changed.said:
            say(f"  {sentence}", "yellow")
        say(f"{name} is up to date")
        return Exit.DONE
    if changed.text != text:
        data("".join(_diff(text, changed.text, name)))
    for sentence in (*changed.said, *(one.said for one in records)):
        say(f"  {sentence}")
    if asked.dry_run:
        say("nothing was written; next: orchestrate plan --update")
        return Exit.DONE
    if changed.text != text:
        file = workspace.plan_file
        new = _encoded(before, changed.text)
        files.replace(file.parent, RepoPath(file.name), new, expected=before)
        say(f"wrote {name}")
    _write(workspace, records)
    next_step("orchestrate status")
    return Exit.DONE


def _renames(plan: Plan, drifted: Drift) -> dict[str, str]:
    """The files that the plan names as they are called now, by their old names."""
    named = {target.path for place in plan.places() for target in place.batch.targets}
    return {at.target.path: new for at, new in drifted.renamed if new in named}


def _write(workspace: Workspace, records: Sequence[MovedRecord]) -> None:
    """Write records to the paths the plan reads them from; nothing is staged or committed.

    Raises:
        Refused: one has changes that nobody committed.
    """
    if not records:
        return
    top, reports = workspace.top, workspace.plan.reports
    if find_top(top) == top:
        dirty = Repo(top).dirty([one.path for one in records])
        if dirty:
            raise Refused(
                f"you have uncommitted changes in the record {dirty[0]!r}", next_step="git diff"
            )
    for one in records:
        if one.record is not None:
            files.write(top, one.path, one.record.to_bytes())
        else:
            files.remove(top, one.path)
        say(f"{'wrote' if one.record else 'removed'} {one.path}")
    say(f"commit them with the plan: git add --all {as_argument(reports)} && git commit")


@dataclass(frozen=True, slots=True)
class _Changes:
    """What the plan must take in: what drifted, counts that are others now, what is new."""

    drift: Drift
    counts: Sequence[tuple[At, Mapping[str, int]]]
    additions: Additions


def _changes(workspace: Workspace, asked: PlanOptions, *, trust: bool) -> _Changes:
    plan, top = workspace.plan, workspace.top
    owner_of, status = owners(top), workspace.status()
    drifted, targets = drift(top, plan, status), list(placed(plan, status))
    moved = {new for _, new in drifted.renamed} | {p for _, ps in drifted.patterns for p in ps}
    counts: list[tuple[At, Mapping[str, int]]] = []
    batches: dict[int, Sequence[DraftBatch]] = {}
    phases: list[DraftPhase] = []
    for drafter in drafters_of(plan).values():
        found = drafter.changes(
            plan, targets, request_of(asked), top, owner_of, moved=frozenset(moved)
        )
        counts += found.counts
        batches |= found.additions.batches
        phases += found.additions.phases
    if executes(plan):
        check_trusted(workspace, RunOptions(asked.python, trust=trust).asking("plan --update"))
        options = RunOptions(asked.python, command="plan --update")
        batches |= tried(plan, top, options, ignore_events, asked.bounds, owner_of)
    return _Changes(drifted, counts, Additions(batches, phases))


def _diff(old: str, new: str, name: str) -> list[str]:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


def _encoded(before: bytes, text: str) -> bytes:
    mark = b"\xef\xbb\xbf"
    return (mark if before.startswith(mark) else b"") + text.encode()
