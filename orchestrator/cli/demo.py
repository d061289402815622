"""The demo as a person sees it: a project, its status, one batch for real, the commit."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from orchestrator.base.escape import as_argument
from orchestrator.console.progress import LiveProgress
from orchestrator.console.results import show_result
from orchestrator.console.status import show_status
from orchestrator.console.streams import answer, say
from orchestrator.console.unresolved import show_unresolved
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.workspace import Workspace, open_workspace
from orchestrator.engine.next_batch import next_batch
from orchestrator.engine.select_batch import BatchSelector
from orchestrator.errors import Exit
from orchestrator.gates.reproduce import reproduction
from orchestrator.report.unresolved import unresolved
from orchestrator.sample.demo import make_demo


def demo(folder: Path | None) -> Exit:
    """Make the sample project, do two batches of it, and name the commands that go on."""
    at = folder or Path(tempfile.mkdtemp(prefix="orchestrate-demo-")) / "sample"
    made = make_demo(at.expanduser().absolute(), python=sys.executable)
    say(f"A sample project with the test files of phase 2, in {made.folder}", "bold")
    say(f"One test fails before anything is changed: {made.failing}")
    say(f"One file does not stand the change, as will be seen: {made.pinning}\n")
    os.chdir(made.folder)
    workspace = open_workspace(None)

    _typed("status")
    show_status(workspace.status())
    _typed("next-batch")
    landed = _one_batch(workspace) is Exit.DONE
    say("\n$ git show --stat", "bold")
    answer(made.repo.show("HEAD").rstrip("\n"))
    _typed("next-batch")
    without_one = _one_batch(workspace) is Exit.RED  # a file was quarantined, and that says so
    _typed("unresolved")
    how = reproduction(workspace.plan, workspace.top, sys.executable)
    show_unresolved(unresolved(workspace.status(), how), {})
    _typed("status")
    show_status(workspace.status())
    say("Try it yourself (and delete the folder when you are done):", "bold")
    say(f"  cd {as_argument(str(made.folder))}")
    for arguments in ("next-batch --dry-run", "next-batch --all", "unresolved", "status"):
        say(f"  {program()} {arguments}")
    return Exit.DONE if landed and without_one else Exit.RED


def program() -> str:
    """How this very program is started from a shell: by its name where that finds it."""
    started = Path(sys.argv[0]).absolute()
    found = shutil.which("orchestrate")
    if found and Path(found).samefile(started):
        return "orchestrate"
    if started.name == "orchestrate":
        return as_argument(str(started))
    return f"{as_argument(sys.executable)} -m orchestrate"


def _one_batch(workspace: Workspace) -> Exit:
    with LiveProgress() as live:
        result = next_batch(workspace, BatchSelector(), RunOptions(trust=True), live.tell)
    return show_result(result, reproduction(workspace.plan, workspace.top, live.python))


def _typed(command: str) -> None:
    say(f"\n$ orchestrate {command}", "bold")
