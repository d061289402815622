"""The plan as typed values: phases, batches and targets, what must hold, how a commit reads."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from orchestrator.plan.base import (
    Amount,
    Count,
    Identifier,
    OptionValue,
    RelativePath,
    Strict,
    Template,
    Text,
    described,
    model,
)
from orchestrator.plan.location import Location
from orchestrator.plan.override import Override, overridden
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


@model
class Measure(Strict):
    """Something that is counted or estimated beside files: a column of the table."""

    title: Text = described("Head of its column.")
    label: Text | None = described(
        "What the commit message calls it; default: its name.", default=None
    )
    unit: Text | None = described("What follows each number, such as GB.", default=None)
    approximate: bool = described("Numbers are shown with a ~ in commit messages.", default=False)
    estimate: bool = described(
        "Nobody counted it: it is called an estimate wherever it is shown.",
        default=False,
    )


@model
class Target(Strict):
    """One file of a batch."""

    path: RelativePath = described(
        "The file, from the top of the repository, with '/'; or a pattern (`*`, `**`, `?`) "
        "that `orchestrate plan --update` spells out."
    )
    options: dict[str, OptionValue] = described(
        "What the fixers need to know of this file; see `orchestrate fixers`.",
        default_factory=dict,
    )
    manual: Text | None = described(
        "Why a person must look at this file; no fixer ever touches it.",
        default=None,
    )
    new: bool = described("The fixer makes this file where there is none.", default=False)
    tests: list[RelativePath] | None = described(
        "Test files or folders to run for it; default: verify.tests, then itself. "
        "An empty list: none.",
        default=None,
    )
    expect: dict[Identifier, Amount] = described(
        "What it amounts to, by the names of `measures`.", default_factory=dict
    )


@model
class Batch(Strict):
    """What one commit carries."""

    id: Identifier
    title: Text
    topic: Text | None = described(
        "What the commit's subject calls this batch; default: its files.", default=None
    )
    depends_on: list[Identifier] = described(
        "Batches of the same phase that must be done before.", default_factory=list
    )
    verify: Override | None = described(
        "The keys of `verify` that are others for this batch.", default=None
    )
    targets: list[Target] = field(metadata={"min_length": 1})

    def automatic(self) -> list[Target]:
        """The targets a fixer works on."""
        return [target for target in self.targets if target.manual is None]


@model
class Rung(Strict):
    """One fixer of a ladder."""

    fixer: Text = described("Which fixer it is.")
    options: dict[str, OptionValue] = described(
        "Its options for every target of the phase.", default_factory=dict
    )
    name: Identifier | None = described(
        "What records call it; default: the fixer's name.", default=None
    )

    @property
    def label(self) -> str:
        """What records and messages call it."""
        return self.name or self.fixer


@model
class Phase(Strict):
    """A named, ordered part of the plan."""

    id: Identifier
    title: Text
    priority: Priority
    state: PhaseState = PhaseState.ACTIVE
    reason: Text | None = described("Why a deferred phase waits.", default=None)
    commit: Text | None = described(
        "The commit that did a phase before this tool did.", default=None
    )
    fixer: Text | None = described("Which fixer edits the targets.", default=None)
    options: dict[str, OptionValue] = described(
        "Options of the fixer for every target of the phase.", default_factory=dict
    )
    ladder: list[Rung] = described(
        "Several fixers instead of one: what the first refuses, or a gate quarantines, "
        "goes to the next within the same batch; what the last leaves, to a person.",
        default_factory=list,
    )
    instructions: Template | None = described(
        "What is to be done, in words: for an agent, and for people.", default=None
    )
    depends_on: list[Identifier] = described(
        "Phases that must be done before.", default_factory=list
    )
    verify: Override | None = described(
        "The keys of `verify` that are others for this phase.", default=None
    )
    files: Count | None = described(
        "How many files it is about, where it names only some yet.", default=None
    )
    totals: dict[Identifier, Amount] = described(
        "What it amounts to, by the names of `measures`, where that is more than its targets say.",
        default_factory=dict,
    )
    hours: list[Amount] | None = described(
        "Estimate, from and to, in hours.", default=None, min_length=2, max_length=2
    )
    batches: list[Batch] = field(default_factory=list)

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


class Evidence(StrEnum):
    """What a record and its commit quote of a test that failed."""

    SOURCE = "source"
    FULL = "full"


@model
class CommitTemplates(Strict):
    """How a commit about a batch reads. Both parts are Jinja2 templates; default: built in.

    `action` says what it does: migrate, adopt, record, undo or skip.
    """

    subject: Template | None = None
    body: Template | None = None
    evidence: Evidence = described(
        "What is quoted of a test that failed: `source` is the type of what was raised and the "
        "line of source that raised it; `full` is what pytest prints of it, whose values may come "
        "from the environment (what is known of that is redacted).",
        default=Evidence.SOURCE,
    )
    signoff: bool = described(
        "Every commit ends with a Signed-off-by of whoever runs it.", default=False
    )
    trailers: dict[Identifier, Text] = described(
        "Lines that close every commit message.", default_factory=dict
    )


@model
class Worktree(Strict):
    """What a second work tree of the repository needs beside what git tracks."""

    copy: list[RelativePath] = described(
        "Files and folders that git does not track and that are copied there, such as `.env`.",
        default_factory=list,
    )
    link: list[RelativePath] = described(
        "Those that are links to where they are: large ones that nobody writes to.",
        default_factory=list,
    )
    setup: list[Text] = described(
        "Commands that are run there once, without a shell, such as a build of extensions; "
        "{python} stands for the project's interpreter. They need --trust once.",
        default_factory=list,
    )


@model
class Project(Strict):
    """A folder of the repository that is a project of its own: its tests are run in it."""

    path: RelativePath = described("The folder, from the top of the repository.")
    python: Text | None = described(
        "Its interpreter; default: its .venv, then that of `verify`. It needs --trust once.",
        default=None,
    )
    pytest_args: list[Text] = described(
        "Further arguments of pytest there, after those of `verify`; they need --trust once.",
        default_factory=list,
    )


@model
class Plan(Strict):
    """A migration: what is done in which order, and what must hold for each step."""

    version: Literal[1]
    name: Identifier
    title: Text
    link: Text | None = described("Where people read about it.", default=None)
    prevents: Text | None = described(
        "What goes wrong without the change; opens each commit's body.", default=None
    )
    reports: RelativePath = described(
        "Folder of the records, from the top of the repository.", default="reports"
    )
    measures: dict[Identifier, Measure] = described(
        "What is counted or estimated beside files, each with its column.",
        default_factory=dict,
    )
    verify: Verify = Verify()
    projects: list[Project] = described(
        "Projects that are not found by themselves, or need something else than the others do; "
        "default: each folder with a configuration of pytest, a pyproject.toml or a setup.py.",
        default_factory=list,
    )
    worktree: Worktree = Worktree()
    commit: CommitTemplates = CommitTemplates()
    phases: list[Phase] = field(metadata={"min_length": 1})

    def project(self, folder: str) -> Project | None:
        """What the plan says of the project in a folder; None where it says nothing."""
        return next((one for one in self.projects if one.path == folder), None)

    def verify_for(self, place: Place) -> Verify:
        """What must hold for a batch: `verify` as its phase and the batch itself override it."""
        return overridden(self.verify, place.phase.verify, place.batch.verify)

    def all_verify(self) -> Iterator[tuple[Location, Verify, Override | None]]:
        """Yield `verify` and each that overrides it: where it stands, what holds, what it gives."""
        yield (), self.verify, None
        for p, phase in enumerate(self.phases):
            of_phase = overridden(self.verify, phase.verify)
            if phase.verify is not None:
                yield ("phases", p), of_phase, phase.verify
            for b, batch in enumerate(phase.batches):
                if batch.verify is not None:
                    at = ("phases", p, "batches", b)
                    yield at, overridden(of_phase, batch.verify), batch.verify

    def verify_by_file(self) -> Callable[[str], Verify]:
        """Return what says what must hold for a file; of one that is no target, `verify` does."""
        overrides = any(override for _, _, override in self.all_verify())
        places = self.places() if overrides else ()
        of = {target.path: place for place in places for target in place.batch.targets}
        return lambda path: self.verify_for(of[path]) if path in of else self.verify

    def runs_tests(self) -> bool:
        """Whether any batch needs pytest."""
        return any(verify.runs_tests() for _, verify, _ in self.all_verify())

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
