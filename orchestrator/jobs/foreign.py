"""Tells an answer that fits what was asked from one that does not: that one is discarded."""

from __future__ import annotations

from pathlib import PurePosixPath

from orchestrator.changes import changes_of
from orchestrator.git import Repo
from orchestrator.jobs.task import Failed, Judged, Task


def foreign(answer: Judged | Failed, task: Task, repo: Repo) -> str | None:
    """Why an answer is none to `task`; None where it is one.

    What it says of files before the change must be what the commit holds that was to be judged.
    """
    if answer.task != task:
        return f"it is about {answer.task.place} on {answer.task.base[:10]}"
    if isinstance(answer, Failed):
        return None
    if answer.candidate.base != task.base:
        return f"it was judged on {answer.candidate.base[:10]}"
    return _of_targets(answer, task) or _of_changes(answer, task, repo)


def _of_targets(answer: Judged, task: Task) -> str | None:
    reached = answer.candidate.reached
    spoken_of = {*reached.unchanged, *reached.refused, *reached.taken_out}
    spoken_of |= {target for unit in reached.kept for target in unit.targets}
    odd = sorted(spoken_of.difference(task.paths))
    return f"it speaks of {odd[0]}" if odd else None


def _of_changes(answer: Judged, task: Task, repo: Repo) -> str | None:
    changes = changes_of(answer.candidate.reached.kept)
    if odd := sorted(change.path for change in changes if not _is_inside(change.path)):
        return f"it would write to {odd[0]}"
    before = repo.committed_blobs(task.base, [change.path for change in changes])
    for change in changes:
        name = before.get(change.path)
        if change.before != (None if name is None else repo.blob(name, change.path)):
            return f"it changes another {change.path} than there is on {task.base[:10]}"
    return None


def _is_inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return not pure.is_absolute() and ".." not in pure.parts and pure.parts[:1] != (".git",)
