"""How a run ended: the commit and what comes next, or what was red and how to see it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from orchestrator.base.changes import Unit, changes_of
from orchestrator.base.escape import as_argument, as_command
from orchestrator.base.outcomes import GateResult, TargetOutcome
from orchestrator.base.text import counts_in_words, plural
from orchestrator.console.streams import answer, next_step, raw, say
from orchestrator.engine.next_batch import Ending, Series
from orchestrator.engine.results import Landed, NothingToDo, Result, Stopped
from orchestrator.engine.views.preview import Preview
from orchestrator.errors import Exit
from orchestrator.fixers.outcome import NoChange, Refusal
from orchestrator.gates.reproduce import Reproduction
from orchestrator.gates.verdict import GateFailure, RejectedUnit, Verdict
from orchestrator.records.record import TargetRecord, added, failed_before, flaky
from orchestrator.report.told import listed
from orchestrator.report.unresolved import reproduce_line
from orchestrator.worktrees.fast_forward import ParkedCommits

_IN = frozenset({TargetOutcome.EDITED, TargetOutcome.UNCHANGED, TargetOutcome.ADOPTED})
_MOST_CHARS = 200
"""A line names as many files as fit into this."""
_DETAIL_LINES = 20
_STEPS_OF_PYTEST = ("collect", "test", "search")


def show_result(result: Result, how: Reproduction) -> Exit:
    """Print how the run ended; the exit code that says the same."""
    match result:
        case NothingToDo():
            return _nothing()
        case Landed():
            _landed(result, how)
            _next(result)
        case Stopped():
            _stopped(result, how)
    return result.exit_code


def _nothing() -> Exit:
    say("Nothing to do: what you asked for is done, deferred, quarantined or for a person.")
    say("next: orchestrate status, or: orchestrate unresolved")
    return NothingToDo().exit_code


def show_series(series: Series, how: Reproduction) -> Exit:
    """Print every batch of the series, then what it came to."""
    for result in series.results:
        if isinstance(result, Landed):
            answer(f"{result.commit.commit[:10]} {result.commit.subject}")
        else:
            _stopped(result, how)
    if not series.results:
        return _nothing()
    landed = [result for result in series.results if isinstance(result, Landed)]
    if landed:
        _summary(series)
    _quarantined([entry for result in landed for entry in result.quarantined])
    show_kept(series.kept)
    say(f"ended because: {series.ending.value}", "bold")
    if series.ending is Ending.NOTHING_HAPPENED:
        for result in landed:
            if result.did_nothing:
                _did_nothing(result)
        next_step("correct the plan, or go on: orchestrate next-batch --all")
    else:
        _after(series, landed)
    return series.exit_code


def show_landed(results: Sequence[Landed | Stopped]) -> None:
    """Print which batches of a series have landed, where it ends with an error."""
    landed = [result for result in results if isinstance(result, Landed)]
    for result in landed:
        answer(f"{result.commit.commit[:10]} {result.commit.subject}")
    if landed:
        say(f"{plural(len(landed), 'batch')} landed before the run ended", "bold")


def show_kept(kept: ParkedCommits | None) -> None:
    """Say where commits are that could not be brought onto the user's branch."""
    if kept is not None:
        say(f"kept on the branch {kept.branch}, not on yours: {kept.why}", "bold yellow")
        next_step(kept.command)


def _after(series: Series, landed: Sequence[Landed]) -> None:
    """What is typed next after several batches."""
    if series.ending is Ending.TOO_MANY:
        next_step("orchestrate unresolved        (all may have one cause); then go on:")
        say("      orchestrate next-batch --all")
    elif series.ending is Ending.LIMIT and (coming := landed[-1].next) is not None:
        next_step(f"orchestrate next-batch --all        ({coming.name}, {coming.batch.title})")
        if series.waiting:
            next_step("orchestrate unresolved")
    elif series.waiting:
        next_step("orchestrate unresolved")
    else:
        next_step("orchestrate status")


def show_preview(preview: Preview | None) -> Exit:
    """The diff on stdout, what cannot be shown as one on stderr."""
    if preview is None:
        return _nothing()
    say(f"{preview.place.name}: {preview.place.batch.title}; nothing is written", "bold")
    found = preview.proposal
    _outcomes(found.refused, found.unchanged)
    _notes(found.units)
    first, *others = [rung.label for rung in preview.place.phase.rungs()] or [""]
    if others:
        say(f"  only {first} was tried: what it or a gate leaves would go to {', '.join(others)}")
    raw(preview.diff)
    return Exit.DONE


def show_blames(red: Verdict, how: Reproduction) -> None:
    """Print everything a verdict holds against files, and why it could not be judged."""
    for blame in red.blames:
        _blame(blame, red.gate, how)
    if red.why:
        say(f"\n{red.why}\n")


def _landed(landed: Landed, how: Reproduction) -> None:
    for entry in landed.entries:
        if entry.done is TargetOutcome.UNCHANGED:
            say(f"  no changes needed: {entry.path}")
        for note in entry.notes:
            say(f"  note: {entry.path}: {note}", "yellow")
    _outcomes(landed.found.refused, ())
    _rejected(landed, how)
    _seconds(landed.found.seconds)
    edited = [entry for entry in landed.entries if entry.done is TargetOutcome.EDITED]
    of = f" of {len(landed.entries)}" if landed.quarantined else ""
    files = f"{len(edited)}{of} files" if of else plural(len(edited), "file")
    say(f"  changed     {counts_in_words(added(edited))} in {files}", "green")
    for entry in landed.record.others:
        say(f"  also        {entry.path}: {counts_in_words(entry.counts)}", "green")
    changed = (*landed.entries, *landed.record.others)
    if untested := [entry.path for entry in changed if entry.tests == 0]:
        names = listed(untested, most_chars=_MOST_CHARS)
        say(f"  untested    no test looked at {names}", "yellow")
    if landed.did_nothing:
        _did_nothing(landed)
    answer(f"{landed.commit.commit[:10]} {landed.commit.subject}")


def _rejected(landed: Landed, how: Reproduction) -> None:
    entries: dict[str, TargetRecord] = {entry.path: entry for entry in landed.entries}
    for taken in landed.found.rejected:
        _blamed(taken)
        if (entry := entries.get(taken.name)) and (line := reproduce_line(entry, how)):
            say(f"    see it: {line}")


def _blamed(taken: RejectedUnit) -> None:
    say(f"\n{', '.join(taken.unit.targets)} was quarantined: {taken.fault}", "bold red")
    most = 5
    for blame in taken.blames[:most]:
        say(f"  {blame.test_id or blame.path} {blame.what}")
    if len(taken.blames) > most:
        say(f"  and {plural(len(taken.blames) - most, 'other')}")
    for line in taken.blames[0].text.splitlines():
        say(f"    {line}")


def _next(landed: Landed) -> None:
    if landed.quarantined:
        names = as_command(entry.path for entry in landed.quarantined)
        next_step(f"orchestrate unresolved        ({names})")
    if landed.next:
        next_step(f"orchestrate next-batch        ({landed.next.name}, {landed.next.batch.title})")
    elif not landed.quarantined:
        next_step("orchestrate status        (no batch is left for a run to do)")


def _stopped(stopped: Stopped, how: Reproduction) -> None:
    _seconds(stopped.found.seconds)
    if all(verdict.passed for verdict in stopped.found.verdicts):
        _outcomes(stopped.found.refused, stopped.found.unchanged)
        for taken in stopped.found.rejected:
            _blamed(taken)
        say(f"{stopped.place.name}: nothing of it can be brought in; all is as it was", "bold red")
        next_step("orchestrate unresolved")
        return
    red = stopped.found.verdicts[-1]
    show_blames(red, how)
    say(
        f"{stopped.place.name} was rolled back: {_why(red)}; every file is as it was, "
        "nothing is recorded",
        "bold red",
    )
    if red.kind is GateResult.CANNOT_JUDGE:
        next_step("set right what is said above, then: orchestrate next-batch")
        return
    preview = f"orchestrate next-batch --batch {as_argument(stopped.place.name)} --dry-run"
    next_step(f"make the same edit to look into it: {preview} | git apply")


def _why(verdict: Verdict) -> str:
    if verdict.kind is GateResult.CANNOT_JUDGE:
        return f"the {verdict.gate} gate cannot be judged"
    return f"the {verdict.gate} gate is red ({plural(len(verdict.blames), 'failure')})"


def _blame(blame: GateFailure, gate: str, how: Reproduction) -> None:
    say(f"\n{blame.test_id or blame.path}", "bold red")
    say(f"    {blame.fault}: {blame.what}")
    for line in blame.text.splitlines():
        say(f"    {line}")
    tests = [blame.test_id] if blame.test_id else []
    if (words := how.words(gate, blame.path, tests)) is not None:
        say(f"    reproduce with the edit applied: {as_command(words)}")


def _summary(series: Series) -> None:
    landed = [result for result in series.results if isinstance(result, Landed)]
    entries = [entry for result in landed for entry in result.entries]
    edited = [entry for entry in entries if entry.done is TargetOutcome.EDITED]
    tests = _distinct(v for result in landed for v in result.found.verdicts if v.gate == "test")
    before = {id_ for result in landed for id_ in failed_before(result.record.gates)}
    unsteady = {id_ for result in landed for id_ in flaky(result.record.gates)}
    pytest_s = sum(
        seconds
        for result in series.results
        for gate, seconds in result.found.seconds.items()
        if gate in _STEPS_OF_PYTEST
    )
    waits = [result for result in landed if not any(e.done in _IN for e in result.entries)]
    beside = f", {len(waits)} recorded of which nothing is in" if waits else ""
    say(f"\n{plural(len(landed) - len(waits), 'batch')} landed{beside}", "bold")
    say(f"  files       {len(edited)} edited of {len(entries)}")
    say(f"  changed     {counts_in_words(added(edited))}")
    say(
        f"  tests       {tests:,} verified, {len(before)} failed before, {len(unsteady)} flaky",
    )
    for id_ in sorted(unsteady):
        say(f"              flaky: {id_}", "yellow")
    say(f"  seconds     {series.duration_s:.1f}, {pytest_s:.1f} of them in pytest", "dim")


def _distinct(verdicts: Iterable[Verdict]) -> int:
    """How many tests ran: those of a file that ran for several batches count once."""
    most: dict[str, int] = {}
    for verdict in verdicts:
        for file, count in verdict.ran.items():
            most[file] = max(most.get(file, 0), count)
    return sum(most.values())


def _quarantined(entries: Sequence[TargetRecord]) -> None:
    if entries:
        say(f"\n{plural(len(entries), 'file')} unresolved:", "bold red")
    for entry in entries:
        word = "refused: " if entry.done is TargetOutcome.REFUSED else ""
        say(f"  {entry.path}: {word}{entry.reason}", "red")


def _outcomes(refused: Iterable[Refusal], unchanged: Iterable[NoChange]) -> None:
    for refusal in refused:
        say(f"  refused: {refusal.path}: {refusal.reason}", "red")
        for line in refusal.detail.splitlines()[:_DETAIL_LINES]:
            say(f"    {line}", "dim")
    for same in unchanged:
        say(f"  no changes needed: {same.path}")
        for note in same.notes:
            say(f"  note: {same.path}: {note}", "yellow")


def _notes(units: Iterable[Unit]) -> None:
    for change in changes_of(units):
        for note in change.notes:
            say(f"  note: {change.path}: {note}", "yellow")


def _did_nothing(landed: Landed) -> None:
    """A fixer that changes nothing at all is more often called wrongly than needless."""
    phase = landed.place.phase
    files = plural(len(landed.entries), "file")
    say(
        f"NOTHING HAPPENED: {' and '.join(rung.label for rung in phase.rungs())} changed none of "
        f"the first {files} of {phase.id}. Is it told to do what it should?",
        "bold red",
    )


def _seconds(seconds: Mapping[str, float]) -> None:
    shown = [f"{name} {value:.2f}" for name, value in seconds.items()]
    say(f"  seconds     {' · '.join(shown)}", "dim")
