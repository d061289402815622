"""Turns what crosses processes and machines into bytes and back: data, of which nothing is run.

Whoever reads checks size, types, texts, numbers and paths before anything else looks at them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import TypeVar

from orchestrator.base.changes import Unit
from orchestrator.base.codec import UnfitError, from_json, to_json
from orchestrator.base.paths import why_unsafe
from orchestrator.engine.context.events import (
    Event,
    GateJudged,
    InterpreterFound,
    Notice,
    ParallelEvent,
    Picked,
    Recovered,
    StepBegun,
    TestsRan,
    UnitRejected,
)
from orchestrator.engine.run_batch import Candidate
from orchestrator.errors import (
    BadInput,
    CannotJudge,
    ChangedMeanwhile,
    DiskError,
    Exit,
    Locked,
    NeedsDecision,
    OrchestrateError,
    Refused,
)
from orchestrator.gates.pytest.file_dependencies import FileDependencies
from orchestrator.gates.verdict import RejectedUnit, Verdict
from orchestrator.parallel.task import Answer, BatchTask, Judged, TaskFailed
from orchestrator.plan.model import Plan
from orchestrator.project.ids import file_of
from orchestrator.project.interpreter import Interpreter

T = TypeVar("T")
E = TypeVar("E")

MOST_BYTES = 256 * 2**20
"""An answer that is larger is none."""

_MOST_TEXT = 4 * 2**20
_MOST_NUMBER = 2.0**53
_NO_FILE = {"", "."}
"""What pytest calls the run as a whole."""


class _Red(OrchestrateError):
    """The project's own code did what it must not, such as writing to files of others."""

    exit_code = Exit.RED


_ERRORS = {
    kind.exit_code: kind
    for kind in (
        OrchestrateError,
        _Red,
        BadInput,
        Refused,
        CannotJudge,
        NeedsDecision,
        ChangedMeanwhile,
        DiskError,
        Locked,
    )
}
"""What an error is made as where it arrives; what a git command said arrives as its kind."""


class Garbled(CannotJudge):
    """Bytes that are not what they should be: cut, changed, too large, or made by somebody else."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"what came back is no answer: {why}",
            next_step="orchestrate next-batch --all --jobs 1",
        )


@dataclass(frozen=True, slots=True)
class _Error:
    exit: Exit
    what: str
    next_step: str | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """One event: exactly one of these is given."""

    picked: int | None = None
    begun: StepBegun | None = None
    tests: TestsRan | None = None
    judged: Verdict | None = None
    said: str | None = None
    lost: RejectedUnit | None = None
    recovered: str | None = None
    python: Interpreter | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """What was judged, or why nothing could be; the error alone says which."""

    task: BatchTask
    told: tuple[_Told, ...]
    candidate: Candidate | None = None
    reads: FileDependencies | None = None
    error: _Error | None = None


@dataclass(frozen=True, slots=True)
class _Beside:
    place: str
    told: _Told


@dataclass(frozen=True, slots=True)
class _Message:
    """An answer, or what is told on the way to one."""

    answer: _Answer | None = None
    beside: _Beside | None = None


def to_bytes(said: Answer | ParallelEvent) -> bytes:
    """An answer, or what is told on the way to one, for `answer_from`.

    One that is too large to be read becomes the answer that it is.
    """
    data = _to_bytes(said)
    if len(data) <= MOST_BYTES or isinstance(said, ParallelEvent):
        return data
    what = f"what {said.task.place} came to has {len(data):,} bytes, and {MOST_BYTES:,} can travel"
    return _to_bytes(TaskFailed(said.task, CannotJudge(what, next_step="orchestrate next-batch")))


def _to_bytes(said: Answer | ParallelEvent) -> bytes:
    if isinstance(said, ParallelEvent):
        return plain_bytes(_Message(beside=_Beside(said.place, _packed(said.event))))
    told = tuple(_packed(event) for event in said.told)
    if isinstance(said, TaskFailed):
        error = _Error(said.error.exit_code, said.error.what, said.error.next_step)
        return plain_bytes(_Message(_Answer(said.task, told, error=error)))
    return plain_bytes(_Message(_Answer(said.task, told, said.candidate, said.reads)))


def answer_from(data: bytes, plan: Plan) -> Answer | ParallelEvent:
    """What `to_bytes` made bytes of, by a worker that judges batches of `plan`.

    Raises:
        Garbled: it is nothing of the kind.
    """
    message = from_bytes(_Message, data)
    _check(message)
    if message.beside is not None:
        return ParallelEvent(message.beside.place, _unpacked(message.beside.told, "", plan))
    if (answer := message.answer) is None:
        raise Garbled("it is empty")
    for path in _paths(answer):
        if why := why_unsafe(path):
            raise Garbled(why)
    told = [_unpacked(one, answer.task.place, plan) for one in answer.told]
    if answer.error is not None:
        return TaskFailed(answer.task, _error_from(answer.error), told)
    if answer.candidate is None or answer.reads is None:
        raise Garbled("it says neither what was judged nor why nothing was")
    return Judged(answer.task, answer.candidate, answer.reads, told)


def plain_bytes(value: object) -> bytes:
    """A dataclass of plain values as JSON, for `from_bytes`."""
    return json.dumps(to_json(value, defaults=True), separators=(",", ":")).encode("ascii")


def from_bytes(kind: type[T], data: bytes) -> T:
    """The dataclass `kind` that `plain_bytes` made bytes of, with every type checked.

    Raises:
        Garbled: it is nothing of the kind.
    """
    if len(data) > MOST_BYTES:
        raise Garbled(f"it has {len(data):,} bytes, and {MOST_BYTES:,} are the most")
    try:
        return from_json(kind, json.loads(data, parse_constant=_no_number))
    except (UnfitError, ValueError, RecursionError, TypeError) as error:
        what = kind.__name__.strip("_").lower()
        why = str(error) if isinstance(error, UnfitError) else ""
        raise Garbled(f"it cannot be read as a {what} ({why or type(error).__name__})") from error


def _no_number(text: str) -> float:
    raise ValueError(text)


def _check(value: object) -> None:
    """Make sure that no text is endless, and that numbers are finite and count something."""
    if isinstance(value, str):
        if len(value) > _MOST_TEXT:
            raise Garbled(f"it holds a text of {len(value):,} characters")
    elif isinstance(value, int | float) and not isinstance(value, Enum):
        if not (math.isfinite(value) and 0 <= value <= _MOST_NUMBER):
            raise Garbled(f"it counts {value!r}")
    elif isinstance(value, Mapping):
        for key, one in value.items():
            _check(key)
            _check(one)
    elif isinstance(value, list | tuple | set | frozenset):
        for one in value:
            _check(one)
    elif is_dataclass(value):
        for field in fields(value):
            _check(getattr(value, field.name))


def _paths(answer: _Answer) -> Iterator[str]:
    """Every path of an answer that anything is done with."""
    yield from answer.task.paths
    yield from answer.task.also
    if (candidate := answer.candidate) is not None:
        reached = candidate.reached
        for unit in [*reached.kept, *(taken.unit for taken in reached.rejected.values())]:
            yield from _paths_of(unit)
        yield from (*reached.unchanged, *reached.refused, *reached.rejected)
        yield from (one.path for one in reached.unchanged.values())
        yield from (one.path for one in reached.refused.values())
        yield from _blamed([*reached.verdicts, *reached.all_verdicts, *reached.rejected.values()])
        if candidate.memory is not None:
            yield from candidate.memory.files
    for told in answer.told:
        if told.lost is not None:
            yield from _paths_of(told.lost.unit)
        yield from _blamed([one for one in (told.judged, told.lost) if one is not None])


def _paths_of(unit: Unit) -> Iterator[str]:
    yield from unit.targets
    yield from unit.paths


def _blamed(found: Sequence[Verdict | RejectedUnit]) -> Iterator[str]:
    for blame in (blame for one in found for blame in one.blames):
        named = (blame.path, file_of(blame.test_id or ""))
        yield from (path for path in named if path not in _NO_FILE)


def _packed(event: Event) -> _Told:  # noqa: PLR0911 - a line for each kind
    match event:
        case Picked():
            return _Told(picked=event.files)
        case StepBegun():
            return _Told(begun=event)
        case TestsRan():
            return _Told(tests=event)
        case GateJudged():
            return _Told(judged=event.verdict)
        case Notice():
            return _Told(said=event.what)
        case UnitRejected():
            return _Told(lost=event.taken)
        case Recovered():
            return _Told(recovered=event.sentence)
        case InterpreterFound():
            return _Told(python=event.python)
    raise TypeError(f"{type(event).__name__} does not travel")


def _unpacked(told: _Told, place: str, plan: Plan) -> Event:
    """The event; which batch was picked is looked up in the plan that is here."""
    given = [getattr(told, field.name) for field in fields(told)]
    if sum(one is not None for one in given) != 1:
        raise Garbled("it tells of nothing, or of several things at once")
    if told.picked is not None:
        found = next((one for one in plan.places() if one.name == place), None)
        if found is None:
            raise Garbled(f"it is about {place!r}, which the plan does not know")
        return Picked(found, told.picked)
    made = (told.begun or told.tests, _made(GateJudged, told.judged), _made(Notice, told.said),
            _made(UnitRejected, told.lost), _made(Recovered, told.recovered),
            _made(InterpreterFound, told.python))  # fmt: skip
    event: Event = next(one for one in made if one is not None)
    return event


def _made(kind: Callable[[T], E], of: T | None) -> E | None:
    return None if of is None else kind(of)


def _error_from(error: _Error) -> OrchestrateError:
    kind = _ERRORS.get(error.exit)
    if kind is None:
        raise Garbled(f"it ends with exit code {int(error.exit)}")
    return kind(error.what, next_step=error.next_step)
