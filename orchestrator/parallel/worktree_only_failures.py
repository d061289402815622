"""Finds tests that fail in a work tree of our own only, and what they miss there."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.base.redact import last_lines
from orchestrator.engine.context.events import EventHandler, TestsRan
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import RunContext, run_context
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.context.worktree_context import WorktreeContext, open_worktree
from orchestrator.engine.tests_of_files import tests_of
from orchestrator.errors import CannotJudge
from orchestrator.gates.attribution.baseline import is_red
from orchestrator.gates.attribution.suite import Suite
from orchestrator.gates.pytest.events import TestRun
from orchestrator.plan.projects import verify_in
from orchestrator.plan.verify import Verify
from orchestrator.project.ids import file_of
from orchestrator.vcs import Repo

_MISSING = re.compile(r"No such file or directory: '([^']+)'|No module named '([^']+)'")


@dataclass(frozen=True, slots=True)
class WorktreeOnlyFailures:
    """What the tests of the open batches came to on both sides.

    `tests` were run, `red` fail in a work tree of our own only. `error` is what the first of them
    prints, `missing` the file it does not find there and git does not know. `dirty` says that the
    user's work tree holds changes, which one side has and the other has not.
    """

    tests: int
    red: Sequence[str]
    error: str
    missing: str | None
    dirty: bool


def find_worktree_only_failures(
    workspace: Workspace, options: RunOptions, emit: EventHandler
) -> WorktreeOnlyFailures:
    """Run the tests of every open batch in the user's work tree, and in one of our own.

    Raises:
        Refused, CannotJudge: as for a batch.
    """
    with run_context(workspace, options, emit, command="doctor --isolated", commits=False) as home:
        head = home.repo.head().commit
        checkout = home.checkout(head)
        try:
            with open_worktree(WorktreeContext.at(home, checkout), emit, lock=home.lock) as there:
                return _compared(home, there)
        finally:
            checkout.close()


@dataclass(frozen=True, slots=True)
class _Run:
    """Test files that one pytest runs: those of a project, of batches with the same `verify`."""

    folder: str
    verify: Verify
    files: list[str]


def _runs(home: RunContext) -> list[_Run]:
    """Return what it takes to run the tests of every open batch once."""
    status = home.workspace.status()
    runs: list[_Run] = []
    for place in home.plan.places():
        of = tests_of(home, place)
        tests = [test for target in status.batch(place).open_targets for test in of(target.path)]
        for folder in home.projects.of_all(tests):
            verify = verify_in(home.plan, folder, home.plan.verify_for(place))
            ignored = home.projects.ignoring(folder, tests)
            verify = replace(verify, pytest_args=[*verify.pytest_args, *ignored])
            like = (run for run in runs if run.folder == folder and run.verify == verify)
            if (run := next(like, None)) is None:
                runs.append(run := _Run(folder, verify, []))
            own = [test for test in tests if home.projects.of(test) == folder]
            run.files.extend(test for test in dict.fromkeys(own) if test not in run.files)
    return runs


def _compared(home: RunContext, there: RunContext) -> WorktreeOnlyFailures:
    ids, red, text = set[str](), list[str](), ""
    for run in _runs(home):
        here_run, there_run = _ended(home, run), _ended(there, run)
        found = _red_only(there_run, here_run)
        if found:  # by chance, or steadily
            again = _ended(there, run, only=found)
            found = [id_ for id_ in found if is_red(again.outcome_of(id_))]
        if found and not red:
            text = there_run.texts.get(found[0]) or there_run.collect_errors.get(found[0], "")
        ids.update(here_run.ids)
        red += [id_ for id_ in found if id_ not in red]
    dirty = bool(home.repo.text("status", "--porcelain", "--untracked-files=no"))
    missing = _missing(text, home.repo, there.top)
    return WorktreeOnlyFailures(len(ids), red, last_lines(text), missing, dirty)


def _ended(context: RunContext, run: _Run, *, only: Sequence[str] | None = None) -> TestRun:
    """Run these test files by pytest in a work tree; with `only`, just the tests with these ids.

    Raises:
        CannotJudge: pytest did not come to an end.
    """
    python = context.python(run.folder)
    python.must_have_pytest()
    suite = Suite(
        context.top,
        python,
        run.verify,
        folder=run.folder,
        on_progress=lambda seen: context.emit(TestsRan.seen(seen)),
    )
    ended = suite.run(run.files, only=only)
    if not ended.run.finished:
        raise CannotJudge(suite.why_no_answer(ended))
    return ended.run


def _red_only(one: TestRun, other: TestRun) -> list[str]:
    ids = [*one.collect_errors, *one.failed()]
    unread = {file_of(id_) for id_ in other.collect_errors}
    return [id_ for id_ in ids if not is_red(other.outcome_of(id_)) and file_of(id_) not in unread]


def _missing(text: str, repo: Repo, there: Path) -> str | None:
    """The file that is named as missing, is in the user's work tree, and git does not know."""
    for found in _MISSING.finditer(text):
        name = found[1] or found[2].replace(".", "/")
        path = Path(name)
        if path.is_absolute():
            if not path.is_relative_to(there):
                continue
            path = path.relative_to(there)
        near = [*sorted(repo.top.glob(f"{path}.*")), *sorted(repo.top.glob(f"src/{path}.*"))]
        for file in [repo.top / path, *near]:
            shown = str(file.relative_to(repo.top))
            if file.exists() and repo.untracked([shown]):
                return shown
    return None
