"""Commands that look: where it stands, one batch, what waits, the history, the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.base.escape import as_command
from orchestrator.cli.application import app
from orchestrator.cli.options import (
    NameArgument,
    PlanOption,
    PythonOption,
    TrustOption,
)


@app.command("show")
def show_command(
    ctx: typer.Context,
    name: NameArgument,
    plan: PlanOption = None,
    patch: Annotated[
        bool, typer.Option("--patch", help="Only the edits that were rolled back, for git apply.")
    ] = False,
    run: Annotated[
        bool, typer.Option("--run", help="Run what was red again, with the edit for as long.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, no diff.")] = False,
    python: PythonOption = None,
    trust: TrustOption = False,
) -> None:
    """One batch in full: definition, record, what was verified and run, the diff."""
    if run:
        from orchestrator.cli.batches import show_again
        from orchestrator.engine.context.options import RunOptions

        how = RunOptions(python, trust=trust, command=as_command(["show", name, "--run"]))
        raise typer.Exit(show_again(plan or ctx.obj, name, how))
    from orchestrator.cli.batches import show

    raise typer.Exit(show(plan or ctx.obj, name, patch=patch, as_json=as_json))


@app.command("unresolved")
def unresolved_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What was quarantined, and what is for a person: reason, log, one line to see it."""
    from orchestrator.cli.batches import unresolved

    raise typer.Exit(unresolved(plan or ctx.obj, as_json=as_json))


@app.command("history")
def history_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """The commits that brought records: when, what, how far it was then."""
    from orchestrator.cli.report import history

    raise typer.Exit(history(plan or ctx.obj, as_json=as_json))


@app.command("report")
def report_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="The folder it is written to; default: that of the records.", show_default=False
        ),
    ] = None,
    as_markdown: Annotated[
        bool, typer.Option("--markdown", help="Print the Markdown; write nothing.")
    ] = False,
) -> None:
    """Write the picture of where it stands: one HTML page, and Markdown for a pull request."""
    from orchestrator.cli.report import report

    raise typer.Exit(report(plan or ctx.obj, output, as_markdown=as_markdown))
