"""Shows again why an edit was taken back: the edit made, the command run, the edit undone."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import process
from orchestrator.batch.named import named
from orchestrator.batch.runlog import logged_commands
from orchestrator.changes import Change, Content, Side, Unit
from orchestrator.errors import BadInput, CannotJudge
from orchestrator.events import Tell
from orchestrator.foreign import as_argument
from orchestrator.gates.verdict import GATES_OF_TESTS, PYTHON
from orchestrator.plan.model import Place
from orchestrator.progress.record import Failure, Patch, TargetRecord
from orchestrator.safety import preflight
from orchestrator.safety.session import How, Session, session
from orchestrator.safety.transaction import transaction
from orchestrator.safety.tree import BatchTree
from orchestrator.workspace import Workspace

_APPLY_LIMIT_S = 60


@dataclass(frozen=True, slots=True)
class Rerun:
    """What a command did with the edit in place; `exit_code` is None where it had to be stopped."""

    path: str
    command: Sequence[str]
    exit_code: int | None
    output: str


def rerun(workspace: Workspace, name: str, how: How, tell: Tell) -> list[Rerun]:
    """Every edit of `name` that was taken back, with what its command says now.

    The edit is made in the work tree, as in a run, and undone whatever happens.

    Raises:
        BadInput: nothing is called `name`, or no edit of it was taken back.
        CannotJudge: the edit does not fit the files any more.
        Refused: something of the user's could be lost.
    """
    with session(workspace, how, tell) as work:
        found = named(workspace.status(), name, top=workspace.top)
        entries = [found.batch.entry(target) for target in found.targets]
        failed = list(_failed([entry for entry in entries if entry]))
        if not failed:
            raise BadInput(
                f"no edit of {name} was taken back by a command that can be run again",
                next_step="orchestrate unresolved",
            )
        python = _python(work, found.batch.place)
        return [_one(work, found.batch.place, one, python) for one in failed]


@dataclass(frozen=True, slots=True)
class _Failed:
    path: str
    paths: tuple[str, ...]
    failure: Failure
    patch: Patch


def _failed(entries: Sequence[TargetRecord]) -> Iterator[_Failed]:
    """Each edit once, also where several files have one."""
    seen = set()
    for entry in entries:
        if entry.failure and entry.failure.reproduce and entry.patch and entry.patch not in seen:
            seen.add(entry.patch)
            paths = tuple(dict.fromkeys((entry.path, *entry.unit)))
            yield _Failed(entry.path, paths, entry.failure, entry.patch)


def _python(work: Session, place: Place) -> Path | None:
    """The interpreter that is asked for, else the one that judged here, else the project's."""
    if work.how.python is None:
        for logged in logged_commands(work.logs, place.name):
            judged = Path(logged.words[0]) if logged.words else Path()
            if logged.gate in GATES_OF_TESTS and judged.is_file():
                return judged
    return work.python_path()


def _one(work: Session, place: Place, failed: _Failed, python: Path | None) -> Rerun:
    top = work.workspace.top
    there = [path for path in failed.paths if (top / path).is_file()]
    gone = [path for path in failed.paths if path not in there]
    head = preflight.check(work.repo, work.plan, place, failed.paths, new=gone)
    changes = _changes(work, failed)
    command = [word.replace(PYTHON, str(python or "python")) for word in failed.failure.reproduce]
    before: dict[str, Content] = {change.path: change.before for change in changes}
    with transaction(work, place, head, before) as tx:
        tx.may_hold(changes)
        tree = BatchTree(top, [Unit(failed.paths, tuple(changes))])
        tree.put(Side.EDITED)
        ended = process.run(command, cwd=top, timeout_s=work.plan.verify.timeout_s)
    return Rerun(failed.path, command, ended.exit_code, ended.output)


def _changes(work: Session, failed: _Failed) -> list[Change]:
    """What the edit changes, found out in a copy of the work tree."""
    scratch = work.scratch()
    scratch.hold({})
    with tempfile.NamedTemporaryFile(suffix=".patch") as file:
        file.write(failed.patch.to_bytes())
        file.flush()
        command = ["git", "apply", file.name]
        ended = process.run(command, cwd=scratch.folder, timeout_s=_APPLY_LIMIT_S)
    if ended.exit_code != 0:
        raise CannotJudge(
            f"the edit of {failed.path} does not fit any more: {ended.output.strip()}",
            next_step=f"orchestrate retry {as_argument(failed.path)}",
        )
    return [
        Change(path, scratch.held(path), now.content, mode=now.mode)
        for path, now in scratch.changed().items()
    ]
