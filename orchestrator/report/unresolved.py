"""What was quarantined or is for a person, each with the reason, and a command that shows it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.base.escape import as_argument, as_command
from orchestrator.base.outcomes import FailureCause, TargetOutcome, TargetState
from orchestrator.base.redact import redacted
from orchestrator.gates.reproduce import Reproduction
from orchestrator.records.record import TargetRecord
from orchestrator.records.status import BatchStatus, Status, TargetStatus
from orchestrator.report.typed import repeated


@dataclass(frozen=True, slots=True)
class Unresolved:
    """One target that waits for somebody.

    `kind` is culprit, flaky, cannot be judged, refused or manual. `reproduce` shows the failure in
    one line of shell, and takes the edit back again; None where nothing fails.
    """

    place: str
    path: str
    kind: str
    reason: str
    tests: Sequence[str] = ()
    reproduce: str | None = None
    has_patch: bool = False


def unresolved(status: Status, how: Reproduction) -> list[Unresolved]:
    """All that waits: what was quarantined, then what is for a person, each in plan order."""
    found = [_of(batch, target, how) for batch, target in status.unresolved()]
    return sorted(found, key=lambda item: item.kind in _FOR_A_PERSON)


_FOR_A_PERSON = (TargetState.REVERTED.value, TargetState.MISSING.value, TargetState.MANUAL.value)
"""Kinds that wait for a person though no run failed on them; they are listed last."""


def to_json(found: Sequence[Unresolved]) -> str:
    """The same for programs, one object per target."""
    return json.dumps(
        [
            {
                "batch": item.place,
                "path": item.path,
                "kind": item.kind,
                "reason": redacted(item.reason),
                "tests": list(item.tests),
                "reproduce": item.reproduce,
                "patch": item.has_patch,
            }
            for item in found
        ],
        indent=2,
    )


def reproduce_line(entry: TargetRecord, how: Reproduction) -> str | None:
    """The edit applied, the command that was red, the edit rolled back: one line for a shell."""
    if (failure := entry.failure) is None or entry.patch is None:
        return None
    if (words := how.words(failure.gate, entry.path, failure.tests)) is None:
        return None
    show = repeated(as_command(["orchestrate", "show", "--patch", entry.path]))
    return f"{show} | git apply && {{ {as_command(words)}; {show} | git apply -R; }}"


def see_it(item: Unresolved) -> str:
    """The command that shows the failure, and takes the edit back again."""
    return f"orchestrate show {as_argument(item.path)} --run"


def next_steps(item: Unresolved) -> list[str]:
    """What a person can do about it, each with its command."""
    path = as_argument(item.path)
    if item.kind == TargetState.MANUAL.value:
        return [f"change what it needs, then: orchestrate adopt {path}"]
    if item.kind == TargetState.REVERTED.value:
        return [
            f"do it again: orchestrate retry {item.place}",
            f"or leave it as it is: orchestrate skip {path} --reason WHY",
        ]
    if item.kind == TargetState.MISSING.value:
        return [
            "take over where it is now: orchestrate plan --update",
            f"or leave it out: orchestrate skip {path} --reason WHY",
        ]
    return [
        f"remove the cause, then: orchestrate retry {path}",
        f"or fix it by hand, then: orchestrate adopt {path}",
        f"or leave it as it is: orchestrate skip {path} --reason WHY",
    ]


def _of(batch: BatchStatus, target: TargetStatus, how: Reproduction) -> Unresolved:
    entry, place, path = batch.entry(target), batch.place.name, target.target.path
    if target.state.value in _FOR_A_PERSON:
        return Unresolved(place, path, target.state.value, target.why)
    if entry is None:
        return Unresolved(place, path, TargetState.MANUAL.value, target.why)
    failure = entry.failure
    kind = (
        FailureCause.REFUSED.value
        if entry.done is TargetOutcome.REFUSED or not failure
        else failure.fault
    )
    return Unresolved(
        place,
        path,
        kind,
        (entry.reason or "").removeprefix(f"{kind}: "),
        failure.tests if failure else (),
        reproduce_line(entry, how),
        entry.patch is not None,
    )
