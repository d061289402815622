"""One batch in full: what it is, where it stands, what was verified, what was run, what changed."""

from __future__ import annotations

import json
from collections.abc import Sequence

from orchestrator.base.codec import to_json
from orchestrator.base.escape import as_argument, as_command
from orchestrator.base.redact import redacted
from orchestrator.base.text import counts_in_words, plural
from orchestrator.console.streams import answer
from orchestrator.engine.views.rerun import RerunResult
from orchestrator.engine.views.show import BatchView
from orchestrator.errors import Exit
from orchestrator.plan.verify import COUNT_TESTS
from orchestrator.records.record import Record, failed_before, flaky
from orchestrator.report.calibration import in_words
from orchestrator.report.unresolved import see_it


def show_batch(look: BatchView) -> None:
    """Print everything; the diff comes last, as git prints it."""
    _definition(look)
    if look.batch.record:
        _record(look.batch.record)
    _commands(look)
    if look.diff is None:
        answer("\nNothing of the plan is executed here; what a run would change is shown by:")
        answer(f"  orchestrate next-batch --batch {as_argument(look.batch.place.name)} --dry-run")
    elif look.diff:
        answer("")
        answer(
            "What its last commit changed:" if look.commits else "What a run would change:", "bold"
        )
        answer(look.diff.removesuffix("\n"))


def show_reruns(found: Sequence[RerunResult]) -> Exit:
    """Print what each command said; RED where one still fails."""
    for one in found:
        answer(f"{one.path}: {as_command(one.command)}", "bold")
        answer(one.output.removesuffix("\n"))
        code = f"ended with exit code {one.exit_code}"
        ended = "had to be stopped" if one.exit_code is None else code
        answer(f"{one.path}: the command {ended}; the file is as it was\n", "bold")
    return Exit.RED if any(one.exit_code != 0 for one in found) else Exit.DONE


def batch_as_json(look: BatchView) -> str:
    """The same for programs, without the diff."""
    place, record = look.batch.place, look.batch.record
    return json.dumps(
        {
            "batch": place.name,
            "title": place.batch.title,
            "fixers": [rung.label for rung in place.phase.rungs()],
            "open": look.batch.is_open,
            "targets": [
                {"path": t.target.path, "state": t.state.value, "why": redacted(t.why)}
                for t in look.batch.targets
            ],
            "record": to_json(record, defaults=True) if record else None,
            "commits": list(look.commits),
            "commands": [{"gate": c.gate, "words": list(c.words)} for c in look.commands],
        },
        indent=2,
    )


def _definition(look: BatchView) -> None:
    place = look.batch.place
    of = len(place.phase.batches)
    answer(f"{place.name}: {place.batch.title} (batch {place.number} of {of})", "bold")
    for rung in place.phase.rungs():
        options = f" {json.dumps(rung.options)}" if rung.options else ""
        name = "" if rung.label == rung.fixer else f"{rung.label}: "
        answer(f"  fixer       {name}{rung.fixer}{options}")
    if not place.phase.rungs():
        answer("  fixer       none: a person changes the files")
    if needs := [*place.phase.depends_on, *place.batch.depends_on]:
        answer(f"  depends on  {', '.join(needs)}")
    for status in look.batch.targets:
        given = f" {json.dumps(status.target.options)}" if status.target.options else ""
        why = f": {status.why}" if status.why else ""
        answer(f"  {status.state.value:<11} {status.target.path}{given}{why}")
    for item in look.waiting:
        if item.reproduce:
            answer(f"  see it      {see_it(item)}")
    for commit in look.commits:
        answer(f"  commit      {commit[:10]}")


def _record(record: Record) -> None:
    answer("\nWhat was verified", "bold")
    answer(f"  changed     {counts_in_words(record.counts())}")
    for entry in (*record.targets, *record.others):
        if entry.by:
            answer(f"  edited      {entry.path}, by {entry.by}")
    for entry in record.others:
        answer(f"  also        {entry.path}, for {', '.join(entry.unit)}")
    for measured in record.memory or ():
        answer(f"  memory      {in_words(measured)}, measured")
    for gate in record.gates:
        noun = "test" if gate.gate in COUNT_TESTS else "file"
        answer(f"  {gate.gate:<11} {plural(gate.count, noun)}")
    for word, ids in (
        ("failed before", failed_before(record.gates)),
        ("flaky", flaky(record.gates)),
    ):
        for id_ in ids:
            answer(f"  {word}: {id_}")


def _commands(look: BatchView) -> None:
    if look.commands:
        answer("\nWhat the last run here ran, in the top folder", "bold")
    elif look.batch.record:
        answer("\nIt ran elsewhere: the commands of that run are not on this machine.")
    for command in look.commands:
        answer(f"  {command.gate:<11} {as_command(command.words)}")
