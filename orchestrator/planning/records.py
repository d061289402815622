"""Moves what records say of a file to where the plan has the file now, and what it is called now.

A batch or phase may be given another id, a target may go to another batch, a file may be renamed:
what was done to it stays known.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from orchestrator.base.paths import RepoPath
from orchestrator.plan.model import Batch, Place, Plan, Target
from orchestrator.records.record import (
    Record,
    TargetRecord,
    definition,
    read_record,
    record_path,
)
from orchestrator.records.strays import strays
from orchestrator.records.tree import WorkTree


@dataclass(frozen=True, slots=True)
class MovedRecord:
    """What the file of a record is to hold; None: it goes, since all of it is elsewhere now."""

    path: RepoPath
    record: Record | None
    said: str


@dataclass(frozen=True, slots=True)
class _Entry:
    """What a record says of one target, under the name the file has now."""

    target: TargetRecord
    was: str
    of: Record


def moved_records(tree: WorkTree, plan: Plan, renamed: Mapping[str, str]) -> list[MovedRecord]:
    """What becomes of the records that do not fit `plan`; `renamed` are files by their old names.

    Raises:
        BadInput: a record cannot be read.
    """
    lost = strays(tree, plan)
    held = {place.name: read_record(tree, plan, place) for place in plan.places()}
    records = [record for record in held.values() if record] + [stray.record for stray in lost]
    entries: dict[str, _Entry] = {
        entry.target.path: entry for record in records for entry in _entries(record, renamed)
    }
    changed = []
    placed = {target.path for place in plan.places() for target in place.batch.targets}
    for place in plan.places():
        record = _record_of(place, held[place.name], entries, placed)
        if record is not None and record != held[place.name]:
            said = f"what is known of the files of {place.name} goes into its record"
            changed.append(MovedRecord(record_path(plan, place), record, said))
    for stray in lost:
        if all(renamed.get(t.path, t.path) in placed for t in stray.record.targets):
            said = f"the record of {stray.name} goes: all of it is in other records"
            changed.append(MovedRecord(stray.path, None, said))
    return changed


def _entries(record: Record, renamed: Mapping[str, str]) -> Iterator[_Entry]:
    for target in record.targets:
        yield _Entry(_called(target, renamed), target.path, record)


def _called(target: TargetRecord, renamed: Mapping[str, str]) -> TargetRecord:
    """An entry with the names that files have now."""
    now = {old: RepoPath(new) for old, new in renamed.items()}
    unit = tuple(now.get(path, path) for path in target.unit)
    return replace(target, path=now.get(target.path, target.path), unit=unit)


def _record_of(
    place: Place, held: Record | None, entries: Mapping[str, _Entry], placed: Collection[str]
) -> Record | None:
    """The record a batch should have, of what is known of its files; None where nothing is.

    What `held` says of files that the plan has dropped, which are not `placed`, stays in it.
    """
    mine = [entries[t.path] for t in place.batch.targets if t.path in entries]
    sources = list({id(entry.of): entry.of for entry in mine}.values())
    own = [entry.path for entry in held.targets] if held else []
    went = any(path in placed for path in own if path not in {entry.was for entry in mine})
    stays = sources == [held] and all(entry.target.path == entry.was for entry in mine)
    if not mine or (stays and not went):
        return held
    dropped = [e for e in (held.targets if held else ()) if e.path not in placed]
    first = held or sources[0]
    paths = {path for entry in mine for path in (entry.target.path, entry.was)}
    renamed = {entry.was: entry.target.path for entry in mine if entry.was != entry.target.path}
    beside = [_called(o, renamed) for source in sources for o in source.others]
    fits = all(_is_as_defined(place, source, entries) for source in sources)
    return replace(
        first,
        phase=place.phase.id,
        batch=place.batch.id,
        definition=definition(place) if fits else first.definition,
        targets=(*(entry.target for entry in mine), *(e for e in dropped if e.path not in paths)),
        others=_beside(beside, paths),
        memory=first.memory if len(sources) == 1 else None,
    )


def _beside(others: Sequence[TargetRecord], paths: set[str]) -> tuple[TargetRecord, ...]:
    """Of the files beside the targets, those that were changed with one of `paths`, each once."""
    found = {other.path: other for other in others if paths.intersection(other.unit)}
    return tuple(found.values())


def _is_as_defined(place: Place, record: Record, entries: Mapping[str, _Entry]) -> bool:
    """Whether fixers and options are still those with which the record was written.

    Told by its digest: that of a batch of the same targets, with the names they had.
    """
    now = {target.path: target for batch in place.phase.batches for target in batch.targets}
    names = {entry.was: entry.target.path for entry in entries.values()}
    targets: list[Target] = []
    for entry in record.targets:
        target = now.get(names.get(entry.path, entry.path))
        if target is None:
            return False
        targets.append(replace(target, path=entry.path))
    batch = Batch(id=place.batch.id, title=place.batch.title, targets=targets)
    return definition(Place(place.phase, batch, place.number)) == record.definition
