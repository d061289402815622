"""Commands that make plans and check them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.application import app
from orchestrator.cli.options import (
    PathsArgument,
    PlanOption,
    PythonOption,
    RequireOption,
    TrustOption,
)


@app.command("init")
def init_command(python: PythonOption = None) -> None:
    """Look at this repository, say what was found, and write the plan to begin with."""
    from orchestrator.cli.init import init

    raise typer.Exit(init(python))


@app.command("plan")
def plan_command(
    ctx: typer.Context,
    paths: PathsArgument = None,
    fixer: Annotated[
        str, typer.Option(help="Which fixer makes the change; see `orchestrate fixers`.")
    ] = "memory-safety",
    run: Annotated[
        list[str] | None,
        typer.Option(
            help="A command that makes the change, such as 'ruff check --fix {files}'.",
            show_default=False,
        ),
    ] = None,
    codemod: Annotated[
        str | None,
        typer.Option(
            help="A LibCST codemod: package.module.Class.", metavar="NAME", show_default=False
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="Another option of the fixer.", metavar="NAME=VALUE", show_default=False),
    ] = None,
    instructions: Annotated[
        str | None, typer.Option(help="What is to be done, for an agent.", show_default=False)
    ] = None,
    grouping: Annotated[
        str | None,
        typer.Option(
            help="file: one group for all its classes, the default; class: one for each.",
            metavar="file|class",
            show_default=False,
        ),
    ] = None,
    require: RequireOption = None,
    max_files: Annotated[int, typer.Option(min=1, help="Files of a batch at most.")] = 10,
    max_tests: Annotated[int, typer.Option(min=1, help="Tests of a batch at most.")] = 400,
    tests: Annotated[
        list[str] | None,
        typer.Option(
            help="Tests that look at files which are none, such as 'src/api/*=tests/api'; default: "
            "what plain pytest collects.",
            metavar="PATTERN=TESTS",
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="Where it is written; default: migration_plan.yaml at the top.", show_default=False
        ),
    ] = None,
    update: Annotated[
        bool, typer.Option("--update", help="Bring the plan that is there up to date.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print it, or the diff of --update; write nothing.")
    ] = False,
    plan: PlanOption = None,
    python: PythonOption = None,
    trust: TrustOption = False,
) -> None:
    """Write a plan from what the repository holds, in batches that belong together."""
    from orchestrator.cli.plan import PlanOptions, plan_from_scratch
    from orchestrator.planning.draft import BatchBounds

    asked = PlanOptions(
        paths or [],
        fixer,
        option or [],
        run or [],
        codemod,
        instructions,
        {"grouping": grouping, "require": require},
        BatchBounds(max_files, max_tests),
        tests or [],
        output,
        dry_run,
        python,
    )
    if update:
        from orchestrator.cli.update import update as bring_up_to_date

        raise typer.Exit(bring_up_to_date(plan or ctx.obj, asked, trust=trust))
    raise typer.Exit(plan_from_scratch(asked))


@app.command("validate")
def validate_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings are errors.")] = False,
) -> None:
    """Check the plan against its rules and the files; nothing is executed or written."""
    from orchestrator.cli.validate import validate

    raise typer.Exit(validate(plan or ctx.obj, strict=strict))


@app.command("fixers")
def fixers_command(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What a plan may name as fixer or gate, where each comes from, what its options mean."""
    from orchestrator.cli.fixers import fixers

    raise typer.Exit(fixers(as_json=as_json))


@app.command("schema")
def schema_command() -> None:
    """Print the JSON Schema of the plan, for editors."""
    from orchestrator.cli.commands import schema

    raise typer.Exit(schema())
