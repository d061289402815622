"""`orchestrate doctor`: whether the pattern can work in this project at all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.commands import warn_of_detached_head
from orchestrator.console.streams import data, next_step, out, plain
from orchestrator.engine.context.trust import check_found
from orchestrator.errors import Exit
from orchestrator.memory_safety.doctor.diagnosis import diagnosis
from orchestrator.memory_safety.doctor.examine import Holding, examine
from orchestrator.memory_safety.doctor.finding import DoctorFinding, DoctorLevel
from orchestrator.memory_safety.guard.install import home_of
from orchestrator.project.discover import project_top
from orchestrator.project.folders import TOP, Projects, inside
from orchestrator.project.interpreter import Wanted, interpreter
from orchestrator.vcs import find_top

if TYPE_CHECKING:
    from orchestrator.engine.context.workspace import Workspace
    from orchestrator.memory_safety.fixer.values.facts import FileFacts

_STYLES = {DoctorLevel.OK: "green", DoctorLevel.WARNING: "yellow", DoctorLevel.PROBLEM: "bold red"}


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """The command line: `timed` runs the tests, `fix` changes the configuration after a yes.

    `isolated` runs those of the plan in a work tree of our own as well.
    """

    python: str | None
    timed: bool
    as_json: bool
    fix: bool
    yes: bool
    isolated: bool = False
    trust: bool = False


def doctor(plan: Path | None, asked: DoctorOptions) -> Exit:
    """Ask, and print what was found; RED where something makes the pattern useless.

    With `fix`, the plain changes to the configuration are shown, and written after a yes.

    Raises:
        CannotJudge: there is no Python with a pytest to ask.
        BadInput: there is a plan, and it cannot be read.
    """
    top, workspace = _project(plan)
    warn_of_detached_head(top)
    if asked.fix:
        return _fixed(top, yes=asked.yes)
    if asked.isolated:
        return _told([_apart(plan, asked)], as_json=asked.as_json)
    if workspace is not None:
        from orchestrator.engine.context.options import RunOptions
        from orchestrator.engine.context.trust import check_started

        how = RunOptions(asked.python, trust=asked.trust)
        check_started(workspace, how.asking("doctor"), arguments=False)
    tests = _test_files(top)
    folders = _projects(top, workspace, [one.path for one in tests])
    projects, found = Projects(top, folders), list[DoctorFinding]()
    for number, folder in enumerate(folders):
        mine = [one for one in tests if projects.of(one.path) == folder and one.held]
        own = [Holding(inside(one.path, folder), one.held) for one in mine]
        wanted = _wanted(workspace, asked, folder)
        if workspace is None:
            check_found(wanted, top, "doctor")
        python = interpreter(top, wanted, command="doctor")
        python.must_have_pytest()
        examined = examine(
            top / folder, python, timed=asked.timed, holding=own, home=None if number else top
        )
        named = (folder or ".") if len(folders) > 1 else ""
        found += [replace(one, project=named) for one in diagnosis(examined)]
    return _told(found, as_json=asked.as_json)


def _wanted(workspace: Workspace | None, asked: DoctorOptions, folder: str) -> Wanted:
    from orchestrator.plan.projects import wanted_python

    if workspace is None:
        return Wanted(asked.python, folder=folder)
    return wanted_python(workspace.plan, asked.python, folder)


def _projects(top: Path, workspace: Workspace | None, tests: Sequence[str]) -> list[str]:
    """The folders of the projects of the plan; without one, of those that hold tests."""
    from orchestrator.plan.projects import folders_of, projects_of

    if workspace is not None:
        found = folders_of(projects_of(workspace.plan, top), workspace.plan)
    else:
        found = Projects(top).of_all(tests)
    return found or [TOP]


def _told(found: Sequence[DoctorFinding], *, as_json: bool) -> Exit:
    if as_json:
        data(_as_json(found))
    else:
        _show(found)
    return Exit.RED if any(one.level is DoctorLevel.PROBLEM for one in found) else Exit.DONE


def _apart(plan: Path | None, asked: DoctorOptions) -> DoctorFinding:
    """Whether the tests of the open batches fare in a work tree of their own as they do here."""
    from orchestrator.base.text import plural
    from orchestrator.console.progress import LiveProgress
    from orchestrator.engine.context.options import RunOptions
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.parallel.worktree_only_failures import find_worktree_only_failures

    how = RunOptions(asked.python, trust=asked.trust, command="doctor --isolated")
    with LiveProgress() as live:
        found = find_worktree_only_failures(open_workspace(plan), how, live.tell)
    unsaved = "; your work tree holds changes that the other does not" if found.dirty else ""
    if not found.red:
        what = f"{plural(found.tests, 'test')} of the plan fare alike in a work tree of their own"
        return DoctorFinding(DoctorLevel.OK, f"{what}{unsaved}")
    what = (
        f"{plural(len(found.red), 'test')} of {found.tests} fail only in a work tree of their "
        f"own{unsaved}, first {found.red[0]}\n{found.error}"
    )
    if found.missing is None:
        return DoctorFinding(
            DoctorLevel.PROBLEM, what, "name what they need in the plan: worktree: {setup: …}"
        )
    step = f"in the plan: worktree: {{copy: [{found.missing}]}}"
    return DoctorFinding(DoctorLevel.PROBLEM, what, step)


def _test_files(top: Path) -> list[FileFacts]:
    """The test files, with the mocks that outlive their test; remembered from scan to scan."""
    from orchestrator.memory_safety.check.config import read_config
    from orchestrator.memory_safety.scan.scan import survey

    found = survey([], here=top, top=top, exclude=read_config(top).exclude)
    return list(found.files)


def _fixed(top: Path, *, yes: bool) -> Exit:
    """The settings of the guard: the mark registered, `--dist loadgroup` where it can be."""
    from orchestrator.memory_safety.cli.guard import GuardOptions as Wanted
    from orchestrator.memory_safety.cli.guard import guarded

    return guarded(Wanted(("settings",), (), (), {}, "", yes, check=False), top)


def _project(plan: Path | None) -> tuple[Path, Workspace | None]:
    """The top of the project, and its workspace, where it has a plan."""
    from orchestrator.engine.context.workspace import open_workspace, plan_above

    here = Path.cwd()
    top = find_top(here)
    if plan is None and plan_above(here, top) is None:
        return home_of(project_top(here)), None
    workspace = open_workspace(plan)
    return workspace.top, workspace


def _show(found: Sequence[DoctorFinding]) -> None:
    project = ""
    for one in found:
        if one.project != project:
            project = one.project
            out().print(plain(f"{project}:"), soft_wrap=True)
        line = plain(f"{one.level.value:8} ", _STYLES[one.level])
        line.append_text(plain(one.what))
        out().print(line, soft_wrap=True)
        if one.step:
            next_step(one.step, indent=" " * 9, answers=True)


def _as_json(found: Sequence[DoctorFinding]) -> str:
    rows = []
    for one in found:
        row = {"level": one.level.value, "what": one.what, "next": one.step or None}
        rows.append({"project": one.project, **row} if one.project else row)
    return json.dumps(rows, indent=2)
