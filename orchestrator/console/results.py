"""How a run ended: the commit and what comes next, or what was red and how to see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from orchestrator.batch.preview import Preview
from orchestrator.batch.settle import Landed, NothingToDo, Result, Stopped
from orchestrator.console.streams import data, raw, say
from orchestrator.errors import Exit
from orchestrator.fixers.base import NoChange, Outcome, Refusal
from orchestrator.gates.verdict import Blame, Kind, Verdict
from orchestrator.progress.record import Done
from orchestrator.report.message import counts_in_words
from orchestrator.words import plural


def show_result(result: Result) -> Exit:
    """Print how the run ended; the exit code that says the same."""
    match result:
        case NothingToDo():
            say(
                "Nothing to do: each batch of what you asked for is done, deferred or for a person."
            )
            say("next: orchestrate status")
            return Exit.DONE
        case Landed():
            _landed(result)
            return Exit.DONE
        case Stopped():
            return _stopped(result)


def show_preview(preview: Preview | None) -> Exit:
    """The diff on stdout, what cannot be shown as one on stderr."""
    if preview is None:
        return show_result(NothingToDo())
    say(f"{preview.place.name}: {preview.place.batch.title}; nothing is written", "bold")
    _outcomes(preview.outcomes)
    raw(preview.diff)
    return Exit.DONE


def _landed(landed: Landed) -> None:
    record = landed.record
    for target in record.targets:
        if target.done is not Done.EDITED:
            say(f"  {target.done.value}: {target.path} {target.reason or ''}".rstrip(), "yellow")
        for note in target.notes:
            say(f"  note: {target.path}: {note}", "yellow")
    _seconds(landed.seconds)
    edited = sum(target.done is Done.EDITED for target in record.targets)
    say(f"  added       {counts_in_words(record.counts())} in {plural(edited, 'file')}", "green")
    data(f"{landed.commit[:10]} {landed.subject}")
    if landed.next:
        say(f"next: orchestrate next-batch        ({landed.next.name}, {landed.next.batch.title})")
    else:
        say("next: orchestrate status        (no batch is left for a run to do)")


def _stopped(stopped: Stopped) -> Exit:
    _seconds(stopped.seconds)
    if not stopped.verdicts:
        _outcomes(stopped.outcomes)
        say(f"{stopped.place.name}: no file of it can be fixed; nothing was changed", "bold red")
        say("next: look at the reasons above, then: orchestrate next-batch")
        return Exit.RED
    red = stopped.verdicts[-1]
    for blame in red.blames:
        _blame(blame)
    if red.why:
        say(f"\n{red.why}\n")
    say(
        f"{stopped.place.name} was put back: {_why(red)}; every file is as it was, "
        "nothing is recorded",
        "bold red",
    )
    if red.kind is Kind.CANNOT_JUDGE:
        say("next: set right what is said above, then: orchestrate next-batch")
        return Exit.CANNOT_JUDGE
    say("next: make the same edit to look into it: orchestrate next-batch --dry-run | git apply")
    if red.gate == "test":
        say("      what fails without it too belongs in `verify: known_failures:` of the plan")
    return Exit.RED


def _why(verdict: Verdict) -> str:
    if verdict.kind is Kind.CANNOT_JUDGE:
        return f"the {verdict.gate.value} gate cannot be judged"
    return f"the {verdict.gate.value} gate is red ({plural(len(verdict.blames), 'failure')})"


def _blame(blame: Blame) -> None:
    say(f"\n{blame.test_id or blame.path}", "bold red")
    for line in blame.what.splitlines():
        say(f"    {line}")
    say(f"    reproduce with the edit applied: {blame.reproduce}")


def _outcomes(outcomes: Iterable[Outcome]) -> None:
    for outcome in outcomes:
        match outcome:
            case Refusal(path, reason):
                say(f"  refused: {path}: {reason}", "red")
            case NoChange(path):
                say(f"  no changes needed: {path}")
            case _:
                pass
        for note in getattr(outcome, "notes", ()):
            say(f"  note: {outcome.path}: {note}", "yellow")


def _seconds(seconds: Mapping[str, float]) -> None:
    shown = [f"{name} {value:.2f}" for name, value in seconds.items()]
    say(f"  seconds     {' · '.join(shown)}", "dim")
