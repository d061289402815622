"""Takes in what a person changed by hand: checked and gated like an edit, then committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator.base import files
from orchestrator.base.changes import Change, Content, Side, Unit
from orchestrator.base.escape import as_argument, as_command, for_commit
from orchestrator.base.outcomes import NOT_BROUGHT_IN, TargetOutcome, TargetState
from orchestrator.base.paths import RepoPath
from orchestrator.base.redact import redacted
from orchestrator.commit import preflight
from orchestrator.commit.batch_tree import BatchTree
from orchestrator.commit.transaction import Commit, Transaction
from orchestrator.engine.context.events import EventHandler, Picked
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import RunContext, run_context
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.find_targets import FoundTargets, find_targets
from orchestrator.engine.make_record import fresh_gates, record_of
from orchestrator.engine.run_gates import gates_for
from orchestrator.engine.run_log import write_log
from orchestrator.engine.selection import Selection
from orchestrator.engine.tests_of_files import tests_of, tests_that_ran
from orchestrator.errors import BadInput, Exit, OrchestrateError, Refused
from orchestrator.fixers.planned import proves_its_edits
from orchestrator.gates.attribution.before_after import IdPolicy
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Place
from orchestrator.records.record import TargetRecord
from orchestrator.records.status import WAITING, BatchStatus, TargetStatus
from orchestrator.report.check import check_template
from orchestrator.report.message import message
from orchestrator.report.told import Action, action_of


class NotClean(OrchestrateError):
    """A file the fixer would still change; a person has to say why it is right."""

    exit_code = Exit.RED


@dataclass(frozen=True, slots=True)
class Adopted:
    """What a person's change came to: the commit, or None where a gate did not pass."""

    place: Place
    paths: Sequence[str]
    command: str
    commit: Commit | None
    verdicts: Sequence[Verdict]


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a person wants taken in: some targets of a batch, and why, where the fixer disagrees."""

    batch: BatchStatus
    selection: Selection
    reason: str | None
    command: str

    @property
    def place(self) -> Place:
        return self.selection.place

    @property
    def paths(self) -> list[str]:
        return self.selection.paths


def adopt(
    workspace: Workspace, name: str, reason: str | None, options: RunOptions, emit: EventHandler
) -> Adopted:
    """Gate the files of `name` as they are now, and commit them with the record.

    Compared with what they were in HEAD, or when they were quarantined: no test may be newly red,
    and without a `reason` their ids must be the same. A file that was never anything else has
    nothing to be compared with. One that does not pass stays as the person left it.

    Raises:
        BadInput: nothing is called `name`, it is done, or there is no such file.
        NotClean: the fixer would still change a file, and there is no `reason`.
        OrchestrateError: as for a batch.
    """
    typed = ["adopt", name, *(["--reason", reason] if reason else [])]
    with run_context(workspace, options, emit, command=as_command(typed)) as context:
        found = _adoptable(find_targets(workspace.status(), name, top=workspace.top), name)
        selection = Selection.of(found.batch, [target.target for target in found.targets])
        given = ["--reason", reason] if reason else []
        command = as_command(["orchestrate", "adopt", name, *given])
        return _adopted(context, _Wish(found.batch, selection, reason, command))


def _adopted(context: RunContext, wish: _Wish) -> Adopted:
    head = preflight.check_adopted(context.repo, context.plan, wish.place, wish.paths)
    check_template(context.plan, wish.place, Action.ADOPT)
    _must_be_whole(context, wish)
    now = {path: files.read(context.top, RepoPath(path)) for path in wish.paths}
    before = _before(context, wish, now)
    if wish.reason is None:
        _must_be_clean(context, wish, now, before)
        _must_be_tested(context, wish)
    context.emit(Picked(wish.place, len(wish.paths)))
    commit = None
    with context.transaction(wish.place, head, now) as tx:
        verdicts = _verdicts(context, wish, before, now, tx)
        if all(verdict.passed for verdict in verdicts):
            commit = _commit(context, wish, now, verdicts, tx)
    return Adopted(wish.place, wish.paths, wish.command, commit, verdicts)


def _must_be_clean(
    context: RunContext, wish: _Wish, now: Mapping[str, bytes], before: Mapping[str, bytes]
) -> None:
    """What the fixer would change is not taken in, nor what nobody has changed."""
    for target in wish.selection.targets:
        clean = context.workspace.is_clean(wish.place.phase, target, now[target.path])
        if target.manual is None and clean is None and target.path not in before:
            raise NotClean(
                f"{target.path!r} is what it was: nobody has changed it since",
                next_step="change it, or: orchestrate skip "
                f"{as_argument(target.path)} --reason WHY",
            )
        if target.manual is None and clean is False:
            raise NotClean(
                f"{target.path!r} is not what the fixer asks for: it would change or refuse it",
                next_step=f"orchestrate adopt {as_argument(target.path)} --reason WHY-IT-IS-RIGHT",
            )


def _must_be_whole(context: RunContext, wish: _Wish) -> None:
    """What was judged with a file beside it is not committed without that file."""
    entries = wish.batch.record.targets if wish.batch.record else ()
    mine = [entry for entry in entries if entry.path in wish.paths]
    beside = sorted({path for entry in mine for path in entry.unit} - set(wish.paths))
    there = [path for path in beside if (context.top / path).exists()]
    changed = [*context.repo.dirty(beside), *(context.repo.untracked(there) if there else [])]
    if changed:
        raise Refused(
            f"{changed[0]!r} belongs to the same edit, is changed too, and would be left out",
            next_step=f"git add {as_argument(changed[0])} && git commit, or git restore it; "
            "then adopt again",
        )


def _must_be_tested(context: RunContext, wish: _Wish) -> None:
    """A module that no test looks at is taken in only where a person says why."""
    if not context.plan.verify_for(wish.place).runs_tests():
        return
    tests = tests_of(context, wish.place)
    for path in wish.paths:
        if path.endswith(".py") and not tests(path):
            raise NotClean(
                f"no test looks at {path!r}: its batch has none, and the plan names none",
                next_step=f"name them with `tests:` in the plan, or: orchestrate adopt "
                f"{as_argument(path)} --reason WHY",
            )


def _before(context: RunContext, wish: _Wish, now: Mapping[str, bytes]) -> dict[str, bytes]:
    """What each file was: in HEAD where it has changed since, else when it was quarantined."""
    before = {}
    for path in now:
        entries = wish.batch.record.targets if wish.batch.record else ()
        entry = next((entry for entry in entries if entry.path == path), None)
        for blob in (f"HEAD:{path}", entry.before if entry else None):
            data = context.repo.blob(blob, path) if blob else None
            if data is not None and data != now[path]:
                before[path] = data
                break
    return before


def _verdicts(
    context: RunContext,
    wish: _Wish,
    before: Mapping[str, bytes],
    now: Mapping[str, bytes],
    tx: Transaction,
) -> list[Verdict]:
    """What the gates say of the person's version; the journal restores that one."""
    units = [
        Unit((p,), (Change(RepoPath(p), before.get(p, data), data),)) for p, data in now.items()
    ]
    tx.declare_changes(
        [Change(RepoPath(path), now[path], content) for path, content in before.items()]
    )
    tree = BatchTree(context.top, units, at=Side.EDITED)
    proven = proves_its_edits(wish.place.phase)
    gates = gates_for(
        context,
        wish.place,
        tx,
        ids=IdPolicy.TRUSTED
        if wish.reason is not None
        else IdPolicy.IDENTICAL
        if proven
        else IdPolicy.NONE_LOST,
        strength=wish.reason is None and not proven,
        lands_untested=wish.reason is not None,
    )
    verdicts = list(gates.verdicts(tree))
    tree.put(Side.EDITED)
    write_log(context.logs, wish.place.name, verdicts, python=context.interpreters.first_found())
    return verdicts


def _commit(
    context: RunContext,
    wish: _Wish,
    now: Mapping[str, bytes],
    verdicts: Sequence[Verdict],
    tx: Transaction,
) -> Commit:
    contents: dict[str, Content] = dict(now)
    staged = tx.stage(contents, wish.paths)
    note = for_commit(redacted(wish.reason)) if wish.reason else None
    tests = tests_that_ran(context, wish.place, verdicts)
    entries = {
        path: TargetRecord(
            path=RepoPath(path),
            done=TargetOutcome.ADOPTED,
            before=staged.before.get(path),
            after=staged.after[path],
            tests=tests(path),
            reason=note,
        )
        for path in wish.paths
    }
    record = record_of(
        context.plan, wish.selection, entries, verdicts, spelled=context.interpreters.spelled
    )
    gates = fresh_gates(verdicts, context.interpreters.spelled)
    text = message(
        context.plan,
        wish.place,
        record,
        action=action_of([entries[path] for path in wish.paths]),
        touched=wish.paths,
        gates=gates,
        reason=wish.reason or "",
    )
    return tx.commit(staged, record, context.signed(text))


def _adoptable(found: FoundTargets, name: str) -> FoundTargets:
    states = WAITING | {TargetState.PENDING, TargetState.REGRESSED, TargetState.COMPLIANT}
    if len(found.targets) > 1:  # a batch: what a run would do itself is left to it
        states = WAITING - {TargetState.MISSING}
    mine = FoundTargets(
        found.batch,
        [t for t in found.targets if t.state in states or _mended(found, t)],
    )
    entries = [found.batch.entry(target) for target in mine.targets]
    together = {path for entry in entries if entry for path in entry.unit}
    changed = {TargetState.PENDING, TargetState.REGRESSED}
    mine = FoundTargets(
        found.batch,
        [
            t
            for t in found.batch.targets
            if t in mine.targets or (t.target.path in together and t.state in changed)
        ],
    )
    if not mine.targets:
        raise BadInput(f"nothing of {name} waits for a person", next_step="orchestrate unresolved")
    return mine


def _mended(found: FoundTargets, target: TargetStatus) -> bool:
    """Whether a file that was quarantined is as it should be now, and no run has looked at it."""
    entry = found.batch.entry(target)
    return target.state is TargetState.EDITED and entry is not None and entry.done in NOT_BROUGHT_IN
