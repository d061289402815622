"""`orchestrate status`: where the migration stands, once or for as long as somebody watches."""

from __future__ import annotations

import argparse
import gc
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from orchestrator import __version__
from orchestrator.cli.commands import warn_of_interrupted_run, warn_of_waiting_commits
from orchestrator.commit.interrupted_run import run_at_work
from orchestrator.engine.context.workspace import Workspace, open_workspace
from orchestrator.errors import BadInput, Exit
from orchestrator.records.status import Status

_WATCH_S = 2.0


def run(arguments: Sequence[str], *, prog: str) -> Exit:
    """Where the migration stands: phases, progress, what comes next. Writes nothing.

    Exit 0, or 1 with `--check` while something is left.
    """
    return status(parser(prog).parse_args(arguments))


def parser(prog: str) -> argparse.ArgumentParser:
    """The options of `status`, which starts without typer: it is typed more than any other."""
    made = argparse.ArgumentParser(
        prog=prog, description="Where the migration stands: phases, progress, what comes next."
    )
    made.add_argument("--plan", type=Path, metavar="PATH", help="the plan")
    made.add_argument("--json", action="store_true", help="everything, for programs")
    made.add_argument("--markdown", action="store_true", help="the table for a page")
    made.add_argument(
        "--check", action="store_true", help="exit 1 while anything is left for a run or a person"
    )
    made.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")
    made.add_argument("--version", action="version", version=__version__)
    return made


def status(asked: argparse.Namespace) -> Exit:
    """Print where the migration stands; with `check`, RED while something is left.

    Raises:
        BadInput: two options contradict each other, or the plan is wrong.
    """
    if sum((asked.json, asked.markdown, asked.watch)) > 1:
        raise BadInput(
            "--json, --markdown and --watch contradict each other", next_step="orchestrate status"
        )
    if asked.watch:
        return _watch(asked)
    gc.disable()  # ten thousand targets, one answer, and out
    # `status | head` ends quietly; a `--check` whose reader went away must not end with 0
    if not asked.check:
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    workspace = open_workspace(asked.plan)
    warn_of_interrupted_run(workspace)
    warn_of_waiting_commits(workspace)
    running = run_at_work(workspace.top)
    found = workspace.status(at_work=running.paths if running else ())
    if running is not None:
        from orchestrator.console.streams import say

        say(f"a run is working on {running.place}", "dim")
    if asked.json or asked.markdown:
        from orchestrator.console.streams import data
        from orchestrator.report.status import markdown, to_json

        data(to_json(found) if asked.json else markdown(found))
    else:
        _show(workspace, found)
    waits = found.next is not None or next(found.unresolved(), None) is not None
    return Exit.RED if asked.check and waits else Exit.DONE


def _show(workspace: Workspace, found: Status) -> None:
    from orchestrator.console.status import show_status

    if (origin := workspace.origin) is not None:
        from orchestrator.console.streams import say

        say(origin.sentence, "dim")
    show_status(found, _seconds_left(workspace, found))


def _seconds_left(workspace: Workspace, found: Status) -> float | None:
    """How long the rest would take a run here; None where too little landed here."""
    if found.next is None or workspace.origin is not None:
        return None
    from orchestrator.engine.views.pace import pace_here

    return pace_here(workspace, found)


def _watch(asked: argparse.Namespace) -> Exit:
    if not sys.stdout.isatty():
        raise BadInput("--watch needs a terminal", next_step="orchestrate status")
    from rich.live import Live

    from orchestrator.console.status import status_display
    from orchestrator.console.streams import out

    with Live(console=out(), auto_refresh=False, screen=True) as live:
        while True:
            workspace = open_workspace(asked.plan)
            running = run_at_work(workspace.top)
            found = workspace.status(at_work=running.paths if running else ())
            place = running.place if running else None
            left_s = _seconds_left(workspace, found)
            live.update(status_display(found, left_s, running=place), refresh=True)
            try:
                time.sleep(_WATCH_S)
            except KeyboardInterrupt:
                return Exit.DONE
