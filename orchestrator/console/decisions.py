"""How a person's decision ended: adopted, undone, or not, and why."""

from __future__ import annotations

from orchestrator.console.results import show_blames
from orchestrator.console.streams import data, say
from orchestrator.decide.adopt import Adopted
from orchestrator.decide.undo import Undone
from orchestrator.errors import Exit
from orchestrator.gates.reproduce import Reproduction
from orchestrator.gates.verdict import Kind, Verdict


def show_adopted(adopted: Adopted, how: Reproduction) -> Exit:
    """Print the commit, or what speaks against the change."""
    if adopted.commit is not None:
        data(f"{adopted.commit.commit[:10]} {adopted.commit.subject}")
        say("next: orchestrate status")
        return Exit.DONE
    red = adopted.verdicts[-1]
    show_blames(red, how)
    say("nothing was committed; your files are as you left them", "bold red")
    say(f"next: set it right, then: {adopted.command}")
    return _exit(red)


def show_undone(undone: Undone, how: Reproduction) -> Exit:
    """Print the commit, or what speaks against taking the batch back."""
    if undone.commit is not None:
        data(f"{undone.commit.commit[:10]} {undone.commit.subject}")
        name = undone.place.name
        if undone.paths:
            say(f"{name} is held back from now on; to do it again: orchestrate retry {name}")
        else:
            say(f"{name} is open again: next-batch would do it anew", "yellow")
        say("next: orchestrate status")
        return Exit.DONE
    red = undone.verdicts[-1]
    show_blames(red, how)
    say("nothing was taken back: without the batch tests fail that pass with it", "bold red")
    say(f"next: orchestrate show {undone.place.name}")
    return _exit(red)


def _exit(red: Verdict) -> Exit:
    return Exit.CANNOT_JUDGE if red.kind is Kind.CANNOT_JUDGE else Exit.RED
