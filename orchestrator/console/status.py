"""The progress table: one row per phase, the totals, what needs a person, the next command."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestrator.base.text import duration
from orchestrator.console.streams import cell, is_utf8, out, plain
from orchestrator.console.tables import new_table, show_table
from orchestrator.records.status import Status
from orchestrator.report import calibration
from orchestrator.report.status import (
    Attention,
    Column,
    Row,
    attention,
    columns,
    next_lines,
    rows,
    total,
)

_BAR_CELLS = 10
_PADDING = 3
_BASE_WIDTH = 60
"""Columns of a terminal that phase, files, progress and a status of a few words take."""
_STYLES = {"DONE": "green", "DEFER": "dim", "NEXT": "bold cyan"}


def show_status(status: Status, left_s: float | None = None) -> None:
    """Print the table and what follows from it; `left_s` is what a run would need, in seconds."""
    show_table(_table(status, rows(status), total(status)))
    for line in _lines(status, left_s):
        out().print(line, soft_wrap=True)


def status_display(status: Status, left_s: float | None, *, running: str | None = None) -> Group:
    """The same as one thing to be shown again and again; `running` is the batch at work."""
    table = _table(status, rows(status), total(status))
    now = [cell(f"a run works on {running}", "cyan")] if running else []
    return Group(table, *now, *_lines(status, left_s), plain("Ctrl-C ends this.", "dim"))


def _lines(status: Status, left_s: float | None) -> Iterator[Text]:
    yield from map(_attention, attention(status))
    for stray in status.strays:
        yield cell(f"{stray.sentence}: orchestrate plan --update moves it", "yellow")
    yield from (cell(line, "dim") for line in calibration.lines(status))
    first, *rest = next_lines(status)
    if left_s is not None:
        first = f"{first}; a run of all that is left: about {duration(left_s)}, at the pace here"
    yield cell(first)
    yield from map(cell, rest)
    if left_s is not None and any(phase.phase.hours for phase in status.phases):
        yield cell("Time est. is what the plan expects people to need, review included", "dim")


def _table(status: Status, found: Sequence[Row], last: Row) -> Table:
    table = new_table(status.plan.title, footer=True)
    shown = _fitting(columns(status), out().width)
    for column in shown:
        table.add_column(
            cell(column.title),
            _cell(column, last),
            justify="right" if column.is_number else "left",
            no_wrap=column.title != "Status",
        )
    for row in found:
        table.add_row(*(_cell(column, row) for column in shown))
    return table


def _fitting(wanted: Sequence[Column], width: int) -> list[Column]:
    """The columns that fit: of a narrow terminal, estimates and counts go first."""
    left = list(wanted)
    for column in sorted(wanted, key=lambda column: -column.rank):
        needed = _BASE_WIDTH + sum(len(c.title) + _PADDING for c in left if c.rank)
        if not column.rank or width >= needed:
            break
        left.remove(column)
    return left


def _cell(column: Column, row: Row) -> Text:
    if column.title == "Progress":
        return _bar(row)
    text = column.cell(row)
    known = (s for word, s in _STYLES.items() if column.title == "Status" and text.startswith(word))
    return cell(text, next(known, ""))


def _bar(row: Row) -> Text:
    filled = round(_BAR_CELLS * row.done / row.of) if row.of else 0
    full, empty = ("█", "░") if is_utf8() else ("#", ".")
    bar = Text(full * filled, style="green")
    return bar.append(empty * (_BAR_CELLS - filled), style="dim").append(
        f" {row.percent:3d} %", style=""
    )


def _attention(item: Attention) -> Text:
    line = cell(f"{item.state}: {item.path} ({item.place})", "yellow")
    return line.append_text(cell(f" {item.why}")) if item.why else line
