"""Commands that carry batches and settle what was left of them."""

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
    SignoffOption,
    StrictOption,
    TrustOption,
)


@app.command("next-batch")
def next_batch_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show the diff, write nothing; a dirty tree is fine.")
    ] = False,
    phase: Annotated[
        str | None, typer.Option(help="Only this phase, even a deferred one.", show_default=False)
    ] = None,
    batch: Annotated[
        str | None, typer.Option(help="This batch: BATCH or PHASE/BATCH.", show_default=False)
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Go on, batch after batch, until none is left.")
    ] = False,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Go on, for N batches at most.", show_default=False),
    ] = None,
    isolated: Annotated[
        bool,
        typer.Option("--isolated", help="In a work tree of its own: yours may be dirty, go on."),
    ] = False,
    jobs: Annotated[
        str | None,
        typer.Option(
            metavar="N|auto",
            help="So many batches beside each other, each in a work tree of its own.",
            show_default=False,
        ),
    ] = None,
    engine: Annotated[
        str, typer.Option(help="local, or dask: on the workers of a cluster.", metavar="ENGINE")
    ] = "local",
    scheduler: Annotated[
        str | None,
        typer.Option(
            help="Address of the Dask scheduler; default: a cluster on this machine.",
            metavar="ADDRESS",
            show_default=False,
        ),
    ] = None,
    strict: StrictOption = False,
    trust: TrustOption = False,
    signoff: SignoffOption = False,
    python: PythonOption = None,
) -> None:
    """Do the next batch: fix, compile, collect, test, commit. A file that fails is quarantined."""
    from orchestrator.cli.batches import NextBatchOptions, ParallelOptions, next_batch
    from orchestrator.engine.context.options import RunOptions

    how = RunOptions(python, strict, trust, signoff)
    apart = ParallelOptions(isolated, jobs, engine, scheduler)
    asked = NextBatchOptions(dry_run, phase, batch, every, limit, how, apart)
    raise typer.Exit(next_batch(plan or ctx.obj, asked))


@app.command("retry")
def retry_command(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="A batch or a file; default: all of it.", show_default=False
        ),
    ] = None,
    plan: PlanOption = None,
    strict: StrictOption = False,
    trust: TrustOption = False,
    signoff: SignoffOption = False,
    python: PythonOption = None,
) -> None:
    """Try again what was quarantined, after its cause is gone."""
    from orchestrator.cli.batches import retry
    from orchestrator.engine.context.options import RunOptions

    raise typer.Exit(
        retry(
            plan or ctx.obj, name, RunOptions(python, strict, trust, signoff, _words("retry", name))
        )
    )


@app.command("adopt")
def adopt_command(
    ctx: typer.Context,
    name: NameArgument,
    reason: Annotated[
        str | None,
        typer.Option(
            help="Why it is right although the fixer would change it.", show_default=False
        ),
    ] = None,
    plan: PlanOption = None,
    strict: StrictOption = False,
    trust: TrustOption = False,
    signoff: SignoffOption = False,
    python: PythonOption = None,
) -> None:
    """Take in what you changed by hand: gates, record, commit."""
    from orchestrator.cli.batches import adopt
    from orchestrator.engine.context.options import RunOptions

    raise typer.Exit(
        adopt(
            plan or ctx.obj,
            name,
            reason,
            RunOptions(python, strict, trust, signoff, _words("adopt", name)),
        )
    )


@app.command("skip")
def skip_command(
    ctx: typer.Context,
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why it is left as it is; goes into the record.")],
    plan: PlanOption = None,
    signoff: SignoffOption = False,
) -> None:
    """Decide that a file, or what is open of a batch, is left as it is. Makes a commit."""
    from orchestrator.cli.batches import skip

    raise typer.Exit(skip(plan or ctx.obj, name, reason, signoff=signoff))


@app.command("undo")
def undo_command(
    ctx: typer.Context,
    name: NameArgument,
    plan: PlanOption = None,
    strict: StrictOption = False,
    trust: TrustOption = False,
    signoff: SignoffOption = False,
    python: PythonOption = None,
) -> None:
    """Take a batch back: files and record in one commit, gated. Later changes stay."""
    from orchestrator.cli.batches import undo
    from orchestrator.engine.context.options import RunOptions

    raise typer.Exit(
        undo(
            plan or ctx.obj, name, RunOptions(python, strict, trust, signoff, _words("undo", name))
        )
    )


@app.command("resolve")
def resolve_command(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="A batch or a record; default: every one.", show_default=False
        ),
    ] = None,
    plan: PlanOption = None,
    take: Annotated[
        str | None,
        typer.Option(
            metavar="ours|theirs",
            help="This side, whatever the files hold; default: the one that says what they hold.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """End merge conflicts in records. Nothing is staged or committed."""
    from orchestrator.cli.batches import resolve

    raise typer.Exit(resolve(plan or ctx.obj, name, take))


@app.command("recover")
def recover_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Files that changed since the crash stay as they are.")
    ] = False,
    restore: Annotated[
        bool,
        typer.Option("--restore", help="They get their old bytes; yours go to the rescue folder."),
    ] = False,
) -> None:
    """End what an interrupted run left behind (next-batch does so by itself where it is plain)."""
    from orchestrator.cli.commands import recover

    raise typer.Exit(recover(plan or ctx.obj, keep=keep, restore=restore))


def _words(command: str, name: str | None) -> str:
    return as_command([command, *([name] if name else [])])


@app.command("demo")
def demo_command(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="[DIR]",
            help="Where the project is made; default: a temporary folder.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Make a sample project and migrate its first batch for real."""
    from orchestrator.cli.demo import demo

    raise typer.Exit(demo(folder))
