"""Makes the record of a run: what became of its targets, beside what the record held before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.batch.selection import Selection
from orchestrator.batch.taken import TakenOut
from orchestrator.fixers import registry
from orchestrator.fixers.base import Edit, NoChange, Outcome, Refusal
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Plan, Target
from orchestrator.progress.record import (
    Done,
    Failure,
    GateRecord,
    Record,
    TargetRecord,
    definition,
)
from orchestrator.redact import for_record, redacted
from orchestrator.report.diff import patch
from orchestrator.words import plural


def record_of(
    plan: Plan,
    selection: Selection,
    entries: Mapping[str, TargetRecord],
    verdicts: Sequence[Verdict],
) -> Record:
    """The record of a batch after a run that came to `entries`; other targets keep theirs.

    A manual target that nobody adopted yet is named; an automatic one without an entry is not, so
    that it stays pending.
    """
    place = selection.place
    found = [(target, entries.get(target.path)) for target in place.batch.targets]
    targets = [entry or _other(selection, target) for target, entry in found]
    fixer = registry.get(place.phase.fixer) if place.phase.fixer else None
    return Record(
        plan=plan.name,
        phase=place.phase.id,
        batch=place.batch.id,
        definition=_definition(selection),
        fixer=fixer.name if fixer else "",
        fixer_version=fixer.version if fixer else 0,
        targets=tuple(entry for entry in targets if entry is not None),
        gates=tuple(_gates(_judged_before(selection), verdicts)),
    )


def _definition(selection: Selection) -> str:
    """That of the plan, unless some of what it asks for anew is left to another run."""
    earlier, place = selection.earlier, selection.place
    now = definition(place)
    if earlier is None or earlier.definition == now:
        return now
    settled = {t.path for t in earlier.targets if t.done in {Done.SKIPPED, Done.MANUAL}}
    todo = {t.path for t in place.batch.automatic()} - settled
    return now if todo <= set(selection.paths) else earlier.definition


def entry_of(outcome: Outcome, before: str, after: str) -> TargetRecord:
    """The entry of a target by what its fixer said, with the blob ids of its file."""
    match outcome:
        case Edit(path, _, counts, notes):
            return TargetRecord(
                path=path,
                done=Done.EDITED,
                before=before,
                after=after,
                counts=dict(counts),
                notes=notes,
            )
        case NoChange(path, notes):
            return TargetRecord(
                path=path, done=Done.UNCHANGED, before=before, after=after, notes=notes
            )
        case Refusal(path, reason):
            return TargetRecord(
                path=path, done=Done.REFUSED, before=before, after=after, reason=reason
            )


def entry_of_taken(
    taken: TakenOut, blob: str, before: bytes, edited: bytes, *, top: Path
) -> TargetRecord:
    """The entry of a target a gate took out, with the edit that was taken back."""
    tests = [blame.test_id for blame in taken.blames if blame.test_id]
    return TargetRecord(
        path=taken.path,
        done=Done.QUARANTINED,
        before=blob,
        after=blob,
        reason=for_record(reason_of(taken), top=str(top)),
        failure=Failure(
            gate=taken.gate,
            fault=taken.fault.value,
            tests=tuple(map(_committable, tests)),
            reproduce=tuple(map(_committable, _reproduce(taken))),
        ),
        patch=patch(taken.path, before, edited),
    )


def reason_of(taken: TakenOut) -> str:
    """Why a file was taken out, on one line: how many tests, what they do, and the first error."""
    first = taken.blames[0]
    more = f" and {plural(len(taken.blames) - 1, 'other')}" if len(taken.blames) > 1 else ""
    what = f"{first.test_id.partition('::')[2]}{more}: " if first.test_id else ""
    error = _error_line(first.text)
    seen = f" ({error})" if error and error not in first.what else ""
    return f"{taken.fault.value}: {what}{first.what}{seen}"


def _error_line(text: str) -> str:
    """The line of pytest's output that names the error; nothing where there is none."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return " ".join(lines[0].split())[:200] if lines else ""


def _reproduce(taken: TakenOut) -> tuple[str, ...]:
    """One command for everything that was red; of more than five tests, the file."""
    words = list(taken.blames[0].reproduce)
    tests = [blame.test_id for blame in taken.blames if blame.test_id]
    if len(tests) > 1 and words[-1] == tests[0]:
        most = 5
        words[-1:] = tests if len(tests) <= most else [taken.path]
    return tuple(words)


def _other(selection: Selection, target: Target) -> TargetRecord | None:
    kept = selection.kept(target.path)
    if kept is None and target.manual is not None:
        return TargetRecord(path=target.path, done=Done.MANUAL, reason=target.manual)
    return kept


def fresh_gates(verdicts: Sequence[Verdict]) -> list[GateRecord]:
    """What the gates said in this run, and nothing of the runs before."""
    return list(_gates((), verdicts))


def _judged_before(selection: Selection) -> Sequence[GateRecord]:
    """What the gates said of the targets that are kept as an earlier run left them."""
    if selection.earlier is None:
        return ()
    kept = [selection.kept(target.path) for target in selection.place.batch.targets]
    judged = any(entry and entry.done in {Done.EDITED, Done.ADOPTED} for entry in kept)
    return selection.earlier.gates if judged else ()


def _gates(earlier: Sequence[GateRecord], verdicts: Sequence[Verdict]) -> Iterator[GateRecord]:
    before = {gate.gate: gate for gate in earlier}
    for verdict in verdicts:
        old = before.pop(verdict.gate, None) or GateRecord(gate=verdict.gate, count=0)
        yield GateRecord(
            gate=verdict.gate,
            count=old.count + verdict.count,
            known_failures=_joined(old.known_failures, verdict.known),
            failed_before=_joined(old.failed_before, verdict.failed_before),
            flaky=_joined(old.flaky, verdict.flaky),
        )
    yield from before.values()


def _joined(old: Sequence[str], new: Sequence[str]) -> tuple[str, ...]:
    return tuple(sorted({*old, *map(_committable, new)}))


def _committable(id_: str) -> str:
    """A test id that may stand in a commit: parameters can hold anything."""
    return redacted(id_).encode("utf-8", "backslashreplace").decode("utf-8")
