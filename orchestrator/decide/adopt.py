"""Takes in what a person changed by hand: checked and gated like an edit, then committed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator import files
from orchestrator.batch.gate import gates_for
from orchestrator.batch.looking import tests_of, tests_that_ran
from orchestrator.batch.named import Named, named
from orchestrator.batch.recording import fresh_gates, record_of
from orchestrator.batch.runlog import write_log
from orchestrator.batch.selection import Selection
from orchestrator.changes import Change, Content, Side, Unit
from orchestrator.errors import BadInput, Exit, OrchestrateError, Refused
from orchestrator.events import Picked, Tell
from orchestrator.fixers.registry import get
from orchestrator.foreign import as_argument, as_command, for_commit
from orchestrator.gates.sides import Ids
from orchestrator.gates.verdict import Verdict
from orchestrator.paths import RepoPath
from orchestrator.plan.model import Place
from orchestrator.progress.record import Done, TargetRecord
from orchestrator.progress.status import GIVEN_UP, WAITING, BatchStatus, State, TargetStatus
from orchestrator.redact import redacted
from orchestrator.report.check import check_template
from orchestrator.report.message import message
from orchestrator.report.told import Action, action_of
from orchestrator.safety import preflight
from orchestrator.safety.session import How, Session, session
from orchestrator.safety.transaction import Commit, Transaction, transaction
from orchestrator.safety.tree import BatchTree
from orchestrator.workspace import Workspace


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


def adopt(workspace: Workspace, name: str, reason: str | None, how: How, tell: Tell) -> Adopted:
    """Gate the files of `name` as they are now, and commit them with the record.

    Compared with what they were in HEAD, or when they were given up: no test may be newly red, and
    without a `reason` their ids must be the same. A file that was never anything else has nothing
    to be compared with. One that does not pass stays as the person left it.

    Raises:
        BadInput: nothing is called `name`, it is done, or there is no such file.
        NotClean: the fixer would still change a file, and there is no `reason`.
        OrchestrateError: as for a batch.
    """
    typed = ["adopt", name, *(["--reason", reason] if reason else [])]
    with session(workspace, how, tell, command=as_command(typed)) as work:
        found = _adoptable(named(workspace.status(), name, top=workspace.top), name)
        selection = Selection.of(found.batch, [target.target for target in found.targets])
        given = ["--reason", reason] if reason else []
        command = as_command(["orchestrate", "adopt", name, *given])
        return _adopted(work, _Wish(found.batch, selection, reason, command))


def _adopted(work: Session, wish: _Wish) -> Adopted:
    head = preflight.check_adopted(work.repo, work.plan, wish.place, wish.paths)
    check_template(work.plan, wish.place, Action.ADOPT)
    _must_be_whole(work, wish)
    now = {path: files.read(work.workspace.top, RepoPath(path)) for path in wish.paths}
    before = _before(work, wish, now)
    if wish.reason is None:
        _must_be_clean(work, wish, now, before)
        _must_be_tested(work, wish)
    work.tell(Picked(wish.place, len(wish.paths)))
    commit = None
    with transaction(work, wish.place, head, now) as tx:
        verdicts = _verdicts(work, wish, before, now, tx)
        if all(verdict.passed for verdict in verdicts):
            commit = _commit(work, wish, now, verdicts, tx)
    return Adopted(wish.place, wish.paths, wish.command, commit, verdicts)


def _must_be_clean(
    work: Session, wish: _Wish, now: Mapping[str, bytes], before: Mapping[str, bytes]
) -> None:
    """What the fixer would change is not taken in, nor what nobody has changed."""
    for target in wish.selection.targets:
        clean = work.workspace.is_clean(wish.place.phase, target, now[target.path])
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


def _must_be_whole(work: Session, wish: _Wish) -> None:
    """What was judged with a file beside it is not committed without that file."""
    entries = wish.batch.record.targets if wish.batch.record else ()
    mine = [entry for entry in entries if entry.path in wish.paths]
    beside = sorted({path for entry in mine for path in entry.unit} - set(wish.paths))
    there = [path for path in beside if (work.workspace.top / path).exists()]
    changed = [*work.repo.dirty(beside), *(work.repo.untracked(there) if there else [])]
    if changed:
        raise Refused(
            f"{changed[0]!r} belongs to the same edit, is changed too, and would be left out",
            next_step=f"git add {as_argument(changed[0])} && git commit, or git restore it; "
            "then adopt again",
        )


def _must_be_tested(work: Session, wish: _Wish) -> None:
    """A module that no test looks at is taken in only where a person says why."""
    if not work.plan.verify_for(wish.place).runs_tests():
        return
    tests = tests_of(work, wish.place)
    for path in wish.paths:
        if path.endswith(".py") and not tests(path):
            raise NotClean(
                f"no test looks at {path!r}: its batch has none, and the plan names none",
                next_step=f"name them with `tests:` in the plan, or: orchestrate adopt "
                f"{as_argument(path)} --reason WHY",
            )


def _before(work: Session, wish: _Wish, now: Mapping[str, bytes]) -> dict[str, bytes]:
    """What each file was: in HEAD where it has changed since, else when it was given up."""
    before = {}
    for path in now:
        entries = wish.batch.record.targets if wish.batch.record else ()
        entry = next((entry for entry in entries if entry.path == path), None)
        for blob in (f"HEAD:{path}", entry.before if entry else None):
            data = work.repo.blob(blob, path) if blob else None
            if data is not None and data != now[path]:
                before[path] = data
                break
    return before


def _verdicts(
    work: Session,
    wish: _Wish,
    before: Mapping[str, bytes],
    now: Mapping[str, bytes],
    tx: Transaction,
) -> list[Verdict]:
    """What the gates say of the person's version; the journal restores that one."""
    units = [
        Unit((p,), (Change(RepoPath(p), before.get(p, data), data),)) for p, data in now.items()
    ]
    tx.may_hold([Change(RepoPath(path), now[path], content) for path, content in before.items()])
    tree = BatchTree(work.workspace.top, units, at=Side.EDITED)
    proven = all(get(rung.fixer).proves_its_edits for rung in wish.place.phase.rungs())
    gates = gates_for(
        work,
        wish.place,
        ids=Ids.TRUSTED if wish.reason is not None else Ids.SAME if proven else Ids.NONE_LOST,
        strength=wish.reason is None and not proven,
        lands_untested=wish.reason is not None,
    )
    verdicts = list(gates.verdicts(tree))
    tree.put(Side.EDITED)
    write_log(work.logs, wish.place.name, verdicts, python=work.found_python())
    return verdicts


def _commit(
    work: Session,
    wish: _Wish,
    now: Mapping[str, bytes],
    verdicts: Sequence[Verdict],
    tx: Transaction,
) -> Commit:
    contents: dict[str, Content] = dict(now)
    staged = tx.stage(contents, wish.paths)
    note = for_commit(redacted(wish.reason)) if wish.reason else None
    tests = tests_that_ran(work, wish.place, verdicts)
    entries = {
        path: TargetRecord(
            path=RepoPath(path),
            done=Done.ADOPTED,
            before=staged.before.get(path),
            after=staged.after[path],
            tests=tests(path),
            reason=note,
        )
        for path in wish.paths
    }
    record = record_of(work.plan, wish.selection, entries, verdicts, spelled=work.spelled)
    gates = fresh_gates(verdicts, work.spelled)
    text = message(
        work.plan,
        wish.place,
        record,
        action=action_of([entries[path] for path in wish.paths]),
        touched=wish.paths,
        gates=gates,
        reason=wish.reason or "",
    )
    return tx.commit(staged, record, text)


def _adoptable(found: Named, name: str) -> Named:
    states = WAITING | {State.PENDING, State.REGRESSED, State.COMPLIANT}
    if len(found.targets) > 1:  # a batch: what a run would do itself is left to it
        states = WAITING - {State.MISSING}
    mine = Named(
        found.batch,
        [t for t in found.targets if t.state in states or _mended(found, t)],
    )
    entries = [found.batch.entry(target) for target in mine.targets]
    together = {path for entry in entries if entry for path in entry.unit}
    changed = {State.PENDING, State.REGRESSED}
    mine = Named(
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


def _mended(found: Named, target: TargetStatus) -> bool:
    """Whether a file that was given up is as it should be now, and no run has looked at it."""
    entry = found.batch.entry(target)
    return target.state is State.EDITED and entry is not None and entry.done in GIVEN_UP
