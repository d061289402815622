"""The commands and their options. What a command needs is imported when it is called."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator import __version__

app = typer.Typer(
    help="Carry a repository through a long migration in small, proven, reversible commits.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_PLAN_HELP = "The plan; default: migration_plan.yaml here or above."
PlanOption = Annotated[
    Path | None, typer.Option("--plan", help=_PLAN_HELP, show_default=False, metavar="PATH")
]
PythonOption = Annotated[
    str | None,
    typer.Option(
        help="The project's interpreter; default: the plan's, the active venv, .venv, PATH.",
        show_default=False,
        metavar="PATH",
    ),
]
PathsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="PATH", help="Files, folders or patterns.", show_default=False),
]
RequireOption = Annotated[
    str | None,
    typer.Option(
        help="mocks: only classes whose tests can touch one; all: every test class.",
        metavar="mocks|all",
        show_default=False,
    ),
]
NameArgument = Annotated[
    str, typer.Argument(metavar="NAME", help="PHASE/BATCH, BATCH, or a file of the plan.")
]
StrictOption = Annotated[
    bool, typer.Option("--strict", help="Every red test counts, also one that failed before.")
]
TrustOption = Annotated[
    bool, typer.Option("--trust", help="Run the commands of this plan, from now on as well.")
]


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


@app.command("status")
def status_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The table for a page.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Exit 1 while a batch is left for a run to do.")
    ] = False,
) -> None:
    """Where the migration stands: phases, progress, what comes next. Writes nothing."""
    from orchestrator.cli.commands import status

    raise typer.Exit(status(plan or ctx.obj, as_json=as_json, as_markdown=as_markdown, check=check))


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
    strict: StrictOption = False,
    trust: TrustOption = False,
    python: PythonOption = None,
) -> None:
    """Do the next batch: fix, compile, collect, test, commit. A file that fails is taken out."""
    from orchestrator.cli.batches import Asked, next_batch
    from orchestrator.safety.session import How

    asked = Asked(dry_run, phase, batch, every, limit, How(python, strict, trust))
    raise typer.Exit(next_batch(plan or ctx.obj, asked))


@app.command("unresolved")
def unresolved_command(
    ctx: typer.Context,
    plan: PlanOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """What was given up, and what is for a person: reason, log, one line to see it."""
    from orchestrator.cli.batches import unresolved

    raise typer.Exit(unresolved(plan or ctx.obj, as_json=as_json))


@app.command("show")
def show_command(
    ctx: typer.Context,
    name: NameArgument,
    plan: PlanOption = None,
    patch: Annotated[
        bool, typer.Option("--patch", help="Only the edits that were taken back, for git apply.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, no diff.")] = False,
) -> None:
    """One batch in full: definition, record, what was verified and run, the diff."""
    from orchestrator.cli.batches import show

    raise typer.Exit(show(plan or ctx.obj, name, patch=patch, as_json=as_json))


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
    python: PythonOption = None,
) -> None:
    """Try again what was given up, after its cause is gone."""
    from orchestrator.cli.batches import retry
    from orchestrator.safety.session import How

    raise typer.Exit(retry(plan or ctx.obj, name, How(python, strict, trust)))


@app.command("skip")
def skip_command(
    ctx: typer.Context,
    name: NameArgument,
    reason: Annotated[str, typer.Option(help="Why it is left as it is; goes into the record.")],
    plan: PlanOption = None,
) -> None:
    """Decide that a file, or what is open of a batch, is left as it is. Makes a commit."""
    from orchestrator.cli.batches import skip

    raise typer.Exit(skip(plan or ctx.obj, name, reason))


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
    python: PythonOption = None,
) -> None:
    """Take in what you changed by hand: gates, record, commit."""
    from orchestrator.cli.batches import adopt
    from orchestrator.safety.session import How

    raise typer.Exit(adopt(plan or ctx.obj, name, reason, How(python, strict, trust)))


@app.command("undo")
def undo_command(
    ctx: typer.Context,
    name: NameArgument,
    plan: PlanOption = None,
    strict: StrictOption = False,
    trust: TrustOption = False,
    python: PythonOption = None,
) -> None:
    """Take a batch back: files and record in one commit, gated. Later changes stay."""
    from orchestrator.cli.batches import undo
    from orchestrator.safety.session import How

    raise typer.Exit(undo(plan or ctx.obj, name, How(python, strict, trust)))


@app.command("validate")
def validate_command(ctx: typer.Context, plan: PlanOption = None) -> None:
    """Check the plan; nothing is executed and nothing is written."""
    from orchestrator.cli.commands import validate

    raise typer.Exit(validate(plan or ctx.obj))


@app.command("scan")
def scan_command(
    paths: PathsArgument = None,
    as_json: Annotated[bool, typer.Option("--json", help="Everything, for programs.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All files and folders.")] = False,
) -> None:
    """What there is to fix: test files with their classes, tests and mocks, ranked."""
    from orchestrator.cli.scan import scan

    raise typer.Exit(scan(paths or [], as_json=as_json, every=every))


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
        str, typer.Option(help="One group for a file or for each class.", metavar="file|class")
    ] = "file",
    require: RequireOption = None,
    max_files: Annotated[int, typer.Option(min=1, help="Files of a batch at most.")] = 10,
    max_tests: Annotated[int, typer.Option(min=1, help="Tests of a batch at most.")] = 400,
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
    from orchestrator.cli.plan import Asked, plan_from_scratch
    from orchestrator.drafting.draft import Bounds

    asked = Asked(
        paths or [],
        fixer,
        option or [],
        run or [],
        codemod,
        instructions,
        grouping,
        require,
        Bounds(max_files, max_tests),
        output,
        dry_run,
        python,
    )
    if update:
        from orchestrator.cli.update import update as bring_up_to_date

        raise typer.Exit(bring_up_to_date(plan or ctx.obj, asked, trust=trust))
    raise typer.Exit(plan_from_scratch(asked))


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
