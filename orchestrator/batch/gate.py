"""Asks the gates of the plan one after the other, as far as the first that does not pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from orchestrator.batch.session import Session
from orchestrator.batch.tree import BatchTree
from orchestrator.batch.watcher import Watcher
from orchestrator.errors import BadInput
from orchestrator.gates.baseline import Side, is_red
from orchestrator.gates.command import CommandGate
from orchestrator.gates.compile import compile_gate, unless_before
from orchestrator.gates.interpreter import Interpreter
from orchestrator.gates.judge import Rules, suite_gates
from orchestrator.gates.suite import Suite
from orchestrator.gates.verdict import Verdict
from orchestrator.plan.model import Place
from orchestrator.plan.verify import GateName, Verify

TestsOf = Callable[[str], Sequence[str]]
"""The test files or folders pytest is given for a file of a batch; none: it has no tests."""


def tests_of(session: Session, place: Place) -> TestsOf:
    """As the plan says: what a target names, what a pattern of `verify` does, or the file itself.

    Patterns are for files that are no tests. A file for a person that is no test file and names no
    tests is judged by the tests of its batch.
    """
    verify = session.plan.verify
    targets = {target.path: target for target in place.batch.targets}
    tests = [target.path for target in place.batch.automatic() if is_test_file(target.path)]

    def of(path: str) -> Sequence[str]:
        target = targets[path]
        if is_test_file(path) and not target.tests:
            return [path]
        found = verify.tests_of(path, target.tests)
        if missing := [test for test in found if not (session.workspace.top / test).exists()]:
            raise BadInput(
                f"the plan names tests for {path!r} that do not exist: {missing[0]!r}",
                next_step="correct `tests:` in the plan, then: orchestrate validate",
            )
        return tests if found == [path] and target.manual is not None else found

    return of


def is_test_file(path: str) -> bool:
    """Whether pytest takes a file of this name for tests, as it is configured by default."""
    name = PurePosixPath(path)
    return name.match("test_*.py") or name.match("*_test.py")


@dataclass(frozen=True, slots=True)
class Gates:
    """The gates of one batch. `rules` say how strictly they judge."""

    top: Path
    python: Interpreter
    verify: Verify
    tests_of: TestsOf
    rules: Rules
    watcher: Watcher

    def verdicts(self, tree: BatchTree, *, also: Sequence[str] = ()) -> Iterator[Verdict]:
        """The verdicts on the edited files of `tree`, in order; none where nothing was edited.

        `also` are files that were taken out: the edits of the others must not break their tests.
        `collect` and `test` come from one pytest process: start-up and imports dominate small
        batches.
        """
        for verdict in self._asked(tree, also):
            self.watcher.verdict(verdict)
            yield verdict
            if not verdict.passed:
                return

    def still_red(self, red: Verdict, tree: BatchTree, subset: Sequence[str]) -> bool:
        """Whether what `red` blames is red with only the files of `subset` edited.

        Without a baseline and its repetitions: this finds the one file that matters among several.
        """
        if gate := next((c for c in self._commands() if c.command.name == red.gate), None):
            tree.edit_only([])
            before = gate.says(tree.paths) or Counter()
            tree.edit_only(subset)
            return bool((gate.says(tree.paths) or Counter()) - before)
        tree.edit_only(subset)
        suite = self._suite()
        ids = [blame.test_id or blame.path for blame in red.blames]
        together = any(blame.together for blame in red.blames)
        ended = suite.run(
            suite.files(tree.paths),
            only=None if together else ids,
            freeze=self.verify.freeze_gc and together,
        )
        return bool(ended.halts()) or any(is_red(ended.run.way(id_)) for id_ in ids)

    def _asked(self, tree: BatchTree, also: Sequence[str]) -> Iterator[Verdict]:
        paths, gates = tree.paths, self.verify.gates
        if not paths:
            return
        python = [path for path in paths if path.endswith(".py")]
        if GateName.COMPILE in gates and python:
            self.watcher.step("compile")
            yield self._compiled(python, tree)
        has_tests = bool(self._suite().files(paths))
        if has_tests and (GateName.TEST in gates or GateName.COLLECT in gates):
            tests = GateName.TEST in gates
            self.watcher.step("collect and test" if tests else "collect")
            rules = Rules(self.rules.baseline, self.rules.proven, tests)
            for verdict in suite_gates(paths, self._suite(), tree, rules, also=also):
                if verdict.gate in gates or not verdict.passed:
                    yield verdict
        for command in self._commands():
            self.watcher.step(command.command.name)
            yield command.verdict(paths, tree.put, baseline=self.rules.baseline)

    def _compiled(self, paths: Sequence[str], tree: BatchTree) -> Verdict:
        limit_s = self.verify.timeout_s
        verdict = compile_gate(paths, top=self.top, python=self.python, timeout_s=limit_s)
        if not verdict.blames or not self.rules.baseline:
            return verdict
        tree.put(Side.BEFORE)
        red = [blame.path for blame in verdict.blames]
        before = compile_gate(red, top=self.top, python=self.python, timeout_s=limit_s)
        tree.put(Side.EDITED)
        return unless_before(verdict, before)

    def _suite(self) -> Suite:
        return Suite(
            self.top,
            self.python,
            self.verify,
            tests_of=self.tests_of,
            on_progress=self.watcher.tests,
            say=self.watcher.said,
        )

    def _commands(self) -> list[CommandGate]:
        return [
            CommandGate(command, self.top, self.python, self.verify.timeout_s)
            for command in self.verify.commands
        ]
