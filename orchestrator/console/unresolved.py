"""The list of what waits for somebody, each with its reason and the commands that help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.base.escape import on_one_line
from orchestrator.base.text import plural
from orchestrator.console.streams import answer, next_step, say
from orchestrator.report.unresolved import Unresolved, next_steps, see_it


def show_unresolved(found: Sequence[Unresolved], logs: Mapping[str, Path]) -> None:
    """Print the list; `logs` are those that a run left on this machine, by file."""
    if not found:
        say("Nothing was quarantined, and nothing waits for a person.")
        return
    for item in found:
        answer(on_one_line(f"{item.path} ({item.place})"), "bold")
        answer(on_one_line(f"  {item.kind}: {item.reason}"), "red")
        if item.reproduce:
            answer(f"  rerun:  {see_it(item)}")
        if log := logs.get(item.path):
            answer(on_one_line(f"  log:    {log}"))
        first, *others = next_steps(item)
        next_step(f"  {first}", indent="  ", answers=True)
        for step in others:
            answer(f"          {step}")
        answer("")
    verb = "waits" if len(found) == 1 else "wait"
    say(f"{plural(len(found), 'file')} {verb} for somebody")
