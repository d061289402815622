"""`orchestrate guard`: what keeps a change from being lost again, shown before it is written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.escape import as_command
from orchestrator.base.text import plural
from orchestrator.console.streams import answer, data, next_step, raw, say
from orchestrator.errors import BadInput, Exit
from orchestrator.fixers.outcome import Edit, NoChange, Refusal
from orchestrator.memory_safety.guard.install import GuardChoice, PlannedGuard, guard, written
from orchestrator.memory_safety.guard.parts import Part
from orchestrator.plan.base import OptionValue
from orchestrator.project.discover import project_top
from orchestrator.vcs import find_top


@dataclass(frozen=True, slots=True)
class GuardOptions:
    """The command line. Without `yes`, a terminal is asked; `check` writes nothing."""

    only: tuple[str, ...]
    without: tuple[str, ...]
    sections: tuple[str, ...]
    options: dict[str, OptionValue]
    workflow: str
    yes: bool
    check: bool


def guarded(asked: GuardOptions, top: Path | None = None) -> Exit:
    """Show what would be written, try the hook, write it where that is wanted.

    RED where a file was refused or the hook does not hold; with `check` also where a part is
    missing.

    Raises:
        BadInput: there is no such part, or an option means nothing.
    """
    top = top or project_top(Path.cwd())
    found = guard(top, GuardChoice(_parts(asked), asked.sections, asked.options, asked.workflow))
    _show(found)
    if complaints := found.complaints(top):
        for path, what in complaints:
            say(f"refused: {path}: {what}", "bold red")
        say("nothing was written")
        next_step("orchestrate guard --without hook        (the other parts)")
        return Exit.RED
    if found.hooks:
        say(
            "the hook was tried: it blocks a test class without the pattern, and passes one with it"
        )
    refused = any(isinstance(outcome, Refusal) for outcome in found.outcomes)
    if not found.edits:
        say("nothing to write")
        return Exit.RED if refused else Exit.DONE
    if asked.check:
        say(f"{plural(len(found.edits), 'file')} would be written; next: the same without --check")
        return Exit.RED
    if not (asked.yes or _agreed(len(found.edits))):
        say("nothing was written; next: the same with --yes")
        return Exit.DONE
    written(found, top)
    for edit in found.edits:
        answer(f"written: {edit.path}")
    if find_top(top) is not None:
        paths = as_command(edit.path for edit in found.edits)
        next_step(f"git add -- {paths} && git commit        (the hook: pre-commit install)")
    return Exit.RED if refused else Exit.DONE


def _parts(asked: GuardOptions) -> frozenset[Part]:
    for name in (*asked.only, *asked.without):
        if name not in set(Part):
            raise BadInput(
                f"a guard has no part {name!r}; it has {', '.join(Part)}",
                next_step="orchestrate guard --help",
            )
    wanted = {Part(name) for name in asked.only} or set(Part)
    return frozenset(wanted - {Part(name) for name in asked.without})


def _show(found: PlannedGuard) -> None:
    """The diff on stdout; what is there already and what cannot be done on stderr."""
    from orchestrator.base.diff import unified

    for edit in found.edits:
        raw(unified(edit.path, found.before[edit.path], edit.data))
    for outcome in found.outcomes:
        if isinstance(outcome, NoChange):
            say(f"no changes needed: {outcome.path}")
        elif isinstance(outcome, Edit):
            for note in outcome.notes:
                say(f"note: {outcome.path}: {note}", "yellow")
        elif isinstance(outcome, Refusal):
            say(f"refused: {outcome.path}: {outcome.reason}", "red")
    for line in found.left_out:
        say(line, "yellow")
    for path, text in found.printed.items():
        say(f"{path} is not in this repository, and is not written; its text:", "bold")
        data(text)


def _agreed(count: int) -> bool:
    """Whether a person says yes; without a terminal nobody is asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    sys.stderr.write(f"write {plural(count, 'file')}? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def options_of(values: dict[str, str | bool | None]) -> dict[str, OptionValue]:
    """The options that were given."""
    return {name: value for name, value in values.items() if value not in {None, ""}}


def names(values: Sequence[str] | None) -> tuple[str, ...]:
    """`a,b` and `a` `b` alike."""
    return tuple(part for value in values or () for part in value.split(",") if part)
