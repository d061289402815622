"""The commands together, or the one that was typed: typer builds every option of each it is given.

What a command needs is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import cast

import typer

from orchestrator.base.plugins import COMMANDS, PROGRAMS, BrokenPlugin, built_in, loaded, plugins
from orchestrator.cli.application import app
from orchestrator.cli.programs import OWN_PROGRAMS
from orchestrator.errors import CannotJudge, Exit

_DECLARED = {
    "view_commands": ("show", "unresolved", "history", "report"),
    "run_commands": ("next-batch", "retry", "adopt", "skip", "undo", "resolve", "recover", "demo"),
    "plan_commands": ("init", "plan", "validate", "fixers", "schema"),
}
"""Which module has which command, in the order of the help."""

_WITHOUT_PLAN = frozenset({"fix"})
_AS_TYPED = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}


def every_command() -> typer.Typer:
    """Return the whole program."""
    for name, reference in OWN_PROGRAMS.items():
        _add_program(name, reference)
    for module in _DECLARED:
        import_module(f"orchestrator.cli.{module}")
    for name, reference in built_in(PROGRAMS).items():
        _add_program(name, reference)
    for name, reference in built_in(COMMANDS).items():
        app.command(name)(loaded(reference))
    known = {command.name for command in app.registered_commands}
    for name in sorted(plugins(COMMANDS)):
        if name not in known:
            app.command(name)(_of_plugin(name))
    return app


def program_for(arguments: Sequence[str]) -> typer.Typer:
    """Return the program with the command that `arguments` begin with; with all if none is."""
    wanted = arguments[0] if arguments else ""
    module = next((name for name, commands in _DECLARED.items() if wanted in commands), None)
    if module is not None:
        import_module(f"orchestrator.cli.{module}")
        app.registered_commands = [c for c in app.registered_commands if c.name == wanted]
    elif wanted in built_in(COMMANDS):
        app.command(wanted)(loaded(built_in(COMMANDS)[wanted]))
    else:
        return every_command()
    return app


def _add_program(name: str, reference: str) -> None:
    """Add a command whose arguments are parsed by the program itself."""
    run: Callable[..., Exit] = loaded(reference)

    def command(ctx: typer.Context) -> None:
        plan = ["--plan", str(ctx.obj)] if ctx.obj and name not in _WITHOUT_PLAN else []
        raise typer.Exit(run([*plan, *ctx.args], prog=f"orchestrate {name}"))

    command.__doc__ = (run.__doc__ or "").partition("\n")[0]
    app.command(name, context_settings=_AS_TYPED, add_help_option=False)(command)


def _of_plugin(name: str) -> Callable[..., None]:
    """Return the command of a plug-in; of one that does not load, a command that says so."""
    try:
        found = plugins(COMMANDS)[name].load()
        why = "" if callable(found) else f"{name!r} is a {type(found).__name__}, and no function"
    except BrokenPlugin as error:
        why = str(error)
    if not why:
        return cast(Callable[..., None], found)

    def broken() -> None:
        raise CannotJudge(f"the command {why}", next_step="orchestrate fixers")

    broken.__doc__ = f"BROKEN: {why}"
    return broken
