"""Options that several commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
SignoffOption = Annotated[
    bool, typer.Option("--signoff", help="End the commit with a Signed-off-by of your own.")
]
TrustOption = Annotated[
    bool, typer.Option("--trust", help="Run what this plan would execute, from now on as well.")
]
