"""The list of what waits for somebody, each with its reason and the commands that help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from orchestrator.console.streams import out, plain, say
from orchestrator.report.unresolved import Unresolved, next_steps, see_it
from orchestrator.words import plural


def show_unresolved(found: Sequence[Unresolved], logs: Mapping[str, Path]) -> None:
    """Print the list; `logs` are those that a run left on this machine, by file."""
    if not found:
        say("Nothing was given up, and nothing waits for a person.")
        return
    console = out()
    for item in found:
        console.print(plain(f"{item.path} ({item.place})", "bold"), soft_wrap=True)
        console.print(plain(f"  {item.kind}: {item.reason}", "red"), soft_wrap=True)
        if item.reproduce:
            console.print(plain(f"  see it: {see_it(item)}"), soft_wrap=True)
        if log := logs.get(item.path):
            console.print(plain(f"  log:    {log}"), soft_wrap=True)
        for number, step in enumerate(next_steps(item)):
            label = "next:  " if number == 0 else "       "
            console.print(plain(f"  {label} {step}"), soft_wrap=True)
        console.print()
    verb = "waits" if len(found) == 1 else "wait"
    say(f"{plural(len(found), 'file')} {verb} for somebody")
