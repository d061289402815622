"""Holds every command that the program prints to what its own command line takes."""

from __future__ import annotations

import re
import shlex
from functools import cache
from typing import Any

import typer

_COMMAND = re.compile(r"(?<![\w/.-])orchestrate (?!: )((?:'[^']*'|[^\n;|&()',]|(?<=\S),(?=\S))*)")
_A_NOTE = re.compile(r"\s{2,}|\s[…}]|, | says ")


def commands_in(text: str) -> list[list[str]]:
    """The arguments of each `orchestrate …` on the lines of `text` that say what is next."""
    lines = [line for line in text.splitlines() if re.match(r"\s*(next|or):? ", line)]
    found = [_A_NOTE.split(one[1].strip())[0] for line in lines for one in _COMMAND.finditer(line)]
    return [shlex.split(one) for one in found]


def must_parse(text: str) -> None:
    """Make sure that each command the text says is next is one that can be typed."""
    for arguments in commands_in(text):
        why = _why_not(tuple(arguments))
        assert why is None, f"printed, and no command line of ours: {shlex.join(arguments)}: {why}"


@cache
def _why_not(arguments: tuple[str, ...]) -> str | None:
    program = _program()
    try:
        with program.make_context("orchestrate", list(arguments)) as context:
            left = [*getattr(context, "_protected_args", []), *context.args]
            if not left:
                return None
            name, command, rest = program.resolve_command(context, left)
            with command.make_context(name, rest, parent=context):
                return None
    except typer.Exit:
        return None
    except _USAGE_ERROR as error:
        return str(error)


_USAGE_ERROR: Any = typer.BadParameter.__base__
"""What typer raises where a command line means nothing; it has no public name."""


@cache
def _program() -> Any:
    from orchestrator.cli.app import every_command

    return typer.main.get_command(every_command())
