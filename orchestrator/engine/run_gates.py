"""Asks the gates of the plan one after the other, as far as the first that does not pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.base.changes import Change, Side, Unit, changes_of
from orchestrator.base.outcomes import FailureCause, GateResult
from orchestrator.base.text import listed
from orchestrator.commit.batch_tree import BatchTree
from orchestrator.commit.out_of_scope import OutOfScopeGuard
from orchestrator.commit.transaction import Transaction
from orchestrator.engine.compare_strength import StrengthComparison
from orchestrator.engine.context.dependencies import DependencyRecorder
from orchestrator.engine.context.events import GateJudged, StepBegun, TestsRan
from orchestrator.engine.context.run_context import RunContext
from orchestrator.engine.tests_of_files import TestsOf, is_test_file, tests_of
from orchestrator.fixers import registry
from orchestrator.gates.attribution.baseline import is_red
from orchestrator.gates.attribution.before_after import GateRules, IdPolicy
from orchestrator.gates.attribution.judge import suite_gates
from orchestrator.gates.attribution.suite import Suite
from orchestrator.gates.command import CommandGate
from orchestrator.gates.compile import compile_gate, unless_before
from orchestrator.gates.fixer_check import FixerCheck, fixer_check_gate
from orchestrator.gates.verdict import GateFailure, Verdict, as_one
from orchestrator.plan.model import Place
from orchestrator.plan.projects import verify_in
from orchestrator.plan.verify import GateName, Untested, Verify
from orchestrator.project.ids import file_of
from orchestrator.project.interpreter import Interpreter


@dataclass(slots=True)
class GateRunner:
    """The gates of one batch. `rules` say how strictly they judge."""

    context: RunContext
    verify: Verify
    """What the plan asks for in this batch."""

    tests_of: TestsOf
    rules: GateRules
    strength: bool
    """Whether tests are compared with what they were, although the plan does not ask for it."""
    trials: Mapping[str, FixerCheck] = field(default_factory=dict)
    """What the fixers of the phase try of their own work, by their names."""

    untested: Untested | None = None
    """What becomes of a file of which no test ran; None: as the default of the plan is."""

    guard: OutOfScopeGuard | None = None
    """What is told which test wrote to a file outside the batch."""

    dependencies: DependencyRecorder = field(default_factory=DependencyRecorder)

    searched_s: float = 0.0
    """Seconds of pytest spent to find the one unit behind a red test."""

    _one_process: bool = field(default=False)
    """Whether workers are not used for the rest of the batch, since one was lost."""

    @property
    def top(self) -> Path:
        """The top of the work tree."""
        return self.context.top

    def verdicts(self, tree: BatchTree, *, also: Sequence[str] = ()) -> Iterator[Verdict]:
        """The verdicts on the edited files of `tree`, in order; none where nothing was edited.

        `also` are files that were quarantined: the edits of the others must not break their tests.
        `collect` and `test` come from one pytest process: start-up and imports dominate small
        batches.
        """
        for verdict in self._asked(tree, also):
            self.context.emit(GateJudged(verdict))
            yield verdict
            if not verdict.passed:
                return

    def still_red(self, red: Verdict, tree: BatchTree, units: Sequence[Unit]) -> bool:
        """Whether what `red` blames is red with only `units` edited.

        Without a baseline and its repetitions: this finds the one unit that matters among several.
        """
        with self.dependencies.reading(red.gate if red.gate not in set(GateName) else None):
            return self._still_red(red, tree, [path for unit in units for path in unit.paths])

    def _still_red(self, red: Verdict, tree: BatchTree, subset: Sequence[str]) -> bool:
        if gate := next((c for c in self._commands() if c.command.name == red.gate), None):
            tree.edit_only([])
            before = gate.says(tree.paths) or Counter()
            tree.edit_only(subset)
            return bool((gate.says(tree.paths) or Counter()) - before)
        tree.edit_only(subset)
        ids = [blame.test_id or blame.path for blame in red.blames]
        together = any(blame.together for blame in red.blames)
        return any(
            self._red_among(suite, tree, ids, together=together)
            for suite in self._suites(tree.paths, _asked_for(tree))
        )

    def _red_among(
        self, suite: Suite, tree: BatchTree, ids: Sequence[str], *, together: bool
    ) -> bool:
        """Whether one of `ids` that is of the suite's project is red now."""
        own = [id_ for id_ in ids if self.context.projects.of(file_of(id_)) == suite.folder]
        if not own:
            return False
        ended = suite.run(
            suite.files(_asked_for(tree)),
            only=None if together else own,
            freeze=self.verify.freeze_gc and together,
        )
        self._accuse(suite)
        self.searched_s += suite.seconds
        return bool(ended.halts()) or any(is_red(ended.run.outcome_of(id_)) for id_ in own)

    def _asked(self, tree: BatchTree, also: Sequence[str]) -> Iterator[Verdict]:
        changes, gates = changes_of(tree.units), self.verify.gates
        if not changes:
            return
        if GateName.COMPILE in gates and any(c.path.endswith(".py") for c in changes):
            self.context.emit(StepBegun("compile"))
            yield self._compiled(changes, tree)
        if self._compares_strength:
            yield self._strength(changes)
        if self.verify.runs_tests():
            yield from self._tested(tree, also)
        for name in gates:
            if name not in set(GateName):
                from orchestrator.gates.plugin import plugin_gate

                self.context.emit(StepBegun(name))
                with self.dependencies.reading(name):
                    verdict = plugin_gate(name, changes, top=self.top, baseline=self.rules.baseline)
                yield verdict
        for name, trial in self.trials.items():
            self.context.emit(StepBegun(name))
            with self.dependencies.reading(name):
                verdict = fixer_check_gate(name, trial, changes, top=self.top)
            yield verdict
        for command in self._commands():
            self.context.emit(StepBegun(command.command.name, command.command.run))
            name = command.command.name
            with self._watched(name), self.dependencies.reading(name):
                verdict = command.verdict(tree.paths, tree.put, baseline=self.rules.baseline)
            yield verdict

    @property
    def _comparison(self) -> StrengthComparison:
        return StrengthComparison(self.context, self.verify)

    @property
    def _compares_strength(self) -> bool:
        return GateName.STRENGTH in self.verify.gates or self.strength

    def _watched(self, who: str) -> AbstractContextManager[None]:
        """What changes beside the files of the batch is the doing of `who`."""
        return self.guard.watched(who) if self.guard else nullcontext()

    def _tested(self, tree: BatchTree, also: Sequence[str]) -> Iterator[Verdict]:
        paths, gates = _asked_for(tree), self.verify.gates
        suites = self._suites(tree.paths, [*paths, *also])
        files = [file for suite in suites for file in suite.files([*paths, *also])]
        gone = not self.rules.ids.are_compared and not any((self.top / f).exists() for f in files)
        tests = GateName.TEST in gates
        if not files or gone:
            self.context.say("no test looks at these files: `tests:` of the plan names none")
            last = Verdict(GateName.TEST if tests else GateName.COLLECT, GateResult.PASSED, 0, 0.0)
            if not (last := self._with_untested(last, (), tree)).passed:
                yield last
            return
        rules = GateRules(self.rules.baseline, self.rules.ids, tests)
        verdicts: dict[str, list[Verdict]] = {}
        ids: set[str] = set()
        for suite in suites:
            step = "collect and test" if tests else "collect"
            step += f" in {suite.folder or '.'}" if len(suites) > 1 else ""
            own = suite.files([*paths, *also])
            self.context.emit(StepBegun(step, f"pytest on {listed(own, 3)}" if own else ""))
            with self.dependencies.reading():
                try:
                    found = suite_gates(paths, suite, tree, rules, also=also)
                finally:
                    self._accuse(suite)
            self._one_process = self._one_process or suite.one_process
            ids.update(id_ for ended in suite.runs for id_ in ended.run.ids)
            for verdict in found:
                verdicts.setdefault(verdict.gate, []).append(verdict)
        notes: list[str] = []
        if self._compares_strength and (
            more := self._comparison.of_others(changes_of(tree.units), ids)
        ):
            if more.blames:
                yield more
            first = next(iter(verdicts.values()))
            first[0] = replace(first[0], notes=[*first[0].notes, *more.notes])
        for gate in (GateName.COLLECT, GateName.TEST):
            if gate in verdicts:
                verdict = as_one(verdicts[gate])
                notes += verdict.notes
                if gate is GateName.TEST or not tests:
                    verdict = self._with_untested(verdict, notes, tree)
                if gate in gates or not verdict.passed:
                    yield verdict

    def _with_untested(self, verdict: Verdict, notes: Sequence[str], tree: BatchTree) -> Verdict:
        """The verdict, with the edited files of which no test ran and which may not land so.

        `notes` say why where that is known. What a fixer tries itself is left to that.
        """
        if not verdict.passed or self.trials:
            return verdict
        said = dict(note.split(": ", 1) for note in notes if ": " in note)
        blames = [
            GateFailure(
                change.path,
                None,
                f"no test of it ran: {said.get(change.path, 'no test looks at it')}",
                FailureCause.NO_TESTS,
            )
            for change in changes_of(tree.units)
            if change.after is not None
            and not verdict.ran_in(self.tests_of(change.path))
            and self._needs_tests(change.path)
        ]
        return replace(verdict, kind=GateResult.RED, blames=blames) if blames else verdict

    def _needs_tests(self, path: str) -> bool:
        """Whether a file may only land where a test of it ran."""
        if self.untested is not None:
            return self.untested is Untested.REFUSE
        return is_test_file(self.top, path) and bool(self.tests_of(path))

    def _accuse(self, suite: Suite) -> None:
        """Remember which test wrote to which file, to put it back, and what was read."""
        for ended in suite.runs:
            self.dependencies.found.heard(ended)
        if self.guard is not None:
            for ended in suite.runs:
                for path, test in ended.written.items():
                    self.guard.accuse(path, test or "what the tests import")

    def _strength(self, changes: Sequence[Change]) -> Verdict:
        self.context.emit(StepBegun("strength"))
        return self._comparison.verdict(changes)

    def _compiled(self, changes: Sequence[Change], tree: BatchTree) -> Verdict:
        python = [change for change in changes if change.path.endswith(".py")]
        verdict = self._compile([change.path for change in python if change.after is not None])
        if not verdict.blames or not self.rules.baseline:
            return verdict
        blamed = {blame.path for blame in verdict.blames}
        tree.put(Side.BEFORE)
        red = [c.path for c in python if c.path in blamed and c.before is not None]
        before = self._compile(red)
        tree.put(Side.EDITED)
        return unless_before(verdict, before)

    def _compile(self, paths: Sequence[str]) -> Verdict:
        if not paths:
            return Verdict(GateName.COMPILE, GateResult.PASSED, 0, 0.0)
        by_python: dict[Path, tuple[Interpreter, list[str]]] = {}
        for path in paths:
            python = self.context.python(self.context.projects.of(path))
            by_python.setdefault(python.path, (python, []))[1].append(path)
        limit_s = self.verify.timeout_s
        return as_one(
            [
                compile_gate(some, top=self.top, python=python, timeout_s=limit_s)
                for python, some in by_python.values()
            ]
        )

    def _suites(self, edited: Sequence[str], paths: Sequence[str]) -> list[Suite]:
        """A suite for each project that holds tests of `paths`; `edited` are the files changed."""
        tests = [test for path in paths for test in self.tests_of(path)]
        return [
            self._suite(folder, edited, tests) for folder in self.context.projects.of_all(tests)
        ]

    def _verify_in(self, folder: str, tests: Sequence[str]) -> Verify:
        """What must hold in a project; where a folder of its tests holds others, without those."""
        verify = verify_in(self.context.plan, folder, self.verify)
        ignored = self.context.projects.ignoring(folder, tests)
        return replace(verify, pytest_args=[*verify.pytest_args, *ignored]) if ignored else verify

    def _suite(self, folder: str, edited: Sequence[str], tests: Sequence[str]) -> Suite:
        projects, verify = self.context.projects, self._verify_in(folder, tests)
        return Suite(
            self.top,
            self._python_for_tests(folder),
            verify,
            tests_of=lambda path: [t for t in self.tests_of(path) if projects.of(t) == folder],
            folder=folder,
            on_progress=lambda run: self.context.emit(TestsRan.seen(run)),
            say=self.context.say,
            compares_lines=not self.strength,  # such a fixer may rewrite the very line that fails
            one_process=self._one_process,
            edited=edited,
            warm=self.context.fork_server(folder, verify.pytest_args) if verify.warm else None,
        )

    def _python_for_tests(self, folder: str) -> Interpreter:
        python = self.context.python(folder)
        python.must_have_pytest()
        return python

    def _commands(self) -> list[CommandGate]:
        python = self.context.interpreters.path()
        return [
            CommandGate(command, self.top, python, self.verify.timeout_s)
            for command in self.verify.commands
        ]


def gates_for(
    context: RunContext,
    place: Place,
    tx: Transaction,
    *,
    ids: IdPolicy,
    strength: bool,
    lands_untested: bool = False,
    dependencies: DependencyRecorder | None = None,
) -> GateRunner:
    """Return the gates of a batch, as strict as the user wants them.

    With `lands_untested` a file of which no test ran lands, whatever the plan says. What the gates
    read is added to `dependencies`.
    """
    rules = GateRules(baseline=not context.options.strict, ids=ids)
    fixers = [registry.get(rung.fixer) for rung in place.phase.rungs()]
    trials = {fixer.name: fixer.trial for fixer in fixers if fixer.tries_its_edits}
    verify = context.plan.verify_for(place)
    untested = Untested.LAND if lands_untested else verify.untested
    return GateRunner(
        context,
        verify,
        tests_of(context, place),
        rules,
        strength,
        trials,
        untested,
        tx.guard,
        dependencies or DependencyRecorder(context.opened_files),
    )


def _asked_for(tree: BatchTree) -> list[str]:
    """The files whose tests are run: what is changed, and the targets it is changed for."""
    targets = [target for unit in tree.units for target in unit.targets]
    return list(dict.fromkeys([*targets, *tree.paths]))
