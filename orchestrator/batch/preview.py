"""What the next batch would do, computed in memory: works on a dirty tree and writes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestrator.batch.fix import bytes_before, fix
from orchestrator.batch.pick import Choice, pick
from orchestrator.batch.workspace import Workspace
from orchestrator.errors import BadInput
from orchestrator.fixers.base import Edit, Outcome
from orchestrator.plan.model import Place


@dataclass(frozen=True, slots=True)
class Preview:
    """The batch, what its fixer says of each file, and the edits as one unified diff."""

    place: Place
    outcomes: Sequence[Outcome]
    diff: str


def preview(workspace: Workspace, choice: Choice) -> Preview | None:
    """What `next-batch` would change now, or None where nothing is left to do.

    Raises:
        BadInput: a target does not exist, or the choice names nothing.
    """
    place = pick(workspace.status(), choice)
    if place is None:
        return None
    for target in place.batch.automatic():
        if not (workspace.top / target.path).is_file():
            raise BadInput(
                f"{place.name} names a file that does not exist: {target.path!r}",
                next_step="correct its path in the plan, then: orchestrate validate",
            )
    before = bytes_before(workspace, place)
    found = fix(workspace, place, before)
    edits = [outcome for outcome in found if isinstance(outcome, Edit)]
    diff = "".join(
        line for edit in edits for line in _diff(edit.path, before[edit.path], edit.data)
    )
    return Preview(place, found, diff)


def _diff(path: str, before: bytes, after: bytes) -> Iterator[str]:
    """The lines of a unified diff that `git apply` takes (line ends of the file are kept)."""
    yield f"diff --git a/{path} b/{path}\n"
    old, new = (_lines(data) for data in (before, after))
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[str]:
    return [line.decode("utf-8", "surrogateescape") for line in data.splitlines(keepends=True)]
