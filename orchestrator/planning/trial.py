"""The plan of any other migration: its fixer is tried, and what it would change is planned."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from orchestrator.base.text import plural, suggestion
from orchestrator.engine.context.events import EventHandler
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import read_only_context
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.fix import FixRequest, contents_before, fix
from orchestrator.errors import BadInput
from orchestrator.fixers.outcome import Refusal
from orchestrator.fixers.registry import get, names
from orchestrator.plan.base import OptionValue
from orchestrator.plan.model import Batch, Phase, Place, Plan, Priority, Target
from orchestrator.planning.batches import batched, canary, slug
from orchestrator.planning.draft import (
    BatchBounds,
    Draft,
    DraftBatch,
    DraftPhase,
    DraftTarget,
    hours,
)
from orchestrator.planning.tests import left_out_by_builds, tests_for
from orchestrator.project.pytest_config import settings_for
from orchestrator.vcs import Repo

_AT_ONCE = 500
"""Files a fixer is given in one go: a command line has an end."""
_TOLD = 10
_TITLE_CHARS = 40
_ENDINGS = re.compile(r"(?<=.)(Command|Codemod|Transformer|Visitor)+$")
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_PYTHON = re.compile(r"\{python\}|python[\d.]*")
_SAID_ANYWAY = frozenset({"--fix", "--quiet", "-q", "--in-place", "-i"})
"""Words of a command that say nothing of what is changed."""

_LINE = 96
_REVIEW_MINUTES = (2, 5)


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """What is to be done: which fixer, with which options, to which files of the repository.

    `paths` are files, patterns, or folders, of which the Python files are meant; without any, all
    Python files.
    """

    fixer: str
    options: Mapping[str, OptionValue] = field(default_factory=dict)
    instructions: str | None = None
    paths: Sequence[str] = ()

    @property
    def is_tried(self) -> bool:
        """Whether a run of it is cheap enough to see which files it would change."""
        return get(self.fixer).may_be_asked_again


@dataclass(frozen=True, slots=True)
class TrialResult:
    """The targets that were found among so many files, and what the fixer would refuse."""

    items: Sequence[DraftTarget]
    asked: int
    refused: Sequence[Refusal]


def check_change(change: ChangeRequest) -> None:
    """Make sure that there is such a fixer, and that its options mean something.

    Raises:
        BadInput: there is none, or they do not.
    """
    if change.fixer not in names():
        hint = suggestion(change.fixer, names())
        raise BadInput(f"no fixer is called {change.fixer!r}{hint}", next_step="orchestrate fixers")
    for problem in get(change.fixer).option_problems("", change.options):
        raise BadInput(f"--fixer {change.fixer}: {problem}", next_step="orchestrate fixers")


def tried(
    top: Path,
    change: ChangeRequest,
    how: RunOptions,
    tell: EventHandler,
    among: Sequence[str] | None = None,
) -> TrialResult:
    """Which of the files the fixer would change; nothing of the work tree is written.

    Asked are those the change is about, or just those of `among`.

    Raises:
        BadInput: no file is meant.
        Refused: there is no repository, or no commit in it.
    """
    paths = candidates(top, change) if among is None else list(among)
    if not change.is_tried:
        return TrialResult(
            [DraftTarget(path, kind=_kind(top, path)) for path in paths], len(paths), []
        )
    items: list[DraftTarget] = []
    refused: list[Refusal] = []
    for start in range(0, len(paths), _AT_ONCE):
        place = _place(change, paths[start : start + _AT_ONCE])
        workspace = Workspace(top, top / "migration_plan.yaml", _plan_of(place))
        with read_only_context(workspace, how, tell) as work:
            before = contents_before(workspace, place.batch.targets)
            found = fix(
                work, FixRequest(place, place.phase.rungs()[0], place.batch.targets, before)
            )
        for unit in found.units:
            first = unit.paths[0] if len(unit.paths) > 1 else ""
            items += [
                DraftTarget(p, kind=_kind(top, p), together=first)
                for p in unit.paths
                if p in before
            ]
        refused += found.refused
    return TrialResult(items, len(paths), refused)


def candidates(top: Path, change: ChangeRequest) -> list[str]:
    """The files of the repository that are meant, by path.

    Raises:
        BadInput: one of the paths means none.
    """
    listed = [path for path in Repo(top).listed_files() if (top / path).is_file()]
    here = PurePosixPath(Path.cwd().resolve().relative_to(top.resolve()).as_posix())
    if not change.paths:
        return sorted({path for path in listed if path.endswith(".py")})
    found: set[str] = set()
    for given in change.paths:
        wanted = str(here / given) if str(here) != "." else str(PurePosixPath(given))
        mine = [path for path in listed if _is_meant(path, wanted)]
        if not mine:
            raise BadInput(
                f"no file that git knows is, or is in, or matches {given!r}",
                next_step="git ls-files",
            )
        found.update(mine)
    return sorted(found)


def draft(
    change: ChangeRequest,
    trial: TrialResult,
    top: Path,
    bounds: BatchBounds,
    owner_of: Callable[[str], str],
    reports: str | None,
    named: Mapping[str, Sequence[str]],
) -> Draft:
    """The plan that carries the change to the files it concerns.

    `named` are tests by the patterns of the files they look at.
    """
    head = _phase_head(change, len(trial.items))
    first = canary(trial.items)
    chosen = {item.path for item in first}
    batches = [DraftBatch("canary", "one file of each kind", first, "small first")] if first else []
    rest = [item for item in trial.items if item.path not in chosen]
    batches += batched(rest, bounds, owner_of, taken=["canary"])
    why = f"{plural(len(trial.items), 'file')} of {trial.asked:,} that were looked at"
    title = _title(change)
    name = slug(title)
    phase = DraftPhase(name, title, Priority.MEDIUM.value, head, batches, why)
    whole: dict[str, OptionValue] = {"reports": reports} if reports else {}
    sources = [item.path for item in trial.items if _kind(top, item.path) == "source"]
    if tests := tests_for(top, sources, named):
        whole["verify"] = {"tests": tests}
    notes = ["", *_notes(change, trial)]
    for note in left_out_by_builds(top):
        notes += ["", note]
    return Draft(name, title, notes, whole, [phase])


def _place(change: ChangeRequest, paths: Sequence[str]) -> Place:
    batch = Batch(id="all", title="all", targets=[Target(path=path) for path in paths])
    phase = Phase(
        id="trial", title="trial", priority=Priority.MEDIUM, fixer=change.fixer,
        options=dict(change.options), instructions=change.instructions, batches=[batch],
    )  # fmt: skip
    return Place(phase, batch, 1)


def _plan_of(place: Place) -> Plan:
    return Plan(version=1, name="trial", title="trial", phases=[place.phase])


def _is_meant(path: str, wanted: str) -> bool:
    """Whether a path is named, matches a pattern, or is a Python file in a folder."""
    is_inside = wanted == "." or path.startswith(f"{wanted}/")
    return path == wanted or fnmatchcase(path, wanted) or (is_inside and path.endswith(".py"))


def _kind(top: Path, path: str) -> str:
    if not path.endswith(".py"):
        return PurePosixPath(path).suffix or "other"
    return "tests" if settings_for(top, path).collects_file(path) else "source"


def _phase_head(change: ChangeRequest, files: int) -> dict[str, OptionValue]:
    head: dict[str, OptionValue] = {"fixer": change.fixer}
    if change.options:
        head["options"] = dict(change.options)
    if change.instructions:
        head["instructions"] = change.instructions
    head["hours"] = hours(files, _REVIEW_MINUTES)
    return head


def _title(change: ChangeRequest) -> str:
    """What the migration is called: by the class of its codemod, or the command that is run."""
    codemod, run = change.options.get("codemod"), change.options.get("run")
    if isinstance(codemod, str):
        name = _ENDINGS.sub("", codemod.rpartition(".")[2])
        return " ".join(_WORDS.findall(name)).lower().strip() or change.fixer
    command = run[0] if isinstance(run, list) and run else run
    if not isinstance(command, str):
        return change.fixer
    words = [word for word in command.split() if "{" not in word or "python" in word]
    program, rest = PurePosixPath(words[0]).name if words else "", words[1:]
    if _PYTHON.fullmatch(program):  # what it runs says more
        rest = [word for word in rest if word != "-m"]
        program, rest = (PurePosixPath(rest[0]).stem, rest[1:]) if rest else ("python", [])
    told = [program, *(word for word in rest if word not in _SAID_ANYWAY)]
    while len(told) > 1 and sum(map(len, told)) + len(told) > _TITLE_CHARS:
        told.pop()
    return " ".join(told) or change.fixer


def _notes(change: ChangeRequest, trial: TrialResult) -> Iterator[str]:
    how = (
        "The fixer was tried on every file in a copy of the work tree, and those it would change "
        "are here" if change.is_tried else "Its files were named, not tried"
    )  # fmt: skip
    yield (
        f"Drafted by `orchestrate plan`. {how}. It is yours now: review it, move and rename "
        "batches; a run never writes it."
    )
    yield ""
    yield "Hours are an estimate: {} to {} minutes a file.".format(*_REVIEW_MINUTES)
    if trial.refused:
        yield ""
        yield f"It refused {plural(len(trial.refused), 'file')}, which are left out:"
        for refusal in trial.refused[:_TOLD]:
            yield f"- {refusal.path}: {refusal.reason.splitlines()[0]}"[:_LINE]
        if len(trial.refused) > _TOLD:
            yield f"- and {len(trial.refused) - _TOLD} more"
