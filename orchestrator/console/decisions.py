"""How a person's decision ended: adopted, undone, or not, and why."""

from __future__ import annotations

from orchestrator.base.escape import as_argument
from orchestrator.base.outcomes import GateResult
from orchestrator.console.results import show_blames
from orchestrator.console.streams import answer, next_step, say
from orchestrator.engine.decisions.adopt import Adopted
from orchestrator.engine.decisions.undo import Undone
from orchestrator.errors import Exit
from orchestrator.gates.reproduce import Reproduction
from orchestrator.gates.verdict import Verdict


def show_adopted(adopted: Adopted, how: Reproduction) -> Exit:
    """Print the commit, or what speaks against the change."""
    if adopted.commit is not None:
        answer(f"{adopted.commit.commit[:10]} {adopted.commit.subject}")
        next_step("orchestrate status")
        return Exit.DONE
    red = adopted.verdicts[-1]
    show_blames(red, how)
    say("nothing was committed; your files are as you left them", "bold red")
    next_step(f"fix what the gate reports, then: {adopted.command}")
    return _exit(red)


def show_undone(undone: Undone, how: Reproduction) -> Exit:
    """Print the commit, or what speaks against taking the batch back."""
    if undone.commit is not None:
        answer(f"{undone.commit.commit[:10]} {undone.commit.subject}")
        name = undone.place.name
        if undone.paths:
            again = f"orchestrate retry {as_argument(name)}"
            say(f"{name} is held back from now on; to do it again: {again}")
        else:
            say(f"{name} is open again: next-batch would do it anew", "yellow")
        next_step("orchestrate status")
        return Exit.DONE
    red = undone.verdicts[-1]
    show_blames(red, how)
    say("nothing was undone: without the batch tests fail that pass with it", "bold red")
    next_step(f"orchestrate show {as_argument(undone.place.name)}")
    return _exit(red)


def _exit(red: Verdict) -> Exit:
    return Exit.CANNOT_JUDGE if red.kind is GateResult.CANNOT_JUDGE else Exit.RED
