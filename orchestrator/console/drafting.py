"""What a drafted plan amounts to, and the next two commands."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from orchestrator.base.text import plural
from orchestrator.console.streams import answer, next_step
from orchestrator.console.tables import show_table, simple_table
from orchestrator.plan.model import Plan
from orchestrator.planning.draft import Draft
from orchestrator.planning.surroundings import FoundProject, Surroundings

_COLUMNS = [
    ("Phase", False),
    ("Batches", True),
    ("Files", True),
    ("Tests", True),
    ("Time est.", True),
]


def show_draft(draft: Draft, plan: Plan, file: Path, *, has_schema: bool, words: str) -> None:
    """Print the phases, what was written, what comes next; `words` are what a run must be told."""
    rows = []
    for drafted, phase in zip(draft.phases, plan.phases, strict=True):
        items = [item for batch in drafted.batches for item in batch.items]
        tests = sum(item.expect.get("methods", 0) for item in items)
        hours = f"{phase.hours[0]:g}-{phase.hours[1]:g} h" if phase.hours else "-"
        rows.append([phase.title, str(len(phase.batches)), str(len(items)), _number(tests), hours])
    show_table(simple_table(draft.title, _COLUMNS, rows))
    beside = f" and {plan_schema(file)}" if has_schema else ""
    answer(
        f"wrote {file.name}{beside}: {plural(len(draft.items()), 'file')} to go, yours to review"
    )
    preview = f"orchestrate next-batch --dry-run{words}        (a preview; nothing is written)"
    next_step(preview, answers=True)
    run = f"orchestrate next-batch{words}        (fix, verify, commit the first batch)"
    next_step(run, answers=True)


def plan_schema(file: Path) -> str:
    """The name of the schema beside a plan."""
    from orchestrator.plan.schema import SCHEMA_ID

    return file.with_name(SCHEMA_ID).name


def _number(value: int) -> str:
    return f"{value:,}" if value else "-"


def show_surroundings(top: Path, around: Surroundings, facts: Iterable[tuple[str, str]]) -> None:
    """Print what was found in a repository, a line each; `facts` are those of its tests."""
    answer(f"{top.name}:")
    for name, text in facts:
        _fact(name, text)
    for project in around.projects:
        _show_project(project, is_one=len(around.projects) == 1)
    _fact("builds", ", ".join(around.ci) or "none found")
    for command in around.parallel:
        if not command.pins:
            place = f"{command.path}:{command.number}"
            _fact("", f"{place}: without --dist loadgroup no group counts (orchestrate doctor)")
    _fact("hooks", ", ".join(around.hooks) or "none")
    if not around.is_repository:
        _fact("git", "no repository here; next-batch makes commits: git init")
    answer("")


def _show_project(project: FoundProject, *, is_one: bool) -> None:
    """Print where pytest is started, how it is configured there, and by which interpreter."""
    folder = project.folder or "."
    if not is_one or project.folder:
        _fact("project", f"{folder}: its tests are run there")
    where = f"{project.folder}/" if project.folder else ""
    configuration = project.configuration
    _fact("pytest", f"{where}{configuration}" if configuration else "no configuration of its own")
    python = project.python
    if python is None:
        _fact("python", f"none that starts: {project.no_python}; name one with --python")
        return
    xdist = "with xdist" if python.has_xdist else "without xdist: marks have no effect"
    version = "pytest" if python.has_pytest else "no pytest: nothing can be verified"
    _fact("python", f"{python.path} ({python.found}, {python.version}): {version}, {xdist}")
    if why := python.why_groups_are_inert:
        _fact("", why)


def _fact(name: str, text: str) -> None:
    answer(f"  {name:<11} {text}")
