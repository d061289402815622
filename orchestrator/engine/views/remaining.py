"""What is left to do in the files of a phase: asked of its fixer, or of the check it comes with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.base import commandline, process
from orchestrator.base.escape import as_argument
from orchestrator.base.outcomes import TargetOutcome
from orchestrator.base.redact import redacted
from orchestrator.base.text import suggestion
from orchestrator.engine.context.events import EventHandler
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import ReadOnlyContext, read_only_context
from orchestrator.engine.context.trust import check_trusted
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.fix import FixRequest, contents_before, fix
from orchestrator.errors import BadInput, CannotJudge
from orchestrator.fixers import planned
from orchestrator.fixers.registry import get
from orchestrator.plan.model import Phase, Place, Rung, Target
from orchestrator.records.status import BatchStatus, PhaseStatus

_CHECK_LIMIT_S = 1_800
_LAST_LINES = 200


@dataclass(frozen=True, slots=True)
class Left:
    """Something that is left to do: in which file, where that is known, and what."""

    path: str
    what: str


@dataclass(frozen=True, slots=True)
class RemainingFiles:
    """A phase that was asked: how many files, and what is left in them."""

    phase: Phase
    files: int
    left: Sequence[Left]
    is_open: bool
    """Whether a run would work on the phase."""


def left_of(
    workspace: Workspace, phase: str, options: RunOptions, emit: EventHandler
) -> RemainingFiles:
    """What is left in the targets of a phase; nothing of it is written.

    Raises:
        BadInput: no phase is called so, or none of its fixers can tell.
        Refused: the plan would run commands that were not trusted here.
        CannotJudge: the check could not be run.
    """
    found = _phase(workspace, phase)
    rung = _rung(found.phase)
    if planned.commands(workspace.plan):
        check_trusted(workspace, options.asking(f"check --phase {as_argument(phase)}"))
    targets = [(batch, target) for batch in found.batches for target in _asked(batch)]
    with read_only_context(workspace, options, emit) as context:
        check = rung.options.get("check")
        if isinstance(check, str | list):
            paths = [target.path for _, target in targets]
            commands = [check] if isinstance(check, str) else [str(one) for one in check]
            left = list(_checked(context, commands, paths))
        else:
            left = list(_would_change(context, rung, targets))
    return RemainingFiles(
        found.phase, len(targets), left, any(batch.is_open for batch in found.batches)
    )


def _phase(workspace: Workspace, name: str) -> PhaseStatus:
    phases = {phase.phase.id: phase for phase in workspace.status().phases}
    if name not in phases:
        hint = suggestion(name, phases)
        raise BadInput(f"no phase is called {name!r}{hint}", next_step="orchestrate status")
    return phases[name]


def _rung(phase: Phase) -> Rung:
    """The fixer that can tell what is left: one with a check, else the first that is no agent."""
    rungs = phase.rungs()
    checks = [rung for rung in rungs if rung.options.get("check")]
    asked = [*checks, *(rung for rung in rungs if get(rung.fixer).may_be_asked_again)]
    if not asked:
        raise BadInput(
            f"nothing of phase {phase.id!r} can tell what is left",
            next_step="give its fixer a `check:` in the plan: a command that ends with 0 when done",
        )
    return asked[0]


def _asked(batch: BatchStatus) -> Iterator[Target]:
    skipped = {TargetOutcome.SKIPPED}
    for status in batch.targets:
        entry = batch.entry(status)
        if status.target.manual is None and not (entry and entry.done in skipped):
            yield status.target


def _checked(
    context: ReadOnlyContext, commands: Sequence[str], paths: Sequence[str]
) -> Iterator[Left]:
    """What the commands of a check complain of, in a copy of the work tree."""
    there = [path for path in paths if (context.top / path).is_file()]
    if not there:
        return
    scratch = context.scratch()
    scratch.hold({})
    python = context.interpreters.path()
    for command in commands:
        words = commandline.words(command, there, python)
        try:
            ended = process.run(
                words,
                cwd=scratch.folder,
                env=commandline.environment(scratch.folder, python),
                timeout_s=_CHECK_LIMIT_S,
            )
        except process.ProgramMissing as error:
            raise commandline.missing(error, f"check: {command}", words[0]) from error
        if ended.exit_code is None:
            raise CannotJudge(
                f"{words[0]} {ended.stopped}", next_step="correct `check:` in the plan"
            )
        if ended.exit_code == 0:
            continue
        lines = redacted(ended.output).strip().splitlines()[-_LAST_LINES:]
        for line in lines or [f"{words[0]} ended with {ended.exit_code}"]:
            path = next((path for path in there if path in line), "")
            yield Left(path, line.replace(str(scratch.folder) + "/", ""))


def _would_change(
    context: ReadOnlyContext, rung: Rung, targets: Sequence[tuple[BatchStatus, Target]]
) -> Iterator[Left]:
    """What the fixer would still change or refuse."""
    by_batch: dict[str, tuple[Place, list[Target]]] = {}
    for batch, target in targets:
        if target.new or (context.top / target.path).is_file():
            by_batch.setdefault(batch.place.name, (batch.place, []))[1].append(target)
        elif not _was_removed(batch, target):
            yield Left(target.path, "there is no such file")
    for place, mine in by_batch.values():
        before: Mapping[str, bytes | None] = contents_before(context.workspace, mine)
        found = fix(context, FixRequest(place, rung, mine, before))
        for unit in found.units:
            yield from (Left(path, f"{rung.label} would change it") for path in unit.paths)
        for refusal in found.refused:
            yield Left(refusal.path, f"refused: {refusal.reason}")


def _was_removed(batch: BatchStatus, target: Target) -> bool:
    """Whether the batch removed it, so that nothing is left to do."""
    entries = batch.record.targets if batch.record else ()
    entry = next((entry for entry in entries if entry.path == target.path), None)
    return entry is not None and entry.done is TargetOutcome.EDITED and entry.after is None
