"""Takes in what a person changed by hand: checked and gated like an edit, then committed."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from orchestrator import files
from orchestrator.batch import preflight
from orchestrator.batch.carry import undone_on_error
from orchestrator.batch.commit import Change, Commit, commit_change
from orchestrator.batch.gate import Gates, tests_of
from orchestrator.batch.named import Named, named
from orchestrator.batch.recording import fresh_gates, record_of
from orchestrator.batch.runlog import write_log
from orchestrator.batch.selection import Selection
from orchestrator.batch.session import How, Session, session
from orchestrator.batch.tree import BatchTree
from orchestrator.batch.watcher import Watcher
from orchestrator.batch.workspace import Workspace
from orchestrator.errors import BadInput, Exit, OrchestrateError
from orchestrator.gates.baseline import Side
from orchestrator.gates.judge import Rules
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Place
from orchestrator.progress.record import Done, Record, TargetRecord, record_path
from orchestrator.progress.status import GIVEN_UP, State, TargetStatus
from orchestrator.report.message import Message, message, one_line


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


def adopt(
    workspace: Workspace, name: str, reason: str | None, how: How, watcher: Watcher
) -> Adopted:
    """Gate the files of `name` as they are now, and commit them with the record.

    Compared with what they were in HEAD, or when they were given up: no test may be newly red, and
    without a `reason` their ids must be the same. Of a file that never was otherwise nothing can be
    newly red. A file that does not pass stays as the person left it.

    Raises:
        BadInput: nothing is called `name`, it is done, or there is no such file.
        NotClean: the fixer would still change a file, and there is no `reason`.
        OrchestrateError: as for a batch.
    """
    with session(workspace, how, watcher) as work:
        found = _adoptable(named(workspace.status(), name, top=workspace.top), name)
        return _Adoption(work, found, name, reason).adopted()


class _Adoption:
    def __init__(self, work: Session, found: Named, name: str, reason: str | None) -> None:
        self._work = work
        self._place = found.batch.place
        self._batch = found.batch
        self._targets = [target.target for target in found.targets]
        self._paths = [target.path for target in self._targets]
        self._reason = reason
        given = ["--reason", reason] if reason else []
        self._command = shlex.join(["orchestrate", "adopt", name, *given])

    def adopted(self) -> Adopted:
        work, place = self._work, self._place
        head = preflight.check_adopted(work.repo, work.plan, place, self._paths)
        now = {path: files.read(work.workspace.top / path) for path in self._paths}
        self._must_be_clean(now)
        self._must_be_tested()
        before = self._before(now)
        work.watcher.picked(place, len(self._paths))
        with undone_on_error(work, place.name):
            file = record_path(work.plan, place)
            work.journal.prepare(place.name, head.commit, file, now)
            verdicts = self._verdicts(before, now)
            passed = all(verdict.passed for verdict in verdicts)
            commit = self._commit(now, verdicts, head.commit) if passed else None
        work.journal.close()
        return Adopted(place, self._paths, self._command, commit, verdicts)

    def _must_be_clean(self, now: Mapping[str, bytes]) -> None:
        if self._reason is not None:
            return
        for target in self._targets:
            judge = self._work.workspace.is_clean
            if target.manual is None and not judge(self._place.phase, target, now[target.path]):
                raise NotClean(
                    f"{target.path!r} is not what the fixer asks for: it would change or refuse it",
                    next_step=f"orchestrate adopt {target.path} --reason WHY-IT-IS-RIGHT",
                )

    def _must_be_tested(self) -> None:
        """A module that no test looks at is taken in only where a person says why."""
        tests = tests_of(self._work, self._place)
        for path in self._paths:
            if path.endswith(".py") and self._reason is None and not tests(path):
                raise NotClean(
                    f"no test looks at {path!r}: its batch has none, and the plan names none",
                    next_step=f"name them with `tests:` in the plan, or: orchestrate adopt {path} "
                    "--reason WHY",
                )

    def _before(self, now: Mapping[str, bytes]) -> dict[str, bytes]:
        """What each file was: in HEAD where it has changed since, else when it was given up."""
        before = {}
        for path in now:
            entries = self._batch.record.targets if self._batch.record else ()
            entry = next((entry for entry in entries if entry.path == path), None)
            for blob in (f"HEAD:{path}", entry.before if entry else None):
                data = self._work.repo.blob(blob, path) if blob else None
                if data is not None and data != now[path]:
                    before[path] = data
                    break
        return before

    def _verdicts(self, before: Mapping[str, bytes], now: Mapping[str, bytes]) -> list[Verdict]:
        work = self._work
        tree = BatchTree(work.workspace.top, {**now, **before}, now, at=Side.EDITED)
        work.journal.applying(dict(before))
        gates = Gates(
            work.workspace.top,
            work.python(),
            work.plan.verify,
            tests_of(work, self._place),
            Rules(baseline=not work.how.strict, proven=self._reason is not None),
            work.watcher,
        )
        verdicts = list(gates.verdicts(tree))
        tree.put(Side.EDITED)
        write_log(work.folder, self._place.name, verdicts)
        return verdicts

    def _commit(self, now: Mapping[str, bytes], verdicts: Sequence[Verdict], base: str) -> Commit:
        work = self._work
        selection = Selection.of(self._batch, self._targets)
        note = one_line(self._reason) if self._reason else None

        def make(old: Mapping[str, str], new: Mapping[str, str]) -> Record:
            entries = {
                path: TargetRecord(
                    path=path,
                    done=Done.ADOPTED,
                    before=old.get(path),
                    after=new[path],
                    reason=note,
                )
                for path in self._paths
            }
            return record_of(work.plan, selection, entries, verdicts)

        def text(record: Record | None) -> Message:
            assert record is not None
            gates = fresh_gates(verdicts)
            return message(work.plan, self._place, record, touched=self._paths, gates=gates)

        file = record_path(work.plan, self._place)
        change = Change(now, file, make, text)
        return commit_change(work.repo, change, self._paths, base, work.journal)


def _adoptable(found: Named, name: str) -> Named:
    states = {State.QUARANTINED, State.MANUAL, State.PENDING, State.REGRESSED, State.COMPLIANT}
    if len(found.targets) > 1:  # a batch: what a run would do itself is left to it
        states = {State.QUARANTINED, State.MANUAL}
    mine = Named(
        found.batch,
        [t for t in found.targets if t.state in states or _mended(found, t)],
    )
    if not mine.targets:
        raise BadInput(f"nothing of {name} waits for a person", next_step="orchestrate unresolved")
    return mine


def _mended(found: Named, target: TargetStatus) -> bool:
    """Whether a file that was given up is as it should be now, and no run has looked at it."""
    entry = found.batch.entry(target)
    return target.state is State.EDITED and entry is not None and entry.done in GIVEN_UP
