"""Commands that need no plan: check, fix, doctor."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.declared.application import app
from orchestrator.cli.declared.options import (
    PathsArgument,
    PlanOption,
    PythonOption,
    RequireOption,
    TrustOption,
)


@app.command("check")
def check_command(
    paths: PathsArgument = None,
    form: Annotated[
        str, typer.Option("--format", help="text, json, github or sarif.", metavar="FORMAT")
    ] = "text",
    fix: Annotated[bool, typer.Option("--fix", help="Write what is missing.")] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show what --fix would change.")] = False,
    require: RequireOption = None,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit 0 whatever was found.")
    ] = False,
    phase: Annotated[
        str | None,
        typer.Option(
            help="What is left in the files of this phase of the plan instead.",
            metavar="ID",
            show_default=False,
        ),
    ] = None,
    plan: PlanOption = None,
    python: PythonOption = None,
    trust: TrustOption = False,
) -> None:
    """Check test classes for the pattern, outside any plan; or ask what is left of a phase."""
    if phase is not None:
        from orchestrator.cli.left import left
        from orchestrator.safety.session import How

        raise typer.Exit(left(plan, phase, How(python, trust=trust)))
    from orchestrator.cli.check import arguments, check

    raise typer.Exit(
        check(
            arguments(
                paths or [], form=form, fix=fix, diff=diff, require=require, exit_zero=exit_zero
            )
        )
    )


@app.command("fix")
def fix_command(
    paths: Annotated[list[str], typer.Argument(metavar="FILE", help="Files, folders or patterns.")],
    group: Annotated[
        str | None,
        typer.Option(help="The group; default: from the file's name.", show_default=False),
    ] = None,
    grouping: Annotated[
        str | None,
        typer.Option(
            help="file: one group for all its classes; class: one for each.",
            metavar="file|class",
            show_default=False,
        ),
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show the diff, write nothing.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 where something would change.")
    ] = False,
    require: RequireOption = None,
    clear_instance: Annotated[
        bool, typer.Option("--clear-instance", help="Teardowns empty the instance as well.")
    ] = False,
    skip_under_xdist: Annotated[
        bool, typer.Option("--skip-under-xdist", help="Classes that must run alone: skip them.")
    ] = False,
    docstring: Annotated[
        str | None, typer.Option(help="Docstring of new teardowns.", show_default=False)
    ] = None,
) -> None:
    """Add what test classes lack, in the files you name; outside any plan."""
    from orchestrator.cli.fix import arguments, fix

    raise typer.Exit(
        fix(
            arguments(
                paths, group=group, grouping=grouping, diff=diff, check=check, require=require,
                docstring=docstring, clear_instance=clear_instance,
                skip_under_xdist=skip_under_xdist,
            )
        )
    )  # fmt: skip


@app.command("doctor")
def doctor_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    python: PythonOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Say whether the pattern works in this project at all, or is inert, and what it costs."""
    from orchestrator.cli.doctor import doctor

    raise typer.Exit(doctor(plan or ctx.obj, python=python, as_json=as_json))
