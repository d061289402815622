"""One batch in full: what it is, where it stands, what was verified, what was run, what changed."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence

from orchestrator.console.streams import out, plain, raw
from orchestrator.errors import Exit
from orchestrator.gates.verdict import GATES_OF_TESTS
from orchestrator.inspect.look import Look
from orchestrator.inspect.rerun import Rerun
from orchestrator.plain import plain_of
from orchestrator.progress.record import Record, failed_before, flaky
from orchestrator.report.calibration import in_words
from orchestrator.report.unresolved import see_it
from orchestrator.words import counts_in_words, plural


def show_batch(look: Look) -> None:
    """Print everything; the diff comes last, as git prints it."""
    _definition(look)
    if look.batch.record:
        _record(look.batch.record)
    _commands(look)
    if look.diff is None:
        _line("\nNothing of the plan is executed here; what a run would change is shown by:")
        _line(f"  orchestrate next-batch --batch {look.batch.place.name} --dry-run")
    elif look.diff:
        _line("")
        _line(
            "What its last commit changed:" if look.commits else "What a run would change:", "bold"
        )
        out().file.flush()
        raw(look.diff if look.diff.endswith("\n") else f"{look.diff}\n")


def show_reruns(found: Sequence[Rerun]) -> Exit:
    """Print what each command said; RED where one still fails."""
    for one in found:
        _line(f"{one.path}: {shlex.join(one.command)}", "bold")
        out().file.flush()
        raw(one.output if one.output.endswith("\n") else f"{one.output}\n")
        ended = "had to be stopped" if one.exit_code is None else f"ended with {one.exit_code}"
        _line(f"{one.path}: {ended}; the file is as it was\n", "bold")
    return Exit.RED if any(one.exit_code != 0 for one in found) else Exit.DONE


def to_json(look: Look) -> str:
    """The same for programs, without the diff."""
    place, record = look.batch.place, look.batch.record
    return json.dumps(
        {
            "batch": place.name,
            "title": place.batch.title,
            "fixers": [rung.label for rung in place.phase.rungs()],
            "open": look.batch.is_open,
            "targets": [
                {"path": t.target.path, "state": t.state.value, "why": t.why}
                for t in look.batch.targets
            ],
            "record": plain_of(record, defaults=True) if record else None,
            "commits": list(look.commits),
            "commands": [{"gate": c.gate, "words": list(c.words)} for c in look.commands],
        },
        indent=2,
    )


def _definition(look: Look) -> None:
    place = look.batch.place
    of = len(place.phase.batches)
    _line(f"{place.name}: {place.batch.title} (batch {place.number} of {of})", "bold")
    for rung in place.phase.rungs():
        options = f" {json.dumps(rung.options)}" if rung.options else ""
        name = "" if rung.label == rung.fixer else f"{rung.label}: "
        _line(f"  fixer       {name}{rung.fixer}{options}")
    if not place.phase.rungs():
        _line("  fixer       none: for a person")
    if needs := [*place.phase.depends_on, *place.batch.depends_on]:
        _line(f"  depends on  {', '.join(needs)}")
    for status in look.batch.targets:
        given = f" {json.dumps(status.target.options)}" if status.target.options else ""
        why = f": {status.why}" if status.why else ""
        _line(f"  {status.state.value:<11} {status.target.path}{given}{why}")
    for item in look.waiting:
        if item.reproduce:
            _line(f"  see it      {see_it(item)}")
    for commit in look.commits:
        _line(f"  commit      {commit[:10]}")


def _record(record: Record) -> None:
    _line("\nWhat was verified", "bold")
    _line(f"  changed     {counts_in_words(record.counts())}")
    for entry in (*record.targets, *record.others):
        if entry.by:
            _line(f"  by {entry.by:<8} {entry.path}")
    for entry in record.others:
        _line(f"  beside them {entry.path}, for {', '.join(entry.unit)}")
    for measured in record.memory or ():
        _line(f"  memory      {in_words(measured)}, measured")
    for gate in record.gates:
        noun = "test" if gate.gate in GATES_OF_TESTS else "file"
        _line(f"  {gate.gate:<11} {plural(gate.count, noun)}")
    for word, ids in (
        ("failed before", failed_before(record.gates)),
        ("flaky", flaky(record.gates)),
    ):
        for id_ in ids:
            _line(f"  {word}: {id_}")


def _commands(look: Look) -> None:
    if look.commands:
        _line("\nWhat the last run here ran, in the top folder", "bold")
    elif look.batch.record:
        _line("\nIt ran elsewhere: the commands of that run are not on this machine.")
    for command in look.commands:
        _line(f"  {command.gate:<11} {shlex.join(command.words)}")


def _line(text: str, style: str = "") -> None:
    out().print(plain(text, style), soft_wrap=True)
