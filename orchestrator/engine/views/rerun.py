"""Shows again why an edit was rolled back: the edit made, the command run, the edit undone."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import commandline, process
from orchestrator.base.changes import Change, Content, Side, Unit
from orchestrator.base.escape import as_argument, as_command
from orchestrator.base.paths import RepoPath, why_unsafe
from orchestrator.commit import preflight
from orchestrator.commit.batch_tree import BatchTree
from orchestrator.engine.context.events import EventHandler
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import RunContext, run_context
from orchestrator.engine.context.trust import check_lines
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.find_targets import find_targets
from orchestrator.engine.run_log import logged_python
from orchestrator.errors import BadInput, CannotJudge, NoPython, Refused
from orchestrator.gates.reproduce import reproduction
from orchestrator.plan.model import Place
from orchestrator.plan.verify import GateName, Verify
from orchestrator.project.ids import file_of, from_top
from orchestrator.records.record import Failure, Patch, TargetRecord
from orchestrator.vcs import GitFailed, Repo


@dataclass(frozen=True, slots=True)
class RerunResult:
    """What a command did with the edit in place; `exit_code` is None where it had to be stopped."""

    path: str
    command: Sequence[str]
    exit_code: int | None
    output: str


def rerun(
    workspace: Workspace, name: str, options: RunOptions, emit: EventHandler
) -> list[RerunResult]:
    """Every edit of `name` that was rolled back, with what its command says now.

    The edit is made in the work tree, as in a run, and undone whatever happens. It comes from the
    record and is executed by the tests, so somebody has to have seen it.

    Raises:
        BadInput: nothing is called `name`, or no edit of it was rolled back.
        CannotJudge: the edit does not fit the files any more.
        Refused: something of the user's could be lost, or the edit was not trusted here.
    """
    command = f"show {as_argument(name)} --run"
    with run_context(workspace, options, emit, command=command) as context:
        found = find_targets(workspace.status(), name, top=workspace.top)
        entries = [found.batch.entry(target) for target in found.targets]
        failed = list(_failed([entry for entry in entries if entry]))
        if not failed:
            raise BadInput(
                f"no edit of {name} was rolled back by a command that can be run again",
                next_step="orchestrate unresolved",
            )
        python = _python(context, found.batch.place)
        edits = [(one, _changes(context, one)) for one in failed]
        lines = [line for one, changes in edits for line in _lines(one, changes)]
        what = "an edit that a record keeps was not trusted here yet, and tests would execute it"
        check_lines(lines, what, context.repo, options.asking(command))
        return [_one(context, found.batch.place, one, changes, python) for one, changes in edits]


@dataclass(frozen=True, slots=True)
class _Failed:
    path: str
    paths: tuple[str, ...]
    failure: Failure
    patch: Patch


def _lines(failed: _Failed, changes: Sequence[Change]) -> list[str]:
    """What a person should see of an edit before it is run: its digest, and where it writes."""
    digest = hashlib.sha256(failed.patch.to_bytes()).hexdigest()
    paths = ", ".join(repr(change.path) for change in changes)
    show = as_command(["orchestrate", "show", "--patch", failed.path])
    return [f"{failed.path}: the edit {digest} changes {paths}; see it: {show}"]


def _failed(entries: Sequence[TargetRecord]) -> Iterator[_Failed]:
    """Each edit once, also where several files have one."""
    seen = set()
    for entry in entries:
        if entry.failure and entry.patch and entry.patch not in seen:
            seen.add(entry.patch)
            paths = tuple(dict.fromkeys((entry.path, *entry.unit)))
            if why := next(filter(None, map(why_unsafe, paths)), None):
                raise BadInput(f"the record names a file that is none: {why}")
            yield _Failed(entry.path, paths, entry.failure, entry.patch)


def _python(context: RunContext, place: Place) -> Path | None:
    """The interpreter that is asked for, else the one that judged here, else the project's."""
    judged = logged_python(context.logs, place.name) if context.options.python is None else None
    return judged if judged is not None and judged.is_file() else context.interpreters.path()


def _one(
    context: RunContext,
    place: Place,
    failed: _Failed,
    changes: Sequence[Change],
    python: Path | None,
) -> RerunResult:
    top, verify = context.top, context.plan.verify_for(place)
    there = [path for path in failed.paths if (top / path).is_file()]
    gone = [path for path in failed.paths if path not in there]
    head = preflight.check(context.repo, context.plan, place, failed.paths, new=gone)
    before: dict[str, Content] = {change.path: change.before for change in changes}
    with context.transaction(place, head, before) as tx:
        tx.declare_changes(changes)
        tree = BatchTree(top, [Unit(failed.paths, tuple(changes))])
        tree.put(Side.EDITED)
        if python is None and _needs_python(verify, failed.failure.gate):
            raise NoPython(
                f"showing {failed.path!r} again needs this project's Python, and none was found",
                next_step=f"orchestrate {context.options.command} --python PATH",
            )
        ids = map(from_top, failed.failure.tests)
        tests = [id_ for id_ in ids if _is_there(top, file_of(id_))]
        reproduce = reproduction(context.plan, top, str(python))
        command = reproduce.words(failed.failure.gate, failed.path, tests)
        assert command is not None  # the path was checked
        ended = process.run(
            command,
            cwd=top,
            env=commandline.environment(top, python),
            timeout_s=verify.timeout_s,
        )
    return RerunResult(failed.path, command, ended.exit_code, ended.output)


def _needs_python(verify: Verify, gate: str) -> bool:
    """Whether the command of a gate starts the project's interpreter."""
    named = next((one.run for one in verify.commands if one.name == gate), None)
    return gate in set(GateName) if named is None else "python" in commandline.placeholders(named)


def _is_there(top: Path, path: str) -> bool:
    return why_unsafe(path) is None and (top / path).is_file()


def _changes(context: RunContext, failed: _Failed) -> list[Change]:
    """What the edit changes, found out in a copy of the work tree."""
    scratch = context.scratch()
    scratch.hold({})
    with tempfile.NamedTemporaryFile(suffix=".patch") as file:
        file.write(failed.patch.to_bytes())
        file.flush()
        try:
            Repo(scratch.folder).run("apply", file.name)
        except GitFailed as error:
            raise CannotJudge(
                f"the edit of {failed.path} does not fit any more: {error.output.strip()}",
                next_step=f"orchestrate retry {as_argument(failed.path)}",
            ) from error
    found = scratch.changed()
    odd = [
        f"{path} ({now.unsupported_reason})"
        for path, now in found.items()
        if now.unsupported_reason
    ]
    odd += [f"{path} (not one of its files)" for path in found if path not in failed.paths]
    if odd:
        raise Refused(
            f"the edit of {failed.path} was not applied: as recorded, it would change {odd[0]}",
            next_step=f"orchestrate show --patch {as_argument(failed.path)}",
        )
    return [
        Change(RepoPath(path), scratch.held(path), now.content, mode=now.mode)
        for path, now in found.items()
    ]
