"""Makes the record of a run: what became of its targets, beside what the record held before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.base.changes import Change, Unit
from orchestrator.base.diff import unified
from orchestrator.base.outcomes import OUTCOME_OF, TargetOutcome
from orchestrator.base.paths import RepoPath
from orchestrator.base.redact import for_record, redacted, redacted_id
from orchestrator.base.text import plural
from orchestrator.commit.transaction import StagedBlobs
from orchestrator.engine.fix_and_verify import FixResult
from orchestrator.engine.selection import Selection
from orchestrator.fixers import registry
from orchestrator.fixers.outcome import NoChange
from orchestrator.gates.verdict import RejectedUnit, Verdict
from orchestrator.plan.model import Evidence, Plan, Target
from orchestrator.records.record import (
    Failure,
    GateRecord,
    MemoryRecord,
    Patch,
    Record,
    TargetRecord,
    definition,
)

Spelled = Callable[[str], str]
"""Writes the id of a test as records have it."""


def record_of(
    plan: Plan,
    selection: Selection,
    entries: Mapping[str, TargetRecord],
    verdicts: Sequence[Verdict],
    others: Sequence[TargetRecord] = (),
    memory: MemoryRecord | None = None,
    spelled: Spelled = str,
) -> Record:
    """The record of a batch after a run that came to `entries`; other targets keep theirs.

    `others` are files beside the targets; `spelled` writes the id of a test. A manual target that
    nobody adopted yet is named; an automatic one without an entry is not, so that it stays pending.
    """
    place = selection.place
    found = [(target, entries.get(target.path)) for target in place.batch.targets]
    targets = [
        _continued(selection, entry) if entry else _other(selection, target)
        for target, entry in found
    ]
    return Record(
        plan=plan.name,
        phase=place.phase.id,
        batch=place.batch.id,
        definition=_definition(selection),
        fixers={rung.label: registry.get(rung.fixer).version for rung in place.phase.rungs()},
        targets=tuple(entry for entry in targets if entry is not None),
        others=tuple(_others(selection, others)),
        gates=tuple(_gates(_judged_before(selection), verdicts, spelled)),
        memory=_measured(selection, memory),
    )


def _measured(selection: Selection, now: MemoryRecord | None) -> tuple[MemoryRecord, ...] | None:
    """What earlier runs of the batch measured of other files, and this one."""
    earlier = (selection.earlier.memory if selection.earlier else None) or ()
    again = set(selection.paths)
    kept = [one for one in earlier if not again & set(one.files)]
    return (*kept, now) if now else tuple(kept) or None


def _continued(selection: Selection, now: TargetRecord) -> TargetRecord:
    """An entry of a file that an earlier run edited: undo goes back to what was before that one."""
    entries = selection.earlier.targets if selection.earlier else ()
    earlier = next((entry for entry in entries if entry.path == now.path), None)
    goes_on = now.done in {TargetOutcome.EDITED, TargetOutcome.UNCHANGED, TargetOutcome.ADOPTED}
    if earlier is None or not goes_on or earlier.after != now.before:
        return now
    return replace(now, before=earlier.before)


def _others(selection: Selection, now: Sequence[TargetRecord]) -> Iterator[TargetRecord]:
    """The files beside the targets: of this run, and of targets it left alone."""
    earlier = {e.path: e for e in (selection.earlier.others if selection.earlier else ())}
    mine = {entry.path: entry for entry in now}
    for path, entry in earlier.items():
        if path in mine:  # changed once more: what it was at first is what undo goes back to
            mine[path] = replace(mine[path], before=entry.before)
        else:
            mine[path] = entry
    yield from (mine[path] for path in sorted(mine))


def _definition(selection: Selection) -> str:
    """That of the plan, unless some of what it asks for anew is left to another run."""
    earlier, place = selection.earlier, selection.place
    now = definition(place)
    if earlier is None or earlier.definition == now:
        return now
    settled = {
        t.path for t in earlier.targets if t.done in {TargetOutcome.SKIPPED, TargetOutcome.MANUAL}
    }
    todo = {t.path for t in place.batch.automatic()} - settled
    return now if todo <= set(selection.paths) else earlier.definition


def entries_of(
    top: Path,
    selection: Selection,
    reached: FixResult,
    staged: StagedBlobs,
    *,
    several: bool,
    evidence: Evidence = Evidence.SOURCE,
    spelled: Spelled = str,
    tests: Callable[[str], int | None] = lambda path: None,
) -> tuple[dict[str, TargetRecord], list[TargetRecord]]:
    """The entry of each target of a run, and those of the files that were changed beside them.

    With `several` rungs, each entry says which one did it; `evidence` is what a failure is quoted
    by, and `tests` says how many tests of a file ran.
    """
    targets: dict[str, TargetRecord] = {}
    others: list[TargetRecord] = []
    for path in selection.paths:
        left = reached.left(path)
        blob = staged.before.get(path)
        if isinstance(left, RejectedUnit):
            targets[path] = _taken(left, path, blob, top, evidence, spelled)
        elif left is not None:
            targets[path] = TargetRecord(
                path=RepoPath(path),
                done=TargetOutcome.REFUSED,
                before=blob,
                after=blob,
                reason=for_record(left.reason, top=str(top)),
            )
        elif (same := reached.unchanged.get(path)) is not None:
            targets[path] = TargetRecord(
                path=RepoPath(path),
                done=TargetOutcome.UNCHANGED,
                before=blob,
                after=blob,
                notes=_notes(same),
            )
    for unit in reached.kept:
        for path in unit.targets:
            targets[path] = _edited(path, unit, staged, several=several, tests=tests(path))
        others += [
            _edited(path, unit, staged, several=several, tests=tests(path))
            for path in unit.paths
            if path not in selection.paths
        ]
    return targets, others


def _edited(
    path: str, unit: Unit, staged: StagedBlobs, *, several: bool, tests: int | None
) -> TargetRecord:
    change = unit.change(path)
    sides = (change.before, change.after) if change else ()
    return TargetRecord(
        path=RepoPath(path),
        done=TargetOutcome.EDITED,
        before=staged.before.get(path),
        after=staged.after.get(path),
        counts=dict(change.counts) if change else {},
        notes=_notes(change) if change else (),
        by=unit.by if several else None,
        unit=_beside(path, unit),
        executable=True if change and None in sides and change.mode & 0o100 else None,
        tests=tests if change is None or change.after is not None else None,
    )


def _beside(path: str, unit: Unit) -> tuple[RepoPath, ...]:
    return tuple(dict.fromkeys(RepoPath(p) for p in (*unit.targets, *unit.paths) if p != path))


def _taken(
    taken: RejectedUnit,
    path: str,
    blob: str | None,
    top: Path,
    evidence: Evidence,
    spelled: Spelled,
) -> TargetRecord:
    """The entry of a target a gate quarantined, with the edit of its unit that was rolled back."""
    tests = [spelled(blame.test_id) for blame in taken.blames if blame.test_id]
    return TargetRecord(
        path=RepoPath(path),
        done=OUTCOME_OF[taken.fault],
        before=blob,
        after=blob,
        unit=_beside(path, taken.unit),
        reason=for_record(reason_of(taken, evidence), top=str(top)),
        failure=Failure(
            gate=taken.gate,
            fault=taken.fault.value,
            tests=tuple(map(_committable, tests)),
        ),
        patch=patch_of(taken.unit.changes),
    )


def _notes(said: Change | NoChange) -> tuple[str, ...]:
    return tuple(redacted(note).encode("utf-8", "backslashreplace").decode() for note in said.notes)


def reason_of(taken: RejectedUnit, evidence: Evidence) -> str:
    """Why a file was quarantined, on one line: how many tests, what they do, the first error."""
    first = taken.blames[0]
    more = f" and {plural(len(taken.blames) - 1, 'other')}" if len(taken.blames) > 1 else ""
    what = f"{first.test_id.partition('::')[2]}{more}: " if first.test_id else ""
    printed = _error_line(first.text) if evidence is Evidence.FULL else ""
    error = printed or first.raised
    seen = f" ({error})" if error and error not in first.what else ""
    return f"{taken.fault.value}: {what}{first.what}{seen}"


def _error_line(text: str) -> str:
    """The line of pytest's output that names the error; nothing where there is none."""
    lines = [line[1:].strip() for line in text.splitlines() if line.startswith("E ")]
    return " ".join(lines[0].split())[:200] if lines else ""


def _other(selection: Selection, target: Target) -> TargetRecord | None:
    kept = selection.kept(target.path)
    if kept is None and target.manual is not None:
        return TargetRecord(
            path=RepoPath(target.path), done=TargetOutcome.MANUAL, reason=target.manual
        )
    return kept


def fresh_gates(verdicts: Sequence[Verdict], spelled: Spelled = str) -> list[GateRecord]:
    """What the gates said in this run, and nothing of the runs before."""
    return list(_gates((), verdicts, spelled))


def _judged_before(selection: Selection) -> Sequence[GateRecord]:
    """What the gates said of the targets that are kept as an earlier run left them."""
    if selection.earlier is None:
        return ()
    kept = [selection.kept(target.path) for target in selection.place.batch.targets]
    judged = any(
        entry and entry.done in {TargetOutcome.EDITED, TargetOutcome.ADOPTED} for entry in kept
    )
    return selection.earlier.gates if judged else ()


def _gates(
    earlier: Sequence[GateRecord], verdicts: Sequence[Verdict], spelled: Spelled
) -> Iterator[GateRecord]:
    before = {gate.gate: gate for gate in earlier}
    for verdict in verdicts:
        old = before.pop(verdict.gate, None) or GateRecord(gate=verdict.gate, count=0)
        yield GateRecord(
            gate=verdict.gate,
            count=old.count + verdict.count,
            skipped=(old.skipped or 0) + verdict.skipped or None,
            xfailed=(old.xfailed or 0) + verdict.xfailed or None,
            of=tuple(sorted({*(old.of or ()), *verdict.of})) or None,
            known_failures=_joined(old.known_failures, map(spelled, verdict.known)),
            failed_before=_joined(old.failed_before, map(spelled, verdict.failed_before)),
            flaky=_joined(old.flaky, map(spelled, verdict.flaky)),
        )
    yield from before.values()


def _joined(old: Sequence[str], new: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*old, *map(_committable, new)}))


def _committable(id_: str) -> str:
    """A test id that may stand in a commit: parameters can hold anything."""
    return redacted_id(id_).encode("utf-8", "backslashreplace").decode("utf-8")


def patch_of(changes: Iterable[Change]) -> Patch:
    """Return the diff of changes that belong together, as a record keeps it."""
    text = "".join(unified(c.path, c.before, c.after, c.mode) for c in changes)
    data = text.encode("utf-8", "surrogateescape")
    try:
        return Patch(text=data.decode("utf-8"))
    except UnicodeDecodeError:
        return Patch(text=data.decode("latin-1"), encoding="latin-1")
