"""Tables for people: fitted to a terminal, and without a blank too many where they are piped."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from io import StringIO

from rich import box
from rich.console import Console
from rich.table import Table

from orchestrator.base.escape import on_one_line
from orchestrator.console.streams import cell, data, is_utf8, out, plain

_PIPED_WIDTH = 400


def new_table(title: str = "", *, footer: bool = False) -> Table:
    """An empty table in the style of this program."""
    return Table(
        title=plain(on_one_line(title)) if title else None,
        title_justify="left",
        box=box.SIMPLE_HEAD if is_utf8() else box.ASCII,
        show_footer=footer,
    )


def simple_table(
    title: str, columns: Sequence[tuple[str, bool]], rows: Iterable[Sequence[str]]
) -> Table:
    """A table of texts; each column has its head, and whether it is of numbers."""
    table = new_table(title)
    for index, (head, is_number) in enumerate(columns):
        table.add_column(
            head, justify="right" if is_number else "left", no_wrap=index > 0, overflow="fold"
        )
    for row in rows:
        table.add_row(*map(cell, row))
    return table


def show_table(table: Table) -> None:
    """Print it; where it is piped, lines end with their last letter."""
    console = out()
    if sys.stdout.isatty():
        console.print(table)
        return
    text = StringIO()
    Console(
        file=text, width=_width(console.width), highlight=False, emoji=False, markup=False,
        force_terminal=console.is_terminal, color_system="auto" if console.color_system else None,
        legacy_windows=False, safe_box=console.safe_box,
    ).print(table)  # fmt: skip
    data("\n".join(line.rstrip() for line in text.getvalue().splitlines()))


def _width(usual: int) -> int:
    """Wide enough that nothing is folded, unless somebody says how wide it is to be."""
    return usual if "COLUMNS" in os.environ else max(usual, _PIPED_WIDTH)
