"""The record of a batch: what was done to each target, committed together with the code."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from orchestrator.base.codec import UnfitError, from_json, to_json
from orchestrator.base.escape import as_argument
from orchestrator.base.outcomes import TargetOutcome
from orchestrator.base.paths import RepoPath
from orchestrator.errors import BadInput
from orchestrator.plan.model import Phase, Place, Plan
from orchestrator.records.tree import WorkTree

_BLOB_ID = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")

MOST_MIB = 32
"""No record is larger; those of ours leave out patches before they come near."""


class _Strict:
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}


@dataclass(frozen=True, kw_only=True)
class Patch(_Strict):
    """An edit that was not made, as a unified diff for `git apply`."""

    text: str
    encoding: Literal["utf-8", "latin-1"] = "utf-8"

    def to_bytes(self) -> bytes:
        """The diff in the bytes of the file it is for."""
        return self.text.encode(self.encoding, "replace")


@dataclass(frozen=True, kw_only=True)
class Failure(_Strict):
    """Why a gate did not let a file pass.

    `fault` is culprit, flaky or cannot be judged. `reproduce` is what earlier versions wrote: a
    command for people to read, which is never run, and not written any more.
    """

    gate: str
    fault: str
    tests: tuple[str, ...] = ()
    reproduce: tuple[str, ...] | None = None


@dataclass(frozen=True, kw_only=True)
class TargetRecord(_Strict):
    """One file. `before` and `after` are git blob ids; none where there was, or is, no file.

    `counts` is what was really done, `by` the rung that did it where there are several, `unit` the
    other files that stand or fall with it. A quarantined one keeps the bytes it had, the edit that
    was rolled back, and why.
    """

    path: RepoPath
    done: TargetOutcome
    before: str | None = None
    after: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    by: str | None = None
    unit: tuple[RepoPath, ...] = ()
    executable: Literal[True] | None = None
    """Whether a file that was made or removed is a program."""

    tests: int | None = None
    """How many tests ran that look at a file which is in; None where no gate ran tests."""

    reason: str | None = None
    failure: Failure | None = None
    patch: Patch | None = None


@dataclass(frozen=True, kw_only=True)
class GateRecord(_Strict):
    """One gate: how much it looked at, and the red tests that were not held against a file.

    `known_failures` are listed in the plan, `failed_before` were red without the edit too, `flaky`
    failed and passed on the same bytes. Of tests, `count` are those that ran; `skipped` and
    `xfailed` did not, or were expected to fail, as before. `of` is what was run for files that are
    no tests themselves.
    """

    gate: str
    count: int
    skipped: int | None = None
    xfailed: int | None = None
    of: tuple[str, ...] | None = None
    known_failures: tuple[str, ...] = ()
    failed_before: tuple[str, ...] = ()
    flaky: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class MemoryRecord(_Strict):
    """What the tests of some files were measured to hold: peaks over all processes, one a run.

    The one thing in a record that another run may find otherwise. `workers` is 0 for one process.
    """

    files: tuple[RepoPath, ...]
    workers: int
    before_mib: tuple[int, ...]
    after_mib: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Record(_Strict):
    """What a batch did. Deterministic: the same edit of the same files gives the same bytes.

    Only `memory`, where the plan asks for it, is measured.
    """

    format: Literal[1] = 1
    plan: str
    phase: str
    batch: str
    definition: str
    fixers: dict[str, int]
    """The fixers of the phase, each with its version."""

    targets: tuple[TargetRecord, ...]
    others: tuple[TargetRecord, ...] = ()
    """Files beside the targets that were changed, made or removed with them."""

    gates: tuple[GateRecord, ...]
    memory: tuple[MemoryRecord, ...] | None = None
    """One for each run that measured."""

    def counts(self) -> dict[str, int]:
        """What was done over all files."""
        return added([*self.targets, *self.others])

    def changed(self) -> list[TargetRecord]:
        """Every file a run or a person changed, also where a later run had nothing left to do."""
        return [
            t
            for t in (*self.targets, *self.others)
            if t.done in {TargetOutcome.EDITED, TargetOutcome.ADOPTED}
            or (t.done is TargetOutcome.UNCHANGED and t.before != t.after)
        ]

    def to_bytes(self) -> bytes:
        """The record as it is written: indented JSON, keys in the order of this file."""
        text = json.dumps(to_json(self, defaults=True), indent=2)
        return f"{text}\n".encode("ascii")


def added(targets: Sequence[TargetRecord]) -> dict[str, int]:
    """What was added over some targets, by name."""
    total: dict[str, int] = {}
    for target in targets:
        for name, count in target.counts.items():
            total[name] = total.get(name, 0) + count
    return total


def record_path(plan: Plan, place: Place) -> RepoPath:
    """Where the record of a batch is, from the top of the repository."""
    return RepoPath(f"{plan.reports}/{place.phase.id}/{place.batch.id}.json")


def definition(place: Place) -> str:
    """A digest of what decides the edit: the fixers, and each target with its options.

    Titles, estimates and expected counts may be corrected without a batch being taken for drifted.
    """
    phase, batch = place.phase, place.batch
    parts = [
        [[rung.label, rung.fixer, rung.options] for rung in phase.rungs()],
        phase.instructions,
        [[t.path, t.options, t.manual is None] for t in batch.targets],
    ]
    text = json.dumps(parts, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:16]


def read_record(tree: WorkTree, plan: Plan, place: Place) -> Record | None:
    """The record of a batch, or None where there is none.

    Raises:
        BadInput: the file there is not a record of this plan, or of a newer version of the tool.
    """
    path = record_path(plan, place)
    if (data := _held(tree, path)) is None:
        return None
    record = parsed(data, path)
    if (record.plan, record.phase, record.batch) != (plan.name, place.phase.id, place.batch.id):
        raise BadInput(
            f"{path!r} is the record of {record.plan}: {record.phase}/{record.batch}, "
            f"not of {plan.name}: {place.name}",
            next_step="give each plan its own `reports:` folder",
        )
    return record


def _held(tree: WorkTree, path: RepoPath) -> bytes | None:
    """What the file of a record holds; None where there is none.

    Raises:
        BadInput: it is no regular file, too large, or cannot be read.
    """
    try:
        return tree.read(path, most_mib=MOST_MIB)
    except OSError as error:
        raise BadInput(
            f"cannot read the record {path!r}: {error.strerror}",
            next_step=f"git log -- {as_argument(path)}",
        ) from error


def records_of(tree: WorkTree, plan: Plan, phase: Phase) -> list[Record | None]:
    """The record of each batch of a phase, in plan order."""
    folder = f"{plan.reports}/{phase.id}"
    if not (tree.top / folder).is_dir() and not tree.git.hidden():
        return [None] * len(phase.batches)
    return [
        read_record(tree, plan, Place(phase, batch, index))
        for index, batch in enumerate(phase.batches, start=1)
    ]


def parsed(data: bytes, name: str) -> Record:
    """The record that some bytes are; `name` is what errors call the file they are of.

    Raises:
        BadInput: they are none, or of a newer version of the tool.
    """
    if has_conflict(data):
        raise BadInput(
            f"{name!r} holds the markers of a merge conflict",
            next_step=f"orchestrate resolve {as_argument(name)}",
        )
    if data.startswith(b"version https://git-lfs"):
        raise BadInput(
            f"{name!r} is a pointer of Git LFS, and the record itself is not here",
            next_step="git lfs pull",
        )
    try:
        record = _read(data, name)
    except RecursionError:
        raise BadInput(
            f"{name!r} is not a record: it is nested too deeply", next_step=_restore(name)
        ) from None
    if why := _why_no_record(record):
        raise BadInput(f"{name!r} is not a record ({why})", next_step=_restore(name))
    return record


CONFLICT = (b"<<<<<<<", b"|||||||", b"=======", b">>>>>>>")
"""How the lines begin that git puts around what it could not merge."""


def has_conflict(data: bytes) -> bool:
    """Whether git's markers of a merge conflict are left in a record."""
    starts = {line[:7] for line in data.splitlines()}
    return CONFLICT[0] in starts and CONFLICT[-1] in starts


def _read(data: bytes, name: str) -> Record:
    try:
        return from_json(Record, json.loads(data))
    except (ValueError, UnfitError):
        return _explained(data, name)


def _why_no_record(record: Record) -> str | None:
    """What its types do not say: another text than an id could be an option of git."""
    for target in (*record.targets, *record.others):
        for blob in (target.before, target.after):
            if blob is not None and not _BLOB_ID.fullmatch(blob):
                return f"{target.path!r}: {blob!r} is not the id of a blob"
        if any(count < 0 for count in (*target.counts.values(), target.tests or 0)):
            return f"{target.path!r}: a count is below 0"
    if any(min(gate.count, gate.skipped or 0, gate.xfailed or 0) < 0 for gate in record.gates):
        return "the count of a gate is below 0"
    return None


def _explained(data: bytes, name: str) -> Record:
    """What is wrong with a record, by the library that can say so."""
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(Record).validate_json(data)
    except ValidationError as error:
        newer = any(detail["loc"] == ("format",) for detail in error.errors())
        what = "was written by a newer orchestrate" if newer else "is not a record"
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise BadInput(
            f"{name!r} {what} ({where}: {first['msg']})", next_step=_restore(name)
        ) from error


def _restore(name: str) -> str:
    return f"git log -- {as_argument(name)}, then restore the file or upgrade orchestrate"


def failed_before(gates: Iterable[GateRecord]) -> list[str]:
    """Every red test that was red before, as the plan says or as was found out, over all gates."""
    return sorted({id_ for gate in gates for id_ in (*gate.known_failures, *gate.failed_before)})


def flaky(gates: Iterable[GateRecord]) -> list[str]:
    """Every test that failed and passed on the same bytes."""
    return sorted({id_ for gate in gates for id_ in gate.flaky})
