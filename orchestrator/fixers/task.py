"""What a fixer of whole batches is given, and what it proposes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from orchestrator.base.changes import Change, Content, FileState, Unit, line_counts
from orchestrator.base.paths import RepoPath
from orchestrator.fixers.outcome import Edit, NoChange, Options, Outcome, Refusal, Source
from orchestrator.project.interpreter import Interpreter


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a fixer makes of the files it was given: each is in a unit, or in one of the lists.

    `spent` is what it cost, in the unit of its options; 0 where nothing is counted.
    """

    units: Sequence[Unit] = ()
    unchanged: Sequence[NoChange] = ()
    refused: Sequence[Refusal] = ()
    spent: float = 0.0


class Scratch(Protocol):
    """A copy of the work tree where programs may write."""

    @property
    def folder(self) -> Path:
        """Its top."""
        ...

    def hold(self, contents: Mapping[str, Content]) -> None:
        """From now on these hold that, and everything else what the work tree holds."""
        ...

    def write(self, contents: Mapping[str, Content]) -> None:
        """Change files as a program would."""
        ...

    def held(self, path: str) -> Content:
        """What a file held at the last `hold`."""
        ...

    def changed(self) -> Mapping[str, FileState]:
        """What is otherwise than at the last `hold`; what git ignores does not count."""
        ...


@dataclass(frozen=True, slots=True)
class Feedback:
    """What became of the last try at a file: what was red, what it printed, the edit it was for."""

    reason: str
    tests: Sequence[str]
    printed: str
    diff: str


@dataclass(frozen=True, slots=True)
class Task:
    """What a fixer is to do: files as they are, its options, and where it may work.

    `options` are those of the rung, without what a target adds. `beside` are other files of the
    batch as they are to be. `about` is what a prompt can speak of, `feedback` holds the files that
    were tried before, `spent` is the cost so far. `python_path` is where the project's interpreter
    is; `python` starts it and asks what it has.
    """

    top: Path
    sources: Sequence[Source]
    options: Options
    scratch: Callable[[], Scratch]
    python: Callable[[], Interpreter]
    python_path: Callable[[], Path | None]
    beside: Mapping[str, Content] = field(default_factory=dict)
    about: Mapping[str, object] = field(default_factory=dict)
    feedback: Mapping[str, Feedback] = field(default_factory=dict)
    spent: float = 0.0
    say: Callable[[str], None] = lambda what: None


def proposal_of(outcomes: Sequence[Outcome], sources: Sequence[Source]) -> Proposal:
    """The same, where every file stands for itself."""
    before = {source.path: source.data if source.exists else None for source in sources}
    units = []
    for edit in outcomes:
        if isinstance(edit, Edit):
            old = before[edit.path]
            counts = edit.counts or line_counts(old, edit.data)
            change = Change(RepoPath(edit.path), old, edit.data, counts, edit.notes)
            units.append(Unit((edit.path,), (change,)))
    return Proposal(
        units,
        [o for o in outcomes if isinstance(o, NoChange)],
        [o for o in outcomes if isinstance(o, Refusal)],
    )
