"""The progress table: one row per phase, the totals, what needs a person, the next command."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from orchestrator.console.streams import is_utf8, out, plain
from orchestrator.progress.status import Status
from orchestrator.report.status import Attention, Row, attention, next_lines, rows, total

_BAR_CELLS = 10
_CELLS: dict[str, Callable[[Row], str]] = {
    "Phase": lambda row: row.phase,
    "Files": lambda row: row.files,
    "Classes": lambda row: row.classes,
    "Methods": lambda row: row.methods,
    "Status": lambda row: row.status,
    "Progress": lambda row: f"{row.percent} %",
    "Time est.": lambda row: row.hours,
    "Memory (estimate)": lambda row: row.memory,
}
_NUMBERS = {"Files", "Classes", "Methods", "Time est.", "Memory (estimate)"}
_GO_FIRST = ("Memory (estimate)", "Time est.", "Methods", "Classes")
_WIDTHS = {"Memory (estimate)": 20, "Time est.": 12, "Methods": 10, "Classes": 10}
_WIDE_ENOUGH = 112
"""Columns of a terminal that hold the whole table, with a status of a few words."""
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
    columns = _columns(out().width)
    for column in columns:
        numbers = column in _NUMBERS
        table.add_column(
            column,
            _cell(column, last),
            justify="right" if numbers else "left",
            no_wrap=column != "Status",
        )
    for row in found:
        table.add_row(*(_cell(column, row) for column in columns))
    return table


def _columns(width: int) -> list[str]:
    """The columns that fit: of a narrow terminal, estimates and counts go first."""
    wanted = list(_CELLS)
    for column in _GO_FIRST:
        if width >= _WIDE_ENOUGH:
            break
        wanted.remove(column)
        width += _WIDTHS[column]
    return wanted


def _cell(column: str, row: Row) -> Text:
    if column == "Progress":
        return _bar(row)
    text = _CELLS[column](row)
    known = (s for word, s in _STYLES.items() if column == "Status" and text.startswith(word))
    return plain(text, next(known, ""))


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
