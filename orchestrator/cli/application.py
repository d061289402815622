"""The program itself: its name, its version, the options before any command."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator import __version__
from orchestrator.cli.options import PlanOption

app = typer.Typer(
    help="Carry a repository through a long migration in small, proven, reversible commits.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"orchestrate {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    ctx: typer.Context,
    plan: PlanOption = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Say which version this is."
        ),
    ] = False,
) -> None:
    ctx.obj = plan
