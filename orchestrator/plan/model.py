"""The plan as typed values: phases, batches and targets, what must hold, how a commit reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from orchestrator.plan.base import (
    Count,
    Identifier,
    OptionValue,
    RelativePath,
    Strict,
    Template,
    Text,
)
from orchestrator.plan.verify import Verify


class PhaseState(StrEnum):
    """What people decided about a phase."""

    ACTIVE = "active"
    DEFERRED = "deferred"
    DONE = "done"


class Priority(StrEnum):
    """How urgent a phase is; `critical` is only ever chosen by people."""

    CRITICAL = "critical"
    HIGH = "high"
    PREVENTION = "prevention"
    MEDIUM = "medium"
    LOW = "low"


class Target(Strict):
    """One file of a batch."""

    path: RelativePath = Field(description="The file, from the top of the repository, with '/'.")
    options: dict[str, OptionValue] = Field(
        default_factory=dict,
        description="What the fixer needs to know of this file (memory-safety: group).",
    )
    manual: Text | None = Field(
        default=None,
        description="Why a person must look at this file; no fixer ever touches it.",
    )
    tests: list[RelativePath] = Field(
        default_factory=list,
        description="Test files or folders to run for it; default: verify.tests, then itself.",
    )
    classes: Count | None = Field(default=None, description="Test classes expected in it.")
    methods: Count | None = Field(default=None, description="Test methods expected in it.")
    memory_gb: float | None = Field(
        default=None, ge=0, description="Estimated memory impact in GB; shown as an estimate."
    )


class Batch(Strict):
    """What one commit carries."""

    id: Identifier
    title: Text
    topic: Text | None = Field(
        default=None, description="What the commit's subject calls this batch; default: its files."
    )
    depends_on: list[Identifier] = Field(
        default_factory=list, description="Batches of the same phase that must be done before."
    )
    targets: list[Target] = Field(min_length=1)

    def automatic(self) -> list[Target]:
        """The targets a fixer works on."""
        return [target for target in self.targets if target.manual is None]


class Totals(Strict):
    """What a phase amounts to, where it is more than the targets it names yet."""

    files: Count | None = None
    classes: Count | None = None
    methods: Count | None = None


class Estimate(Strict):
    """What people expect of a phase; never measured by the tool."""

    hours: list[Annotated[float, Field(ge=0)]] | None = Field(
        default=None, min_length=2, max_length=2, description="From and to, in hours."
    )
    memory_gb: float | None = Field(default=None, ge=0, description="Memory impact in GB.")


class Phase(Strict):
    """A named, ordered part of the plan."""

    id: Identifier
    title: Text
    priority: Priority
    state: PhaseState = PhaseState.ACTIVE
    reason: Text | None = Field(default=None, description="Why a deferred phase waits.")
    commit: Text | None = Field(
        default=None, description="The commit that did a phase before this tool did."
    )
    fixer: Text | None = Field(default=None, description="Which fixer edits the targets.")
    options: dict[str, OptionValue] = Field(
        default_factory=dict, description="Options of the fixer for every target of the phase."
    )
    depends_on: list[Identifier] = Field(
        default_factory=list, description="Phases that must be done before."
    )
    totals: Totals = Totals()
    estimate: Estimate = Estimate()
    batches: list[Batch] = Field(default_factory=list)

    def targets(self) -> list[Target]:
        """Every target of the phase, in plan order."""
        return [target for batch in self.batches for target in batch.targets]

    def files(self) -> int:
        """How many files the phase amounts to: what it declares, or what it names."""
        return _declared(self.totals.files, len(self.targets()))

    def classes(self) -> int | None:
        """How many classes; None where nothing is declared anywhere."""
        return _or_sum(self.totals.classes, [target.classes for target in self.targets()])

    def methods(self) -> int | None:
        """How many methods; None where nothing is declared anywhere."""
        return _or_sum(self.totals.methods, [target.methods for target in self.targets()])

    def memory_gb(self) -> float | None:
        """The estimated memory impact in GB; None where nobody estimated it."""
        named = [target.memory_gb for target in self.targets() if target.memory_gb is not None]
        return self.estimate.memory_gb if self.estimate.memory_gb is not None else (
            sum(named) if named else None
        )  # fmt: skip


class Commit(Strict):
    """How a batch's commit reads. Both parts are Jinja2 templates; default: built in."""

    subject: Template | None = None
    body: Template | None = None
    trailers: dict[Identifier, Text] = Field(
        default_factory=dict, description="Lines that close every commit message."
    )


class Plan(Strict):
    """A migration: what is done in which order, and what must hold for each step."""

    version: Literal[1]
    name: Identifier
    title: Text
    link: Text | None = Field(default=None, description="Where people read about it.")
    prevents: Text | None = Field(
        default=None, description="What goes wrong without the change; opens each commit's body."
    )
    reports: RelativePath = Field(
        default="reports", description="Folder of the records, from the top of the repository."
    )
    verify: Verify = Verify()
    commit: Commit = Commit()
    phases: list[Phase] = Field(min_length=1)

    def places(self) -> Iterator[Place]:
        """Every batch with its phase and its position, in plan order."""
        for phase in self.phases:
            for number, batch in enumerate(phase.batches, start=1):
                yield Place(phase, batch, number)


@dataclass(frozen=True, slots=True)
class Place:
    """A batch where it stands in the plan; `number` counts from 1 within its phase."""

    phase: Phase
    batch: Batch
    number: int

    @property
    def name(self) -> str:
        """`phase/batch`, as it is typed and printed."""
        return f"{self.phase.id}/{self.batch.id}"


def _declared(declared: int | None, counted: int) -> int:
    return counted if declared is None else declared


def _or_sum(declared: int | None, parts: list[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    if declared is not None or not known:
        return declared
    return sum(known)
