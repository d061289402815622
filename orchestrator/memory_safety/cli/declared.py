"""What typer is told of the commands about the pattern."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import (
    PathsArgument,
    PlanOption,
    PythonOption,
    RequireOption,
    TrustOption,
)


def scan_command(
    paths: PathsArgument = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All files and folders.")] = False,
) -> None:
    """What there is to fix: test files with their classes, tests and mocks, ranked."""
    from orchestrator.memory_safety.cli.scan import scan

    raise typer.Exit(scan(paths or [], as_json=as_json, every=every))


def doctor_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    python: PythonOption = None,
    timed: Annotated[
        bool, typer.Option("--timed", help="Run the tests once, to weigh groups by seconds.")
    ] = False,
    isolated: Annotated[
        bool,
        typer.Option(
            "--isolated", help="Only this: do the tests of the plan fail in a work tree of ours?"
        ),
    ] = False,
    trust: TrustOption = False,
    fix: Annotated[
        bool,
        typer.Option("--fix", help="Make the plain changes to the configuration; shown first."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --fix: write it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say whether the pattern works here at all, what it costs, and what holds memory."""
    from orchestrator.memory_safety.cli.doctor import DoctorOptions, doctor

    asked = DoctorOptions(python, timed, as_json, fix, yes, isolated, trust)
    raise typer.Exit(doctor(plan or ctx.obj, asked))


def memory_command(
    ctx: typer.Context,
    paths: PathsArgument = None,
    workers: Annotated[
        int | None,
        typer.Option(
            "-n",
            help="Workers of pytest-xdist; 0: one process; default: 4.",
            min=0,
            max=64,
            metavar="N",
            show_default=False,
        ),
    ] = None,
    expected_mib: Annotated[
        float | None,
        typer.Option(help="What all of it may hold; default: 2000.", min=1, metavar="MIB"),
    ] = None,
    problem_mib: Annotated[
        float | None,
        typer.Option(
            help="Above this it is a problem, exit 1; default: 5000.", min=1, metavar="MIB"
        ),
    ] = None,
    limit_mib: Annotated[
        float | None,
        typer.Option(
            help="Above this the run is ended; default: nine tenths of what is free.",
            min=1,
            metavar="MIB",
        ),
    ] = None,
    compare: Annotated[
        str | None, typer.Option(help="Before: as at this commit; after: as it is.", metavar="REV")
    ] = None,
    compare_fix: Annotated[
        bool, typer.Option("--compare-fix", help="Before: as it is; after: as `fix` would make it.")
    ] = False,
    runs: Annotated[
        int, typer.Option(help="Runs of each side of a comparison.", min=1, max=10)
    ] = 4,
    require: RequireOption = None,
    clear_instance: Annotated[
        bool,
        typer.Option("--clear-instance", help="As of `fix`, with --compare-fix."),
    ] = False,
    memray: Annotated[
        bool, typer.Option("--memray", help="Ask the project's pytest-memray who allocates.")
    ] = False,
    output: Annotated[
        Path | None,
        typer.Option(help="Write the picture: .svg, or .html with tables.", metavar="FILE"),
    ] = None,
    plan: PlanOption = None,
    python: PythonOption = None,
    trust: TrustOption = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Run tests and say what each worker holds, live; or compare before and after a change."""
    from orchestrator.memory_safety.cli.memory import MemoryOptions, memory

    asked = MemoryOptions(
        tuple(paths or ()),
        workers,
        expected_mib,
        problem_mib,
        limit_mib,
        compare,
        compare_fix,
        runs,
        require,
        clear_instance,
        memray,
        output,
        python,
        as_json,
        trust,
    )
    raise typer.Exit(memory(plan or ctx.obj, asked))


def guard_command(
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="hook, ci, validator, guidelines, section, settings, freeze; default: all.",
            metavar="PART",
            show_default=False,
        ),
    ] = None,
    without: Annotated[
        list[str] | None, typer.Option(help="Leave a part out.", metavar="PART", show_default=False)
    ] = None,
    section: Annotated[
        list[str] | None,
        typer.Option(
            help="The file of guidelines that gets a section; default: CONTRIBUTING.md, AGENTS.md "
            "and CLAUDE.md, those that are there. One outside the repository is only printed.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    validator: Annotated[
        str | None,
        typer.Option(help="A script for the hook to run, made if need be.", metavar="FILE"),
    ] = None,
    repo: Annotated[
        str | None, typer.Option(help="Where your team keeps orchestrate, for git.", metavar="URL")
    ] = None,
    rev: Annotated[str | None, typer.Option(help="A commit or tag of it.", metavar="REV")] = None,
    install: Annotated[
        str | None, typer.Option(help="What installs orchestrate in CI.", metavar="COMMAND")
    ] = None,
    workflow: Annotated[
        str | None,
        typer.Option(help="A workflow of GitHub Actions that gets the step.", metavar="FILE"),
    ] = None,
    job: Annotated[
        str | None,
        typer.Option(help="Its job; default: the first that runs tests.", metavar="NAME"),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Write it without being asked.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 where something is missing.")
    ] = False,
) -> None:
    """Add what keeps the change from being lost again: each file is shown before it is written."""
    from orchestrator.memory_safety.cli.guard import GuardOptions, guarded, names, options_of

    given = {"validator": validator, "repo": repo, "rev": rev, "install": install, "job": job}
    options = options_of({**given})
    raise typer.Exit(
        guarded(
            GuardOptions(
                names(only),
                names(without),
                tuple(section or ()),
                options,
                workflow or "",
                yes,
                check,
            )
        )
    )
