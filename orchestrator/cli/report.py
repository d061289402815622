"""`orchestrate report` and `orchestrate history`: the picture of a migration, and its commits."""

from __future__ import annotations

import signal
from pathlib import Path

from orchestrator.base import files
from orchestrator.base.paths import RepoPath
from orchestrator.base.text import duration
from orchestrator.cli.commands import warn_of_interrupted_run
from orchestrator.engine.context.workspace import open_workspace
from orchestrator.engine.views.history import history_of
from orchestrator.engine.views.pace import pace_here, seconds_here
from orchestrator.errors import Exit
from orchestrator.gates.reproduce import reproduction


def report(plan: Path | None, output: Path | None, *, as_markdown: bool) -> Exit:
    """Write the page and the Markdown into the folder of records, or print the Markdown."""
    from orchestrator.console.streams import answer, data
    from orchestrator.report.facts import facts
    from orchestrator.report.markdown import markdown_report
    from orchestrator.report.page import page

    workspace = open_workspace(plan)
    warn_of_interrupted_run(workspace)
    status = workspace.status()
    took = {name: one.seconds for name, one in seconds_here(workspace).items()}
    left = pace_here(workspace, status)
    eta = duration(left) if left is not None else ""
    how = reproduction(workspace.plan, workspace.top, "python", here=False)
    found = facts(status, history_of(workspace, status), took, how, eta)
    text = markdown_report(found, status)
    if as_markdown:
        data(text)
        return Exit.DONE
    top, below = workspace.top, f"{workspace.plan.reports}/"
    if output:
        top, below = output.expanduser().absolute(), ""
        top.mkdir(parents=True, exist_ok=True)
    for name, content in (("report.html", page(found, workspace.plan)), ("report.md", text)):
        files.write(top, RepoPath(f"{below}{name}"), content.encode())
        answer(str(top / below / name))
    return Exit.DONE


def history(plan: Path | None, *, as_json: bool) -> Exit:
    """Print the commits that brought records, oldest first."""
    from orchestrator.console.history import history_json, show_history
    from orchestrator.console.streams import data

    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `history | head` ends quietly
    workspace = open_workspace(plan)
    found = history_of(workspace, workspace.status())
    if as_json:
        data(history_json(found))
    else:
        show_history(found)
    return Exit.DONE
