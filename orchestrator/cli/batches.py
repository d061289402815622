"""The commands that work on batches: find the workspace, make one call, show the answer."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from orchestrator.base.escape import as_argument, as_command
from orchestrator.cli.commands import warn_of_detached_head, warn_of_interrupted_run
from orchestrator.errors import BadInput, Exit
from orchestrator.report import typed

if TYPE_CHECKING:
    from orchestrator.engine.context.options import RunOptions
    from orchestrator.engine.context.workspace import Workspace
    from orchestrator.engine.next_batch import Series
    from orchestrator.engine.results import Landed, Result, Stopped
    from orchestrator.engine.select_batch import BatchSelector
    from orchestrator.gates.reproduce import Reproduction
    from orchestrator.parallel.series import MakeExecutor

R = TypeVar("R", bound="Result")

_MOST_JOBS = 64


@dataclass(frozen=True, slots=True)
class ParallelOptions:
    """Where batches are judged, if not in the user's work tree, and how many at a time."""

    isolated: bool
    jobs: str | None
    engine: str
    scheduler: str | None

    @property
    def is_asked_for(self) -> bool:
        """Whether it is anywhere else."""
        elsewhere = self.engine != "local" or self.scheduler is not None
        return self.isolated or self.jobs is not None or elsewhere


@dataclass(frozen=True, slots=True)
class NextBatchOptions:
    """The options of `next-batch`."""

    dry_run: bool
    phase: str | None
    batch: str | None
    every: bool
    limit: int | None
    how: RunOptions
    apart: ParallelOptions


def next_batch(plan: Path | None, asked: NextBatchOptions) -> Exit:
    """Do the next batch or several, or show what the next one would do."""
    from orchestrator.console.progress import LiveProgress
    from orchestrator.console.results import show_preview, show_result
    from orchestrator.engine import next_batch
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.engine.select_batch import BatchSelector

    goes_on = asked.every or asked.limit is not None
    if goes_on and (asked.batch or asked.dry_run):
        raise BadInput(
            "--all and --limit go on batch after batch; --batch and --dry-run are about one",
            next_step="orchestrate next-batch --all",
        )
    if asked.dry_run and asked.apart.is_asked_for:
        raise BadInput(
            "--dry-run writes nothing, so it needs no work tree of its own",
            next_step="orchestrate next-batch --dry-run",
        )
    workspace, selector = open_workspace(plan), BatchSelector(asked.phase, asked.batch)
    python = _python(workspace, asked.how)
    _remember(asked, goes_on=goes_on)
    if asked.dry_run:
        from orchestrator.engine.views.preview import preview

        warn_of_interrupted_run(workspace)
        warn_of_detached_head(workspace.top)
        with LiveProgress(python) as live:
            seen = preview(workspace, selector, asked.how, live.tell)
        return show_preview(seen)
    if asked.apart.is_asked_for:
        return _apart(workspace, selector, asked, goes_on=goes_on)
    if goes_on:
        with _landed_first() as results, LiveProgress(python) as live:
            series = next_batch.next_batches(
                workspace, selector, asked.how, live.tell, limit=asked.limit, results=results
            )
        return _show_series(workspace, asked, series, live.python)
    with LiveProgress(python) as live:
        result = next_batch.next_batch(workspace, selector, asked.how, live.tell)
    return show_result(_in_phase(workspace, asked, result), _again(workspace, live.python))


def _remember(asked: NextBatchOptions, *, goes_on: bool) -> None:
    """Have printed commands repeat what was typed, as far as it says how batches are done."""
    apart = asked.apart
    typed.remember("phase", asked.phase)
    typed.flag("all", is_set=goes_on)
    typed.flag("isolated", is_set=apart.isolated)
    typed.remember("jobs", apart.jobs)
    typed.remember("engine", None if apart.engine == "local" else apart.engine)
    typed.remember("scheduler", apart.scheduler)


def _in_phase(workspace: Workspace, asked: NextBatchOptions, result: R) -> R:
    """Return the result with what is next of the phase that was asked for.

    Where nothing is left of it, that is the next batch of the plan, and printed commands go on
    without the phase.
    """
    from orchestrator.engine.results import Landed
    from orchestrator.records.status import open_batches

    if asked.phase is None or not isinstance(result, Landed):
        return result
    coming = open_batches(workspace.status().phases, deferred=True)
    own = next((place for place in coming if place.phase.id == asked.phase), None)
    if own is None:
        typed.remember("phase", None)
        return result
    return replace(result, next=own)


def _show_series(
    workspace: Workspace, asked: NextBatchOptions, series: Series, python: str
) -> Exit:
    from orchestrator.console.results import show_series

    results = [*series.results[:-1], *(_in_phase(workspace, asked, r) for r in series.results[-1:])]
    return show_series(replace(series, results=results), _again(workspace, python))


@contextmanager
def _landed_first() -> Iterator[list[Landed | Stopped]]:
    """Collect the results of several batches; print those that landed before an error ends it."""
    results: list[Landed | Stopped] = []
    try:
        yield results
    except BaseException:
        from orchestrator.console.results import show_landed

        show_landed(results)
        raise


def _apart(
    workspace: Workspace, selector: BatchSelector, asked: NextBatchOptions, *, goes_on: bool
) -> Exit:
    """The same in work trees of our own, where the user's is left alone until something lands."""
    from orchestrator.console.progress import LiveProgress
    from orchestrator.console.results import show_kept, show_result
    from orchestrator.engine.results import NothingToDo
    from orchestrator.parallel.series import next_batches_in_worktrees

    make = _judges(asked.apart, goes_on=goes_on)
    limit = asked.limit if goes_on else 1
    with _landed_first() as results, LiveProgress(_python(workspace, asked.how)) as live:
        series = next_batches_in_worktrees(
            workspace, selector, asked.how, live.tell, limit=limit, make=make, results=results
        )
    if goes_on:
        return _show_series(workspace, asked, series, live.python)
    result: Result = series.results[0] if series.results else NothingToDo()
    show_result(_in_phase(workspace, asked, result), _again(workspace, live.python))
    show_kept(series.kept)
    return series.exit_code


def _judges(apart: ParallelOptions, *, goes_on: bool) -> MakeExecutor | None:
    """What judges the batches; None: this very process does, one at a time."""
    if apart.engine not in {"local", "dask"}:
        raise BadInput(
            f"--engine is local or dask, and not {apart.engine!r}",
            next_step="orchestrate next-batch --all --engine dask",
        )
    if apart.scheduler is not None and apart.engine != "dask":
        raise BadInput(
            "--scheduler is the address of a Dask scheduler",
            next_step=f"orchestrate next-batch --all --engine dask --scheduler "
            f"{as_argument(apart.scheduler)}",
        )
    if apart.engine == "dask":
        from orchestrator.parallel.dask.cluster import on_cluster

        return on_cluster(apart.scheduler, None if apart.jobs is None else _jobs(apart.jobs))
    jobs = _jobs(apart.jobs)
    if jobs == 1:
        return None
    if not goes_on:
        raise BadInput(
            "--jobs is about several batches",
            next_step=f"orchestrate next-batch --all --jobs {as_argument(apart.jobs or '')}",
        )
    from orchestrator.parallel.processes import process_executor

    return process_executor(jobs)


def _jobs(asked: str | None) -> int | None:
    """How many batches run beside each other; None: as many as the machine bears."""
    if asked == "auto":
        return None
    if asked is None:
        return 1
    if not asked.isdigit() or not 1 <= int(asked) <= _MOST_JOBS:
        raise BadInput(
            f"--jobs takes a number from 1 to {_MOST_JOBS}, or auto, and not {asked!r}",
            next_step="orchestrate next-batch --all --jobs auto",
        )
    return int(asked)


def unresolved(plan: Path | None, *, as_json: bool) -> Exit:
    """List what was quarantined and what is for a person."""
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.report.unresolved import to_json
    from orchestrator.report.unresolved import unresolved as find

    workspace = open_workspace(plan)
    found = find(workspace.status(), _again(workspace, _python(workspace)))
    if as_json:
        from orchestrator.console.streams import data

        data(to_json(found))
    else:
        from orchestrator.console.unresolved import show_unresolved
        from orchestrator.engine.run_log import log_path
        from orchestrator.vcs.state_folder import state_folder

        folder = state_folder(workspace.top)
        logs = {item.path: log_path(folder, item.place, item.path) for item in found}
        show_unresolved(found, {path: log for path, log in logs.items() if log.exists()})
    return Exit.DONE


def show(plan: Path | None, name: str, *, patch: bool, as_json: bool) -> Exit:
    """Everything there is to know of a batch, or the edits of it that were rolled back."""
    from orchestrator.console.show import batch_as_json, show_batch
    from orchestrator.console.streams import data, raw
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.engine.views.show import batch_view, edits_taken_back

    workspace = open_workspace(plan)
    if patch:
        raw(edits_taken_back(workspace, name))
    elif as_json:
        data(batch_as_json(batch_view(workspace, name, _python(workspace))))
    else:
        show_batch(batch_view(workspace, name, _python(workspace)))
    return Exit.DONE


def show_again(plan: Path | None, name: str, how: RunOptions) -> Exit:
    """Run what was red once more, with the edit in place for as long; RED where it still is."""
    from orchestrator.console.progress import LiveProgress
    from orchestrator.console.show import show_reruns
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.engine.views.rerun import rerun

    with LiveProgress() as live:
        found = rerun(open_workspace(plan), name, how, live.tell)
    return show_reruns(found)


def retry(plan: Path | None, name: str | None, how: RunOptions) -> Exit:
    """Try again what was quarantined."""
    from orchestrator.console.progress import LiveProgress
    from orchestrator.console.results import show_series
    from orchestrator.console.streams import next_step, say
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.engine.decisions import retry as decided

    workspace = open_workspace(plan)
    with LiveProgress(_python(workspace, how)) as live:
        series = decided.retry(workspace, name, how, live.tell)
    if not series.results:
        say(f"Nothing to try again{f' in {name}' if name else ''}: nothing was quarantined.")
        next_step("orchestrate status")
        return Exit.DONE
    return show_series(series, _again(workspace, live.python))


def skip(plan: Path | None, name: str, reason: str, *, signoff: bool) -> Exit:
    """Record that a file is left as it is."""
    from orchestrator.console.streams import answer, next_step
    from orchestrator.engine.context.events import ignore_events
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.engine.decisions import skip as decided

    commit = decided.skip(open_workspace(plan), name, reason, ignore_events, signoff=signoff)
    answer(f"{commit.commit[:10]} {commit.subject}")
    next_step("orchestrate status")
    return Exit.DONE


def adopt(plan: Path | None, name: str, reason: str | None, how: RunOptions) -> Exit:
    """Gate and commit what a person changed by hand."""
    from orchestrator.console.decisions import show_adopted
    from orchestrator.console.progress import LiveProgress
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.engine.decisions import adopt as decided

    workspace = open_workspace(plan)
    with LiveProgress(_python(workspace, how)) as live:
        adopted = decided.adopt(workspace, name, reason, how, live.tell)
    return show_adopted(adopted, _again(workspace, live.python))


def undo(plan: Path | None, name: str, how: RunOptions) -> Exit:
    """Take a batch back."""
    from orchestrator.console.decisions import show_undone
    from orchestrator.console.progress import LiveProgress
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.engine.decisions import undo as decided

    workspace = open_workspace(plan)
    with LiveProgress(_python(workspace, how)) as live:
        undone = decided.undo(workspace, name, how, live.tell)
    return show_undone(undone, _again(workspace, live.python))


def _again(workspace: Workspace, python: str) -> Reproduction:
    """What builds the commands that show a failure once more."""
    from orchestrator.gates.reproduce import reproduction

    return reproduction(workspace.plan, workspace.top, python)


def resolve(plan: Path | None, name: str | None, take: str | None) -> Exit:
    """End merge conflicts in records.

    Raises:
        BadInput: `take` is neither side, or nothing is in conflict.
    """
    from orchestrator.console.streams import data, say
    from orchestrator.engine.context.workspace import open_workspace
    from orchestrator.engine.decisions import resolve as decided

    if take is not None and take not in set(decided.ConflictSide):
        raise BadInput(f"--take is ours or theirs, not {take!r}")
    wanted = decided.ConflictSide(take) if take else None
    found = decided.resolve(open_workspace(plan), name, wanted)
    for one in found:
        data(f"{one.path}: {one.side}, {one.why}")
    paths = as_command(one.path for one in found)
    say(f"next: git add {paths} && git commit")
    return Exit.DONE


def _python(workspace: Workspace, how: RunOptions | None = None) -> str:
    """The interpreter for commands that are printed, found without starting it, else our own.

    They repeat how it was asked for, and how strictly and by whom batches are committed.
    """
    from orchestrator.plan.projects import wanted_python
    from orchestrator.project.interpreter import chosen

    option = how.python if how else None
    typed.remember("python", option)
    typed.flag("strict", is_set=how is not None and how.strict)
    typed.flag("signoff", is_set=how is not None and how.signoff)
    found = chosen(workspace.top, wanted_python(workspace.plan, option))
    return str(found or sys.executable)
