"""Climbs the rungs of a phase: what one leaves, or a gate quarantines, goes to the next."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from orchestrator.base.changes import Content, Side, Unit, changes_of, merged
from orchestrator.base.diff import unified
from orchestrator.base.outcomes import FailureCause
from orchestrator.base.text import plural
from orchestrator.commit import preflight
from orchestrator.commit.batch_tree import BatchTree
from orchestrator.engine.batch import BatchRun
from orchestrator.engine.context.events import Notice, StepBegun, UnitRejected
from orchestrator.engine.drop_failing import VerifiedUnits, drop_failing_units
from orchestrator.engine.fix import FixRequest, fix
from orchestrator.engine.run_gates import gates_for
from orchestrator.fixers.base import FileFixer
from orchestrator.fixers.outcome import NoChange, Refusal
from orchestrator.fixers.planned import proves_its_edits
from orchestrator.fixers.registry import get
from orchestrator.fixers.task import Feedback, Proposal
from orchestrator.gates.attribution.before_after import IdPolicy
from orchestrator.gates.strength.ids_of_tests import may_change_ids
from orchestrator.gates.verdict import RejectedUnit, Verdict
from orchestrator.plan.model import Rung, Target
from orchestrator.plan.verify import OnFailure

_GIVEN_ON = frozenset({FailureCause.CULPRIT, FailureCause.FLAKY})
"""What another answer of a fixer may mend; where nobody can judge, it would not help."""


@dataclass(slots=True)
class FixResult:
    """A run on its way up: what is in so far, and what each target that is not in was left for."""

    kept: list[Unit] = field(default_factory=list)
    unchanged: dict[str, NoChange] = field(default_factory=dict)
    refused: dict[str, Refusal] = field(default_factory=dict)
    rejected: dict[str, RejectedUnit] = field(default_factory=dict)
    verdicts: Sequence[Verdict] = ()
    all_verdicts: list[Verdict] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether what is in may be committed."""
        return all(verdict.passed for verdict in self.verdicts)

    def left(self, path: str) -> Refusal | RejectedUnit | None:
        """Why a target is not in."""
        return self.refused.get(path) or self.rejected.get(path)


def fix_and_verify(run: BatchRun, *, also: Sequence[str] = ()) -> FixResult:
    """Run each rung in turn, and after each of them the gates on all edits made so far.

    The tests of the files `also` must not break either. Ends early where a gate does not pass and
    no edit can be blamed, or with `on_failure: stop`. The files are left as they are
    to be committed.

    Raises:
        OrchestrateError: a fixer or a gate could not do its work at all.
    """
    return _Ladder(run, also).result()


class _Ladder:
    def __init__(self, run: BatchRun, also: Sequence[str]) -> None:
        self._run = run
        self._context = run.context
        self._selection = run.selection
        self._place = run.selection.place
        self._also = also
        self._result = FixResult()
        self._feedback: dict[str, Feedback] = {}

    def result(self) -> FixResult:
        todo: Sequence[Target] = self._selection.targets
        for number, rung in enumerate(self._place.phase.rungs()):
            if number and todo:
                files = plural(len(todo), "file")
                self._context.say(f"{files} left by then: {rung.label} is asked")
            todo = self._rung(rung, todo)
            if not self._result.passed or not todo:
                break
        return self._result

    def _rung(self, rung: Rung, targets: Sequence[Target]) -> list[Target]:
        """The targets that go on to the next rung, after as many tries as this one has."""
        todo, given_on = list(targets), []
        spent, seen = 0.0, dict[str, str]()
        fixer = get(rung.fixer)
        for attempt in range(fixer.tries(rung.options)):
            if not todo:
                break
            if attempt:
                self._context.emit(Notice(f"{rung.label} tries {plural(len(todo), 'file')} again"))
            found = self._proposal(rung, todo, spent)
            spent += found.spent
            judged = self._judged(rung, found)
            left = self._left(todo, found, judged)
            if not self._result.passed:
                return []
            same = [t for t in left if seen.get(t.path) == self._feedback[t.path].reason]
            given_on += same
            seen.update({t.path: self._feedback[t.path].reason for t in left})
            todo = [target for target in left if target not in same]
        return [*given_on, *todo]

    def _proposal(self, rung: Rung, targets: Sequence[Target], spent: float) -> Proposal:
        kept: dict[str, Content] = {c.path: c.after for c in changes_of(self._result.kept)}
        now = {**self._run.before, **kept}
        request = FixRequest(self._place, rung, targets, now, kept, self._feedback, spent)
        runs = f"{rung.label} on {plural(len(targets), 'file')}"
        with self._step("fix", runs="" if isinstance(get(rung.fixer), FileFixer) else runs):
            return fix(self._context, request)

    def _judged(self, rung: Rung, found: Proposal) -> VerifiedUnits | None:
        """What the gates leave of everything so far; None where nothing is new."""
        if not found.units:
            return None
        result, context = self._result, self._context
        units = merged([*result.kept, *found.units])
        with self._step("write"):
            BatchTree(context.top, result.kept, at=Side.EDITED).put(Side.BEFORE)
            preflight.check_beside(context.repo, changes_of(units), self._selection.paths)
            self._run.tx.declare_changes(changes_of(units))
            tree = BatchTree(context.top, units)
            tree.put(Side.EDITED)
        proven = proves_its_edits(self._place.phase)
        kept = not proven and not may_change_ids(changes_of(units))
        rest = IdPolicy.UNAFFECTED if kept else IdPolicy.NONE_LOST
        gates = gates_for(
            context,
            self._place,
            self._run.tx,
            ids=IdPolicy.TRUSTED if proven else rest,
            strength=not proven,
            dependencies=self._run.dependencies,
        )
        judged = drop_failing_units(
            tree,
            gates,
            stop=gates.verify.on_failure is OnFailure.STOP,
            told=lambda taken: context.emit(UnitRejected(taken)),
            before=list(result.rejected.values()),
            also=self._also,
        )
        for verdict in judged.all_verdicts:
            self._run.took(verdict.gate, verdict.duration_s)
        if gates.searched_s:
            self._run.took("search", gates.searched_s)
        result.kept, result.verdicts = tree.units, judged.verdicts
        result.all_verdicts += judged.all_verdicts
        return judged

    def _left(
        self, targets: Sequence[Target], found: Proposal, judged: VerifiedUnits | None
    ) -> list[Target]:
        """The targets another answer may bring in; why each is out, and what the fixer is told."""
        result = self._result
        # a file that was left before, and is not changed now, is still left for that reason
        again = [one.path for one in found.unchanged if result.left(one.path)]
        result.unchanged |= {one.path: one for one in found.unchanged if one.path not in again}
        for target in targets:
            if target.path not in again:
                result.refused.pop(target.path, None)
                result.rejected.pop(target.path, None)
        for refusal in found.refused:
            result.refused[refusal.path] = refusal
            self._feedback[refusal.path] = Feedback(refusal.reason, (), refusal.detail, "")
            again.append(refusal.path)
        for taken in judged.rejected if judged else ():
            for path in taken.unit.targets:
                result.rejected[path] = taken
                self._feedback[path] = _feedback(taken)
                if taken.fault in _GIVEN_ON:
                    again.append(path)
        return [t for t in self._selection.targets if t.path in again]

    @contextmanager
    def _step(self, name: str, *, runs: str = "") -> Iterator[None]:
        self._context.emit(StepBegun(name, runs))
        started_s = time.monotonic()
        try:
            yield
        finally:
            self._run.took(name, time.monotonic() - started_s)


def _feedback(taken: RejectedUnit) -> Feedback:
    """What a fixer is told of the edit that was rolled back."""
    tests = [blame.test_id for blame in taken.blames if blame.test_id]
    first = taken.blames[0]
    reason = f"{taken.gate}: {first.test_id or first.path} {first.what}"
    printed = "\n\n".join(f"{b.test_id or b.path}: {b.what}\n{b.text}" for b in taken.blames)
    diff = "".join(unified(c.path, c.before, c.after) for c in taken.unit.changes)
    return Feedback(reason, tests, printed, diff)
