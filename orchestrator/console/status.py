"""The progress table: one row per phase, the totals, what needs a person, the next command."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from orchestrator.console.streams import is_utf8, out, plain
from orchestrator.progress.status import Status
from orchestrator.report.status import Attention, Row, attention, next_lines, rows, total

_BAR_CELLS = 10
_STYLES = {"DONE": "green", "DEFER": "dim", "NEXT": "bold cyan"}


def show_status(status: Status) -> None:
    """Print the table and what follows from it."""
    found = rows(status)
    console = out()
    console.print(_table(status, found, total(status)))
    for item in attention(status):
        console.print(_attention(item), soft_wrap=True)
    for line in next_lines(status):
        console.print(plain(line), soft_wrap=True)


def _table(status: Status, found: Sequence[Row], last: Row) -> Table:
    table = Table(
        title=plain(status.plan.title),
        title_justify="left",
        box=box.SIMPLE_HEAD if is_utf8() else box.ASCII,
        show_footer=True,
    )
    table.add_column("Phase", last.phase)
    for name, value in (
        ("Files", last.files),
        ("Classes", last.classes),
        ("Methods", last.methods),
    ):
        table.add_column(name, value, justify="right", no_wrap=True)
    table.add_column("Status", last.status)
    table.add_column("Progress", _bar(last), no_wrap=True)
    table.add_column("Time est.", last.hours, justify="right", no_wrap=True)
    table.add_column("Memory (estimate)", last.memory, justify="right", no_wrap=True)
    for row in found:
        style = next((s for word, s in _STYLES.items() if row.status.startswith(word)), "")
        table.add_row(
            plain(row.phase), row.files, row.classes, row.methods, plain(row.status, style),
            _bar(row), row.hours, row.memory,
        )  # fmt: skip
    return table


def _bar(row: Row) -> Text:
    filled = round(_BAR_CELLS * row.done / row.of) if row.of else 0
    full, empty = ("█", "░") if is_utf8() else ("#", ".")
    bar = Text(full * filled, style="green")
    return bar.append(empty * (_BAR_CELLS - filled), style="dim").append(
        f" {row.percent:3d} %", style=""
    )


def _attention(item: Attention) -> Text:
    line = plain(f"{item.state}: {item.path} ({item.place})", "yellow")
    return line.append_text(plain(f" {item.why}")) if item.why else line
