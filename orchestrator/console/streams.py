"""The two streams: stdout for data, stderr for everything that is said on the way."""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING

from orchestrator.errors import OrchestrateError

if TYPE_CHECKING:  # only a terminal needs it
    from rich.console import Console
    from rich.text import Text

_PIPED_WIDTH = 130


@cache
def out() -> Console:
    """Standard output; wide where it is no terminal, so that tables are not squeezed."""
    return _console(stderr=False)


@cache
def err() -> Console:
    """Standard error."""
    return _console(stderr=True)


def plain(text: str, style: str = "") -> Text:
    """Text from outside, safe to print: no markup is read, no control reaches a terminal."""
    from rich.text import Text

    return Text(_printable(text), style=style)


def say(text: str, style: str = "") -> None:
    """One message to a person, on stderr; in colours where they can be seen."""
    if sys.stderr.isatty() or "FORCE_COLOR" in os.environ:
        err().print(plain(text, style), soft_wrap=True)
    else:
        sys.stderr.write(f"{_printable(text)}\n")
        sys.stderr.flush()


def _printable(text: str) -> str:
    return "".join(
        char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def data(text: str) -> None:
    """Something a program may read, on stdout, exactly as it is."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def raw(text: str) -> None:
    """Like `data`, for text that holds the undecodable bytes of a user's file."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def error(problem: OrchestrateError) -> None:
    """What went wrong, and the next command."""
    say(f"error: {problem.what}", "bold red")
    if problem.next_step:
        say(f"next: {problem.next_step}")


def is_utf8() -> bool:
    """Whether stdout can show more than ASCII."""
    return out().encoding.lower().replace("-", "") == "utf8"


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    width = None if terminal or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, emoji=False, markup=False)
