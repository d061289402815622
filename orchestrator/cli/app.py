"""The commands together, or the one that was typed: typer builds every option of each it is given.

What a command needs is imported when it is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

import typer

from orchestrator.cli.declared.application import app

_DECLARED = {
    "views": ("status", "show", "unresolved", "history", "report"),
    "runs": ("next-batch", "retry", "adopt", "skip", "undo", "resolve", "recover", "demo"),
    "plans": ("init", "scan", "plan", "validate", "fixers", "schema"),
    "files": ("check", "fix", "doctor", "memory", "guard"),
}
"""Which module of `declared` has which command, in the order of the help."""


def every_command() -> typer.Typer:
    """The whole program."""
    for module in _DECLARED:
        import_module(f"orchestrator.cli.declared.{module}")
    return app


def program_for(arguments: Sequence[str]) -> typer.Typer:
    """The program with the command that `arguments` begin with; with all where that is none."""
    wanted = arguments[0] if arguments else ""
    module = next((name for name, commands in _DECLARED.items() if wanted in commands), None)
    if module is None:
        return every_command()
    import_module(f"orchestrator.cli.declared.{module}")
    app.registered_commands = [c for c in app.registered_commands if c.name == wanted]
    return app
