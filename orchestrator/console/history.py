"""The commits of a migration: when, what, how far it was then."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from orchestrator.console.streams import say
from orchestrator.console.tables import show_table, simple_table
from orchestrator.records.history import History, HistoryEntry

_COLUMNS = [
    ("When (UTC)", False), ("Commit", False), ("Batch", False), ("Files", True), ("Done", True),
    ("By", False), ("Subject", False),
]  # fmt: skip


def show_history(found: History) -> None:
    """Print the table, oldest first."""
    if not found.landings:
        say("no commit brought a record yet; next: orchestrate next-batch")
        return
    rows = [_row(landing, found.total) for landing in found.landings]
    show_table(simple_table("", _COLUMNS, rows))


def history_json(found: History) -> str:
    """The same for programs."""
    return json.dumps(
        {
            "total": found.total,
            "before": found.before,
            "landings": [
                {
                    "commit": landing.commit,
                    "at": datetime.fromtimestamp(landing.at, UTC).isoformat(),
                    "author": landing.author,
                    "subject": landing.subject,
                    "batches": dict(landing.batches),
                    "done": landing.done,
                }
                for landing in found.landings
            ],
        },
        indent=1,
    )


def _row(landing: HistoryEntry, total: int) -> list[str]:
    percent = f"{round(100 * landing.done / total)} %" if total else "-"
    return [
        datetime.fromtimestamp(landing.at, UTC).strftime("%Y-%m-%d %H:%M"),
        landing.commit[:10],
        ", ".join(landing.batches),
        f"{sum(landing.batches.values()):,}",
        f"{landing.done:,} ({percent})",
        landing.author,
        landing.subject,
    ]
