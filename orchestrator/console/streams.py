"""The two streams: stdout for data, stderr for everything that is said on the way.

Whatever is printed for people comes through `shown`; only `next_step` and `error` print a line that
begins with `next:` or `error:`. What is printed for programs, `data` and `raw`, is left as it is.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import TYPE_CHECKING, TextIO

from orchestrator.base.escape import for_terminal, on_one_line, without_labels
from orchestrator.base.redact import redacted
from orchestrator.errors import OrchestrateError
from orchestrator.report.typed import repeated

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


def shown(text: str) -> str:
    """Text from outside as a person may see it: no secret, no control, no line like one of ours.

    Commands of ours in it repeat what was typed.
    """
    return repeated(without_labels(for_terminal(redacted(text))))


def plain(text: str, style: str = "") -> Text:
    """Text from outside for a table cell or a live display, without rich markup."""
    from rich.text import Text

    return Text(shown(text), style=style)


def cell(text: str, style: str = "") -> Text:
    """The same on one line."""
    from rich.text import Text

    return Text(_line(text), style=style)


def say(text: str, style: str = "") -> None:
    """One message to a person, on stderr; in colours where they can be seen."""
    _print(sys.stderr, shown(text), style)


def answer(text: str, style: str = "") -> None:
    """What was asked for, for people, on stdout: a line or several."""
    _print(sys.stdout, shown(text), style)


def next_step(step: str, *, indent: str = "", answers: bool = False) -> None:
    """The command to type next, always on one line; on stdout where it is part of an answer."""
    _print(sys.stdout if answers else sys.stderr, f"{indent}next: {_line(step)}", "")


def data(text: str) -> None:
    """Something a program may read, on stdout, exactly as it is."""
    sys.stdout.write(text if text.endswith("\n") else f"{text}\n")
    sys.stdout.flush()


def raw(text: str) -> None:
    """A diff, on stdout: as it is, with the undecodable bytes of a file, unless a person looks."""
    if sys.stdout.isatty():
        sys.stdout.write(for_terminal(text))
        sys.stdout.flush()
        return
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape"))
    sys.stdout.buffer.flush()


def error(problem: OrchestrateError) -> None:
    """What went wrong, and the next command; lines after the first are indented."""
    first, *others = for_terminal(redacted(problem.what)).split("\n")
    said = "\n".join([f"error: {first}", *(f"  {without_labels(one)}" for one in others)])
    _print(sys.stderr, said, "bold red")
    if problem.next_step:
        next_step(problem.next_step)


def is_utf8() -> bool:
    """Whether stdout can show more than ASCII."""
    return out().encoding.lower().replace("-", "") == "utf8"


def _line(text: str) -> str:
    return repeated(on_one_line(redacted(text)))


def _print(stream: TextIO, text: str, style: str) -> None:
    """Print what is fit to be seen; rich is loaded only where there is something to colour."""
    if stream.isatty() or "FORCE_COLOR" in os.environ:
        from rich.text import Text

        console = out() if stream is sys.stdout else err()
        console.print(Text(text, style=style), soft_wrap=True)
    else:
        stream.write(f"{text}\n")
        stream.flush()


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    terminal = stream.isatty()
    width = None if terminal or "COLUMNS" in os.environ else _PIPED_WIDTH
    return Console(stderr=stderr, width=width, highlight=False, emoji=False, markup=False)
