"""`orchestrate plan --update`: shows what the repository asks of the plan, and writes it there."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator import files
from orchestrator.checks.config import read_config
from orchestrator.cli.plan import Asked
from orchestrator.cli.scan import scanned
from orchestrator.console.streams import data, next_step, say
from orchestrator.drafting.additions import additions, executes, new_items, tried
from orchestrator.drafting.drift import Drift, drift, is_memory_safety
from orchestrator.drafting.memory_safety import Wishes
from orchestrator.drafting.owners import owners
from orchestrator.drafting.place import checked
from orchestrator.drafting.records import Moved, moved_records
from orchestrator.drafting.update import Additions, updated
from orchestrator.errors import BadInput, Exit, Refused
from orchestrator.events import nobody
from orchestrator.fixers.memory_safety.options import Grouping, Require
from orchestrator.foreign import as_argument
from orchestrator.git import Repo, find_top
from orchestrator.paths import RepoPath
from orchestrator.plan.model import Plan
from orchestrator.reading import read_regular
from orchestrator.safety.session import How, check_trusted
from orchestrator.survey.scan import Survey
from orchestrator.workspace import Workspace, open_workspace


def update(plan: Path | None, asked: Asked, *, trust: bool) -> Exit:
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
    drifted, added = _asked_of(workspace, asked, trust=trust)
    changed = updated(text, drifted, added)
    try:
        new_plan = checked(changed.text, workspace.top, workspace.plan_file)
    except BadInput as error:
        raise BadInput(
            f"the plan would not be right any more:\n{error.what}",
            next_step="correct by hand what is gone or new: orchestrate validate",
        ) from error
    name = workspace.plan_file.name
    records = moved_records(workspace.tree, new_plan, _renames(new_plan, drifted))
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


def _write(workspace: Workspace, records: Sequence[Moved]) -> None:
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


def _asked_of(workspace: Workspace, asked: Asked, *, trust: bool) -> tuple[Drift, Additions]:
    """What drifted, and what is new."""
    plan, top = workspace.plan, workspace.top
    found = _scan(workspace, asked)
    usual = str(read_config(top).options.get("require", Require.MOCKS))
    wishes = Wishes(asked.bounds, Grouping(asked.grouping), Require(asked.require or usual))
    owner_of = owners(top)
    drifted = drift(top, plan, workspace.status(), found.files if found else [])
    moved = {new for _, new in drifted.renamed} | {p for _, ps in drifted.patterns for p in ps}
    items = new_items(plan, found, wishes) if found else {}
    items = {n: [i for i in some if i.path not in moved] for n, some in items.items()}
    added = additions(plan, items, wishes, owner_of)
    if executes(plan):
        check_trusted(workspace, How(asked.python, trust=trust).asking("plan --update"))
        how = How(asked.python, command="plan --update")
        more = tried(plan, top, how, nobody, asked.bounds, owner_of)
        added = replace(added, batches={**added.batches, **more})
    return drifted, added


def _scan(workspace: Workspace, asked: Asked) -> Survey | None:
    """The scan, where a phase of the plan is about what it counts."""
    if not any(is_memory_safety(phase) for phase in workspace.plan.phases):
        return None
    return scanned(asked.paths)


def _diff(old: str, new: str, name: str) -> list[str]:
    lines = difflib.unified_diff(
        old.splitlines(keepends=True), new.splitlines(keepends=True), f"a/{name}", f"b/{name}"
    )
    return [line if line.endswith("\n") else f"{line}\n" for line in lines]


def _encoded(before: bytes, text: str) -> bytes:
    mark = b"\xef\xbb\xbf"
    return (mark if before.startswith(mark) else b"") + text.encode()
