"""Asks the gates of the plan one after the other, as far as the first that does not pass."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from orchestrator.batch.looking import TestsOf, is_test_file, tests_of
from orchestrator.changes import Change, Side, Unit, changes_of
from orchestrator.events import GateJudged, Said, StepBegun, Tell, TestsRan
from orchestrator.fixers import registry
from orchestrator.gates.baseline import is_red
from orchestrator.gates.command import CommandGate
from orchestrator.gates.compile import compile_gate, unless_before
from orchestrator.gates.judge import suite_gates
from orchestrator.gates.sides import Ids, Rules
from orchestrator.gates.suite import Suite
from orchestrator.gates.trial import Trial, trial_gate
from orchestrator.gates.verdict import Blame, Fault, Kind, Verdict, as_one
from orchestrator.plan.model import Place
from orchestrator.plan.projects import verify_in
from orchestrator.plan.verify import GateName, Untested, Verify
from orchestrator.project.ids import below_file, file_of, function_of
from orchestrator.project.interpreter import Interpreter
from orchestrator.project.pytest_config import settings_for
from orchestrator.safety.session import Session
from orchestrator.safety.tree import BatchTree
from orchestrator.words import listed, plural


@dataclass(slots=True)
class Gates:
    """The gates of one batch. `rules` say how strictly they judge."""

    session: Session
    verify: Verify
    """What the plan asks for in this batch."""

    tests_of: TestsOf
    rules: Rules
    strength: bool
    """Whether tests are compared with what they were, although the plan does not ask for it."""
    trials: Mapping[str, Trial] = field(default_factory=dict)
    """What the fixers of the phase try of their own work, by their names."""

    untested: Untested | None = None
    """What becomes of a file of which no test ran; None: as the default of the plan is."""

    searched_s: float = 0.0
    """Seconds of pytest spent to find the one unit behind a red test."""

    _one_process: bool = field(default=False)
    """Whether workers are given up for the rest of the batch, since one was lost."""

    @property
    def top(self) -> Path:
        """The top of the work tree."""
        return self.session.workspace.top

    @property
    def tell(self) -> Tell:
        """Who hears of it."""
        return self.session.tell

    def verdicts(self, tree: BatchTree, *, also: Sequence[str] = ()) -> Iterator[Verdict]:
        """The verdicts on the edited files of `tree`, in order; none where nothing was edited.

        `also` are files that were taken out: the edits of the others must not break their tests.
        `collect` and `test` come from one pytest process: start-up and imports dominate small
        batches.
        """
        for verdict in self._asked(tree, also):
            self.tell(GateJudged(verdict))
            yield verdict
            if not verdict.passed:
                return

    def still_red(self, red: Verdict, tree: BatchTree, units: Sequence[Unit]) -> bool:
        """Whether what `red` blames is red with only `units` edited.

        Without a baseline and its repetitions: this finds the one unit that matters among several.
        """
        with self.session.reading(red.gate if red.gate not in set(GateName) else None):
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
        own = [id_ for id_ in ids if self.session.projects.of(file_of(id_)) == suite.folder]
        if not own:
            return False
        ended = suite.run(
            suite.files(_asked_for(tree)),
            only=None if together else own,
            freeze=self.verify.freeze_gc and together,
        )
        self._accuse(suite)
        self.searched_s += suite.seconds
        return bool(ended.halts()) or any(is_red(ended.run.way(id_)) for id_ in own)

    def _asked(self, tree: BatchTree, also: Sequence[str]) -> Iterator[Verdict]:
        changes, gates = changes_of(tree.units), self.verify.gates
        if not changes:
            return
        if GateName.COMPILE in gates and any(c.path.endswith(".py") for c in changes):
            self.tell(StepBegun("compile"))
            yield self._compiled(changes, tree)
        if self._compares_strength:
            yield self._strength(changes)
        if self.verify.runs_tests():
            yield from self._tested(tree, also)
        for name in gates:
            if name not in set(GateName):
                from orchestrator.gates.plugin import plugin_gate

                self.tell(StepBegun(name))
                with self.session.reading(name):
                    verdict = plugin_gate(name, changes, top=self.top, baseline=self.rules.baseline)
                yield verdict
        for name, trial in self.trials.items():
            self.tell(StepBegun(name))
            with self.session.reading(name):
                verdict = trial_gate(name, trial, changes, top=self.top)
            yield verdict
        for command in self._commands():
            self.tell(StepBegun(command.command.name, command.command.run))
            name = command.command.name
            with self._watched(name), self.session.reading(name):
                verdict = command.verdict(tree.paths, tree.put, baseline=self.rules.baseline)
            yield verdict

    @property
    def _compares_strength(self) -> bool:
        return GateName.STRENGTH in self.verify.gates or self.strength

    def _watched(self, who: str) -> AbstractContextManager[None]:
        """What changes beside the files of the batch is the doing of `who`."""
        bystanders = self.session.bystanders
        return bystanders.watched(who) if bystanders else nullcontext()

    def _tested(self, tree: BatchTree, also: Sequence[str]) -> Iterator[Verdict]:
        paths, gates = _asked_for(tree), self.verify.gates
        suites = self._suites(tree.paths, [*paths, *also])
        files = [file for suite in suites for file in suite.files([*paths, *also])]
        gone = not self.rules.ids.are_compared and not any((self.top / f).exists() for f in files)
        tests = GateName.TEST in gates
        if not files or gone:
            self.tell(Said("no test looks at these files: `tests:` of the plan names none"))
            last = Verdict(GateName.TEST if tests else GateName.COLLECT, Kind.PASSED, 0, 0.0)
            if not (last := self._with_untested(last, (), tree)).passed:
                yield last
            return
        rules = Rules(self.rules.baseline, self.rules.ids, tests)
        verdicts: dict[str, list[Verdict]] = {}
        ids: set[str] = set()
        for suite in suites:
            step = "collect and test" if tests else "collect"
            step += f" in {suite.folder or '.'}" if len(suites) > 1 else ""
            own = suite.files([*paths, *also])
            self.tell(StepBegun(step, f"pytest on {listed(own, 3)}" if own else ""))
            with self.session.reading():
                try:
                    found = suite_gates(paths, suite, tree, rules, also=also)
                finally:
                    self._accuse(suite)
            self._one_process = self._one_process or suite.one_process
            ids.update(id_ for ended in suite.runs for id_ in ended.run.ids)
            for verdict in found:
                verdicts.setdefault(verdict.gate, []).append(verdict)
        notes: list[str] = []
        if self._compares_strength and (more := self._also_compared(changes_of(tree.units), ids)):
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
            Blame(
                change.path,
                None,
                f"no test of it ran: {said.get(change.path, 'no test looks at it')}",
                Fault.NO_TESTS,
            )
            for change in changes_of(tree.units)
            if change.after is not None
            and not verdict.ran_in(self.tests_of(change.path))
            and self._needs_tests(change.path)
        ]
        return replace(verdict, kind=Kind.RED, blames=blames) if blames else verdict

    def _needs_tests(self, path: str) -> bool:
        """Whether a file may only land where a test of it ran."""
        if self.untested is not None:
            return self.untested is Untested.REFUSE
        return is_test_file(self.top, path) and bool(self.tests_of(path))

    def _accuse(self, suite: Suite) -> None:
        """Remember which test wrote to which file, to put it back, and what was read."""
        for ended in suite.runs:
            self.session.reads.heard(ended)
        if (bystanders := self.session.bystanders) is not None:
            for ended in suite.runs:
                for path, test in ended.written.items():
                    bystanders.accuse(path, test or "what the tests import")

    def _strength(self, changes: Sequence[Change]) -> Verdict:
        self.tell(StepBegun("strength"))
        return self._compared(changes, self._is_test)

    def _compared(
        self, changes: Sequence[Change], is_test: Callable[[str], Callable[[str, str], bool]]
    ) -> Verdict:
        """What the gate `strength` says of the functions that `is_test` names, by their file."""
        from orchestrator.gates.strength.gate import Module, read_with, strength_gate

        def read(path: str, data: bytes) -> Module | None:
            python = self.session.python(self.session.projects.of(path))
            if python.version_info <= sys.version_info[:2]:
                return None
            return read_with(python.path, data, cwd=self.top, timeout_s=self.verify.timeout_s)

        found = self.session.found_python()
        folders = self.session.projects.of_all(change.path for change in changes)
        roots = [str(self.top / at / below) for at in folders for below in ("", "src")]
        return strength_gate(
            changes,
            top=self.top,
            search=[*roots, *(found.search if found else ())],
            allowed=self.verify.allowed,
            is_test=is_test,
            read=read,
        )

    def _is_test(self, path: str) -> Callable[[str, str], bool]:
        """Which functions of a file are tests, as pytest is configured there."""
        from orchestrator.gates.strength.measure import by_default

        settings = settings_for(self.top, path)
        return lambda name, id_: by_default(name, id_) or settings.collects_function(name)

    def _also_compared(self, changes: Sequence[Change], ids: Iterable[str]) -> Verdict | None:
        """Run `strength` on the tests that only pytest's own collection showed to be tests.

        A plug-in may collect functions of any name. Returns None if nothing is wrong with them.
        """
        known = {str(change.path): self._is_test(change.path) for change in changes}
        others: dict[str, set[str]] = {}
        for id_ in ids:
            path, name = file_of(id_), below_file(function_of(id_))
            if path in known and name and not known[path](name.rpartition("::")[2], name):
                others.setdefault(path, set()).add(name)
        if not others:
            return None
        some = [change for change in changes if change.path in others]
        found = self._compared(some, lambda path: lambda name, id_: id_ in others[path])
        if left := sum(map(len, others.values())) - found.count:
            note = f"{plural(left, 'test')} not compared: no function of the file is called so"
            found = replace(found, notes=[*found.notes, note])
        return found if found.blames or found.notes else None

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
            return Verdict(GateName.COMPILE, Kind.PASSED, 0, 0.0)
        by_python: dict[Path, tuple[Interpreter, list[str]]] = {}
        for path in paths:
            python = self.session.python(self.session.projects.of(path))
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
            self._suite(folder, edited, tests) for folder in self.session.projects.of_all(tests)
        ]

    def _verify_in(self, folder: str, tests: Sequence[str]) -> Verify:
        """What must hold in a project; where a folder of its tests holds others, without those."""
        verify = verify_in(self.session.plan, folder, self.verify)
        ignored = self.session.projects.ignoring(folder, tests)
        return replace(verify, pytest_args=[*verify.pytest_args, *ignored]) if ignored else verify

    def _suite(self, folder: str, edited: Sequence[str], tests: Sequence[str]) -> Suite:
        projects, verify = self.session.projects, self._verify_in(folder, tests)
        return Suite(
            self.top,
            self._python_for_tests(folder),
            verify,
            tests_of=lambda path: [t for t in self.tests_of(path) if projects.of(t) == folder],
            folder=folder,
            on_progress=lambda run: self.tell(TestsRan.seen(run)),
            say=lambda what: self.tell(Said(what)),
            compares_lines=not self.strength,  # such a fixer may rewrite the very line that fails
            one_process=self._one_process,
            edited=edited,
            warm=self.session.warm(folder, verify.pytest_args) if verify.warm else None,
        )

    def _python_for_tests(self, folder: str) -> Interpreter:
        python = self.session.python(folder)
        python.must_have_pytest()
        return python

    def _commands(self) -> list[CommandGate]:
        python = self.session.python_path()
        return [
            CommandGate(command, self.top, python, self.verify.timeout_s)
            for command in self.verify.commands
        ]


def gates_for(
    session: Session, place: Place, *, ids: Ids, strength: bool, lands_untested: bool = False
) -> Gates:
    """The gates of a batch, as strict as the user wants them.

    With `lands_untested` a file of which no test ran lands, whatever the plan says.
    """
    rules = Rules(baseline=not session.how.strict, ids=ids)
    fixers = [registry.get(rung.fixer) for rung in place.phase.rungs()]
    trials = {fixer.name: fixer.trial for fixer in fixers if fixer.tries_its_edits}
    verify = session.plan.verify_for(place)
    untested = Untested.LAND if lands_untested else verify.untested
    return Gates(session, verify, tests_of(session, place), rules, strength, trials, untested)


def _asked_for(tree: BatchTree) -> list[str]:
    """The files whose tests are run: what is changed, and the targets it is changed for."""
    targets = [target for unit in tree.units for target in unit.targets]
    return list(dict.fromkeys([*targets, *tree.paths]))
