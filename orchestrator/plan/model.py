"""The plan as typed values: phases, batches and targets, what must hold, how a commit reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from pydantic import Field

from orchestrator.plan.base import (
    Amount,
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


class Measure(Strict):
    """Something that is counted or estimated beside files: a column of the table."""

    title: Text = Field(description="Head of its column.")
    label: Text | None = Field(
        default=None, description="What the commit message calls it; default: its name."
    )
    unit: Text | None = Field(default=None, description="What follows each number, such as GB.")
    approximate: bool = Field(
        default=False, description="Numbers are shown with a ~ in commit messages."
    )
    estimate: bool = Field(
        default=False,
        description="Nobody counted it: it is called an estimate wherever it is shown.",
    )


class Target(Strict):
    """One file of a batch."""

    path: RelativePath = Field(description="The file, from the top of the repository, with '/'.")
    options: dict[str, OptionValue] = Field(
        default_factory=dict,
        description="What the fixers need to know of this file; see `orchestrate fixers`.",
    )
    manual: Text | None = Field(
        default=None,
        description="Why a person must look at this file; no fixer ever touches it.",
    )
    new: bool = Field(default=False, description="The fixer makes this file where there is none.")
    tests: list[RelativePath] | None = Field(
        default=None,
        description="Test files or folders to run for it; default: verify.tests, then itself. "
        "An empty list: none.",
    )
    expect: dict[Identifier, Amount] = Field(
        default_factory=dict, description="What it amounts to, by the names of `measures`."
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


class Rung(Strict):
    """One fixer of a ladder."""

    fixer: Text = Field(description="Which fixer it is.")
    options: dict[str, OptionValue] = Field(
        default_factory=dict, description="Its options for every target of the phase."
    )
    name: Identifier | None = Field(
        default=None, description="What records call it; default: the fixer's name."
    )

    @property
    def label(self) -> str:
        """What records and messages call it."""
        return self.name or self.fixer


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
    ladder: list[Rung] = Field(
        default_factory=list,
        description="Several fixers instead of one: what the first refuses, or a gate takes out, "
        "goes to the next within the same batch; what the last leaves, to a person.",
    )
    instructions: Template | None = Field(
        default=None, description="What is to be done, in words: for an agent, and for people."
    )
    depends_on: list[Identifier] = Field(
        default_factory=list, description="Phases that must be done before."
    )
    files: Count | None = Field(
        default=None, description="How many files it is about, where it names only some yet."
    )
    totals: dict[Identifier, Amount] = Field(
        default_factory=dict,
        description="What it amounts to, by the names of `measures`, where that is more than its "
        "targets say.",
    )
    hours: list[Amount] | None = Field(
        default=None, min_length=2, max_length=2, description="Estimate, from and to, in hours."
    )
    batches: list[Batch] = Field(default_factory=list)

    def targets(self) -> list[Target]:
        """Every target of the phase, in plan order."""
        return [target for batch in self.batches for target in batch.targets]

    def rungs(self) -> list[Rung]:
        """Its fixers in the order in which they are asked; none where all is for a person."""
        if self.ladder:
            return self.ladder
        return [Rung(fixer=self.fixer, options=self.options)] if self.fixer else []

    def file_count(self) -> int:
        """How many files the phase amounts to: what it declares, or what it names."""
        return len(self.targets()) if self.files is None else self.files

    def amount(self, measure: str) -> float | None:
        """What it amounts to: what it declares, or the sum of its targets; None: nobody says."""
        if measure in self.totals:
            return self.totals[measure]
        known = [t.expect[measure] for t in self.targets() if measure in t.expect]
        return sum(known) if known else None


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
    measures: dict[Identifier, Measure] = Field(
        default_factory=dict,
        description="What is counted or estimated beside files, each with its column.",
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
