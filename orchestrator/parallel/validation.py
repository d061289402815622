"""Tells an answer that fits what was asked from one that does not: that one is discarded."""

from __future__ import annotations

from collections.abc import Iterator
from fnmatch import fnmatchcase

from orchestrator.base.changes import FILE_MODE, PROGRAM_MODE, Unit, changes_of
from orchestrator.base.paths import why_unsafe
from orchestrator.fixers.base import FileFixer
from orchestrator.fixers.program_options import texts
from orchestrator.fixers.registry import get, is_built_in
from orchestrator.parallel.task import BatchTask, Judged, TaskFailed
from orchestrator.plan.model import Phase, Plan
from orchestrator.vcs import Repo


def validate_answer(
    answer: Judged | TaskFailed, task: BatchTask, plan: Plan, repo: Repo
) -> str | None:
    """Why an answer is none to `task`; None where it is one.

    What it says of files before the change must be what the commit holds that was to be judged, and
    it may change only what the plan lets the batch change.
    """
    if answer.task != task:
        return f"it is about {answer.task.place} on {answer.task.base[:10]}"
    if isinstance(answer, TaskFailed):
        return None
    if answer.candidate.base != task.base:
        return f"it was judged on {answer.candidate.base[:10]}"
    return _of_targets(answer, task) or next(_of_changes(answer, task, plan, repo), None)


def _units(answer: Judged) -> list[Unit]:
    reached = answer.candidate.reached
    return [*reached.kept, *(taken.unit for taken in reached.rejected.values())]


def _of_targets(answer: Judged, task: BatchTask) -> str | None:
    reached = answer.candidate.reached
    spoken_of = {*reached.unchanged, *reached.refused, *reached.rejected}
    spoken_of |= {one.path for one in reached.unchanged.values()}
    spoken_of |= {one.path for one in reached.refused.values()}
    spoken_of |= {target for unit in _units(answer) for target in unit.targets}
    if odd := sorted(spoken_of.difference(task.paths)):
        return f"it speaks of {odd[0]}"
    if not all(unit.targets for unit in _units(answer)):
        return "it changes files for no target"
    if not all(taken.blames for taken in reached.rejected.values()):
        return "it takes a file out and does not say why"
    return None


def _of_changes(answer: Judged, task: BatchTask, plan: Plan, repo: Repo) -> Iterator[str]:
    for change in changes_of(_units(answer)):
        if not _may_be_changed(change.path, task, plan):
            yield f"it would write to {change.path}"
        if change.mode not in {FILE_MODE, PROGRAM_MODE}:
            yield f"it would give {change.path} the mode {change.mode:o}"
    kept = [change.path for change in changes_of(answer.candidate.reached.kept)]
    before = repo.committed_blobs(task.base, kept)
    for change in changes_of(answer.candidate.reached.kept):
        name = before.get(change.path)
        if change.before != (None if name is None else repo.blob(name, change.path)):
            yield f"it changes another {change.path} than there is on {task.base[:10]}"


def _may_be_changed(path: str, task: BatchTask, plan: Plan) -> bool:
    """Whether the batch may write there: to its targets, and where its fixers may go beside them.

    What a plug-in changes beside its targets, nobody but itself knows.
    """
    if why_unsafe(path) or path.startswith(f"{plan.reports}/"):
        return False
    phase = next((place.phase for place in plan.places() if place.name == task.place), None)
    return path in task.paths or (phase is not None and _beside(path, phase))


def _beside(path: str, phase: Phase) -> bool:
    for rung in phase.rungs():
        fixer = get(rung.fixer)
        if any(fnmatchcase(path, pattern) for pattern in texts(rung.options.get("may_touch"))):
            return True
        if not is_built_in(rung.fixer) and not isinstance(fixer, FileFixer):
            return True
    return False
