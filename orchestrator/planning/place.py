"""Where a drafted plan and its records go, and how it is put there."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base import files
from orchestrator.base.paths import RepoPath
from orchestrator.engine.context.workspace import DEFAULT_PLAN
from orchestrator.errors import BadInput
from orchestrator.fixers import planned
from orchestrator.plan.load import parsed
from orchestrator.plan.model import Plan
from orchestrator.plan.schema import SCHEMA_ID, schema_text
from orchestrator.vcs import Repo, find_top

_FOLDERS = ("reports", "migration_reports", "migration/reports")


def reports_folder(top: Path) -> str | None:
    """The folder for records where the usual one is taken or ignored by git; None: it is free."""
    if find_top(top) is None:
        return None
    repo = Repo(top)
    free = (name for name in _FOLDERS if not (top / name).exists())
    found = next((name for name in free if not repo.ignored(f"{name}/phase/batch.json")), None)
    return None if found in {None, _FOLDERS[0]} else found


def written(top: Path, text: str, output: Path | None) -> tuple[Path, Plan, bool]:
    """Put a new plan where none is; its path, what it says, and whether a schema came with it.

    Raises:
        BadInput: there is a file already.
    """
    file = output or top / DEFAULT_PLAN
    check_free(file)
    plan = checked(text, top, file)
    files.write(file.parent, RepoPath(file.name), text.encode())
    schema = file.with_name(SCHEMA_ID)
    if is_new := not schema.exists():
        files.write(schema.parent, RepoPath(schema.name), schema_text().encode())
    return file, plan, is_new


def check_free(file: Path) -> None:
    """Make sure that no plan would be written over.

    Raises:
        BadInput: there is one.
    """
    if file.exists():
        raise BadInput(
            f"{file.name} is there already",
            next_step="orchestrate plan --update, or a second plan: orchestrate plan --output PATH",
        )


def checked(text: str, top: Path, file: Path) -> Plan:
    """The plan a text says, by the rules for every plan."""
    inside = file.relative_to(top).as_posix() if file.is_relative_to(top) else ""
    return parsed(text.encode(), name=file.name, plan_path=inside, checks=[planned.problems])
