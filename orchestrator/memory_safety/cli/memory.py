"""`orchestrate memory`: what a run of the tests holds, and whether a change makes a difference."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.base.escape import as_argument, as_command
from orchestrator.base.reading import read_regular
from orchestrator.errors import BadInput, CannotJudge, Exit
from orchestrator.measure.report import MemoryBounds
from orchestrator.measure.run import Measurement, Tests, measured
from orchestrator.memory_safety.check.config import Config, read_config
from orchestrator.plan.verify import Verify
from orchestrator.project.discover import discovered, expanded, project_top, test_paths
from orchestrator.project.interpreter import Interpreter, Wanted, interpreter

if TYPE_CHECKING:
    from orchestrator.measure.compare_commits import Sides
    from orchestrator.plan.model import Plan

_WORKERS = 4
_SHARE_OF_FREE = 0.9
_FORMS = (".svg", ".html")


@dataclass(frozen=True, slots=True)
class MemoryOptions:
    """The command line; None is for what the configuration or a default says."""

    paths: tuple[str, ...]
    workers: int | None
    expected_mib: float | None
    problem_mib: float | None
    limit_mib: float | None
    compare: str | None
    compare_fix: bool
    runs: int
    require: str | None
    clear_instance: bool
    memray: bool
    output: Path | None
    python: str | None
    as_json: bool
    trust: bool = False


def memory(plan: Path | None, asked: MemoryOptions) -> Exit:
    """Measure, or compare; RED where it is a problem, or the ceiling ended a run.

    Raises:
        BadInput: options contradict each other, or there is nothing of that name.
        CannotJudge: no test ran.
    """
    _check(asked)
    here = Path.cwd()
    top = project_top(here)
    config = read_config(top)
    bounds = _bounds(asked, config)
    if asked.compare is None and not asked.compare_fix:
        files = _named(top, here, asked) or test_paths(top)
        return _one_run(_tests(top, files, plan, asked, config), asked, bounds)
    sides = _sides(top, here, asked, config)
    files = _both(top, _named(top, here, asked), sides, asked)
    return _compared(_tests(top, files, plan, asked, config), sides, asked)


def _check(asked: MemoryOptions) -> None:
    comparing = asked.compare is not None or asked.compare_fix
    if asked.compare is not None and asked.compare_fix:
        what = "--compare and --compare-fix are two comparisons"
        raise BadInput(what, next_step="orchestrate memory --compare-fix PATH")
    if comparing and (asked.memray or asked.output):
        raise BadInput(
            "--memray and --output are for one run, and a comparison makes several",
            next_step="orchestrate memory PATH, without them or without the comparison",
        )
    if asked.output and asked.output.suffix not in _FORMS:
        raise BadInput(
            f"--output is {str(asked.output)!r}; it can end in {' or '.join(_FORMS)}",
            next_step="orchestrate memory --output memory.html",
        )
    if asked.compare_fix and not asked.paths:
        raise BadInput(
            "--compare-fix wants to know which files are to be fixed",
            next_step="orchestrate scan, then: orchestrate memory --compare-fix FILE …",
        )


def _tests(
    top: Path, files: Sequence[str], plan: Path | None, asked: MemoryOptions, config: Config
) -> Tests:
    """Return how these files are run: by the interpreter and arguments of their project."""
    from orchestrator.engine.context.trust import check_found
    from orchestrator.plan.projects import verify_in, wanted_python

    found = _plan_of(plan, top, asked)
    folder = _project_of(top, found, files)
    wanted = Wanted(asked.python, folder=folder)
    if found is not None:
        wanted = wanted_python(found, asked.python, folder)
    else:
        check_found(wanted, top, as_command(["memory", *asked.paths]))
    python = interpreter(top, wanted, command="memory")
    python.must_have_pytest()
    if asked.memray and not python.has_memray:
        raise CannotJudge(
            f"pytest-memray is not installed in {str(python.path)!r}",
            next_step=f"{as_argument(str(python.path))} -m pip install pytest-memray",
        )
    verify = Verify()
    if found is not None:
        verify = verify_in(found, folder, found.verify_by_file()(files[0] if files else ""))
    made = _verify(verify, python, asked, config)
    return Tests(top, files, python, made, folder=folder)


def _project_of(top: Path, plan: Plan | None, files: Sequence[str]) -> str:
    """Return the folder of the project that all these files belong to.

    Raises:
        BadInput: they are of several.
    """
    from orchestrator.plan.projects import projects_of
    from orchestrator.project.folders import TOP, Projects

    projects = projects_of(plan, top) if plan else Projects(top)
    folders = projects.of_all(files) or [TOP]
    if len(folders) > 1:
        named = ", ".join(repr(folder or ".") for folder in folders)
        raise BadInput(
            f"the tests are of several projects ({named}), and one is measured at a time",
            next_step=f"orchestrate memory {as_argument(folders[0] or '.')}",
        )
    return folders[0]


def _plan_of(plan: Path | None, top: Path, asked: MemoryOptions) -> Plan | None:
    """Return the plan of this repository, or None if there is none.

    Raises:
        Refused: it names an interpreter or arguments that were not trusted here.
    """
    from orchestrator.engine.context.options import RunOptions
    from orchestrator.engine.context.trust import check_started
    from orchestrator.engine.context.workspace import open_workspace, plan_above

    if plan is None and plan_above(Path.cwd(), top) is None:
        return None
    workspace = open_workspace(plan)
    command = as_command(["memory", *asked.paths])
    how = RunOptions(asked.python, trust=asked.trust)
    check_started(workspace, how.asking(command), arguments=True)
    return workspace.plan


def _verify(plan: Verify, python: Interpreter, asked: MemoryOptions, config: Config) -> Verify:
    from orchestrator.base.memory_usage import available_mib
    from orchestrator.console.streams import say

    given = asked.workers if asked.workers is not None else config.memory.get("workers")
    workers = _WORKERS if given is None else int(given)
    if workers and not python.has_xdist:
        say(f"{python.path} has no pytest-xdist: one process", "yellow")
        workers = 0
    limit = asked.limit_mib if asked.limit_mib is not None else config.memory.get("limit_mib")
    if limit is None:
        limit = _SHARE_OF_FREE * available_mib()
    more = ["--memray", "--most-allocations=5"] if asked.memray else []
    arguments = [*plan.pytest_args, *more]
    return replace(plan, workers=workers, memory_mib=limit, pytest_args=arguments)


def _named(top: Path, here: Path, asked: MemoryOptions) -> list[str]:
    """Return the named files and folders, from the top."""
    found = [path for name in asked.paths for path in expanded(name, here)]
    return [_from_top(path, here, top) for path in found]


def _from_top(path: Path, here: Path, top: Path) -> str:
    shown, path = os.path.relpath(path, here), path.resolve()
    if not path.exists():
        raise BadInput(f"there is no file or folder {shown!r}", next_step="git ls-files")
    if not path.is_relative_to(top.resolve()):
        what = f"{shown!r} lies outside the project {str(top)!r}"
        raise BadInput(
            what, next_step=f"cd {as_argument(str(path if path.is_dir() else path.parent))}"
        )
    return path.relative_to(top.resolve()).as_posix()


def _bounds(asked: MemoryOptions, config: Config) -> MemoryBounds:
    usual, said = MemoryBounds(), config.memory

    def bound(option: float | None, name: str, default: float) -> float:
        return option if option is not None else said.get(name, default)

    found = MemoryBounds(
        bound(asked.expected_mib, "expected_mib", usual.expected_mib),
        bound(asked.problem_mib, "problem_mib", usual.problem_mib),
    )
    if found.problem_mib < found.expected_mib:
        raise BadInput(
            f"problem_mib ({found.problem_mib:g}) is less than "
            f"expected_mib ({found.expected_mib:g})",
            next_step=f"orchestrate memory --problem-mib {found.expected_mib * 2.5:g}",
        )
    return found


def _one_run(tests: Tests, asked: MemoryOptions, bounds: MemoryBounds) -> Exit:
    from orchestrator.console.memory import LiveMemory, show_memory
    from orchestrator.console.streams import data
    from orchestrator.measure.report import as_json

    with LiveMemory(bounds) as live:
        found = measured(tests, on_memory=live.memory, on_progress=live.progress)
    if asked.as_json:
        data(as_json(found, bounds))
    else:
        show_memory(found, bounds)
    if asked.output:
        _write(asked.output, found, bounds, tests)
    if asked.memray:
        _show_memray(found)
    _next_steps(found, bounds, tests)
    return Exit.RED if bounds.is_problem(found) else Exit.DONE


def _write(output: Path, found: Measurement, bounds: MemoryBounds, tests: Tests) -> None:
    from orchestrator.console.streams import say
    from orchestrator.errors import DiskError
    from orchestrator.measure.report import memory_page, plot

    how = f"-n {tests.verify.workers}" if tests.verify.workers else "one process"
    title = f"Memory of {', '.join(tests.files)} ({how})"
    text = (plot if output.suffix == ".svg" else memory_page)(found, bounds, title)
    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise DiskError(f"cannot write {str(output)!r}: {error.strerror}") from error
    say(f"written: {output}")


def _show_memray(found: Measurement) -> None:
    """The part of pytest's output that is pytest-memray's."""
    from orchestrator.console.streams import answer, say

    lines = found.printed.splitlines()
    start = next((n for n, line in enumerate(lines) if "MEMRAY REPORT" in line), None)
    if start is None:
        say("pytest-memray made no report", "yellow")
        return
    ends = (n for n, line in enumerate(lines) if n > start and line.startswith("====="))
    answer("\n".join(lines[start : next(ends, None)]).rstrip())


def _next_steps(found: Measurement, bounds: MemoryBounds, tests: Tests) -> None:
    from orchestrator.console.streams import next_step, say
    from orchestrator.gates.pytest.meter import OTHERS
    from orchestrator.measure.report import growing_files

    files = growing_files(found)
    if found.memory.peak_mib <= bounds.expected_mib and found.stopped is None:
        return
    if not files:
        return
    if found.memory.peak_of(OTHERS) > found.memory.peak_mib / 2:
        say("most of it was held by processes that tests start, beside those that run them")
    file = as_argument(os.path.relpath(tests.top / files[0][0]))
    next_step(f"orchestrate check {file}        (mocks that outlive their test)")
    if tests.python.has_memray:
        next_step(f"orchestrate memory {file} -n 0 --memray        (who allocates)")


def _sides(top: Path, here: Path, asked: MemoryOptions, config: Config) -> Sides:
    from orchestrator.measure.compare_commits import since

    if asked.compare is not None:
        return since(top, asked.compare)
    return _fixed(top, here, asked, config)


def _both(top: Path, named: Sequence[str], sides: Sides, asked: MemoryOptions) -> list[str]:
    """Return the tests to compare: the named ones, or those that differ.

    Raises:
        BadInput: there are none.
    """
    from orchestrator.measure.compare_commits import tests_of

    if files := [file for file in tests_of(named, sides) if _holds_tests(top, file)]:
        return files
    raise BadInput(
        f"no test file differs from {asked.compare!r}",
        next_step=f"orchestrate memory PATH --compare {as_argument(asked.compare or 'REV')}",
    )


def _compared(tests: Tests, sides: Sides, asked: MemoryOptions) -> Exit:
    from orchestrator.base.text import plural
    from orchestrator.console.memory import show_comparison, tell_run
    from orchestrator.console.streams import data, next_step, say
    from orchestrator.measure.compare_commits import compared
    from orchestrator.measure.report import comparison_json

    runs = f"{plural(asked.runs, 'run')} before and after, in turn"
    say(f"{plural(len(sides.after), 'file')} differ; {runs}")
    limit = tests.verify.memory_mib
    found = compared(tests, sides, asked.runs, tell_run)
    data(comparison_json(found)) if asked.as_json else show_comparison(found)
    stopped = [run.stopped for run in (*found.before, *found.after) if run.stopped]
    if stopped:
        say(f"a run was ended: {stopped[0]}", "bold red")
        next_step(f"the same with --limit-mib above {limit:.0f}, or fewer workers")
    return Exit.RED if stopped else Exit.DONE


def _fixed(top: Path, here: Path, asked: MemoryOptions, config: Config) -> Sides:
    """The named files as they are, and as the fixer would make them."""
    from orchestrator.console.streams import say
    from orchestrator.fixers.outcome import Edit, Refusal, Source
    from orchestrator.measure.compare_commits import Sides
    from orchestrator.memory_safety.check.fix import computed

    options = dict(config.options)
    if asked.require:
        options["require"] = asked.require
    if asked.clear_instance:
        options["clear_instance"] = True
    paths = discovered(asked.paths, here=here, top=top, exclude=config.exclude)
    sources = [Source(path, read_regular(top / path), options) for path in paths]
    fixes = computed(sources, top=top)
    for outcome in fixes.outcomes:
        if isinstance(outcome, Refusal):
            say(f"refused: {outcome.path}: {outcome.reason}", "yellow")
    edits = [outcome for outcome in fixes.outcomes if isinstance(outcome, Edit)]
    if not edits:
        raise BadInput(
            f"the fixer would change nothing in {', '.join(asked.paths)}",
            next_step="orchestrate scan, or compare commits: orchestrate memory --compare REV",
        )
    return Sides(
        {edit.path: fixes.before[edit.path] for edit in edits},
        {edit.path: edit.data for edit in edits},
    )


def _holds_tests(top: Path, path: str) -> bool:
    from orchestrator.project.pytest_config import settings_for

    return (top / path).is_dir() or settings_for(top, path).collects_file(path)
