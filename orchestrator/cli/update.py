"""`orchestrate plan --update`: shows what the repository asks of the plan, and writes it there."""

from __future__ import annotations

import difflib
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
from orchestrator.drafting.update import Additions, updated
from orchestrator.errors import BadInput, Exit
from orchestrator.events import nobody
from orchestrator.fixers.memory_safety.options import Grouping, Require
from orchestrator.safety.session import How, check_trusted
from orchestrator.survey.scan import Survey
from orchestrator.workspace import Workspace, open_workspace


def update(plan: Path | None, asked: Asked, *, trust: bool) -> Exit:
    """Print the diff of the plan, then write it; with `dry_run` only the diff.

    Raises:
        BadInput: the plan is wrong, or what it would become.
        Refused: it would run commands that were not trusted here.
    """
    workspace = open_workspace(plan)
    before = workspace.plan_file.read_bytes()
    text = before.decode("utf-8-sig")
    changed = updated(text, *_asked_of(workspace, asked, trust=trust))
    if changed.text == text:
        for sentence in changed.said:
            say(f"  {sentence}", "yellow")
        say(f"{workspace.plan_file.name} is up to date")
        return Exit.DONE
    try:
        checked(changed.text, workspace.top, workspace.plan_file)
    except BadInput as error:
        raise BadInput(
            f"the plan would not be right any more:\n{error.what}",
            next_step="correct by hand what is gone or new: orchestrate validate",
        ) from error
    name = workspace.plan_file.name
    data("".join(_diff(text, changed.text, name)))
    for sentence in changed.said:
        say(f"  {sentence}")
    if asked.dry_run:
        say("nothing was written; next: orchestrate plan --update")
        return Exit.DONE
    files.replace(workspace.plan_file, _encoded(before, changed.text), expected=before)
    say(f"wrote {name}")
    next_step("orchestrate status")
    return Exit.DONE


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
        check_trusted(workspace, trust=trust, command="plan --update")
        more = tried(plan, top, How(asked.python), nobody, asked.bounds, owner_of)
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
