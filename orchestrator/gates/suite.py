"""The collect and test gates: two verdicts read from the probe of one pytest process."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from orchestrator.gates.events import TestRun
from orchestrator.gates.interpreter import Interpreter
from orchestrator.gates.pytest_run import Ended, OnProgress, run_pytest
from orchestrator.gates.verdict import Blame, Kind, Verdict
from orchestrator.plan.model import GateName, Verify

_LAST_LINES = 12


def suite_gates(
    paths: Sequence[str],
    *,
    top: Path,
    python: Interpreter,
    verify: Verify,
    on_progress: OnProgress = lambda run: None,
) -> tuple[Verdict, Verdict]:
    """What collection and the tests of `paths` say; ids in `verify.known_failures` may be red.

    What is red with the collector frozen is run once more without, all files in their order, before
    it counts: a test may look at the collector itself.
    """
    judge = _Judge(top, python, verify)
    ended = run_pytest(
        paths,
        top=top,
        python=python,
        verify=verify,
        freeze=verify.freeze_gc,
        on_progress=on_progress,
    )
    collect, test = judge.collect(paths, ended), judge.test(paths, ended)
    if verify.freeze_gc and collect.passed and test.kind is Kind.RED:
        test = _judged_again(paths, test, judge, on_progress)
    return collect, test


def collect_gate(
    paths: Sequence[str],
    *,
    top: Path,
    python: Interpreter,
    verify: Verify,
    on_progress: OnProgress = lambda run: None,
) -> Verdict:
    """What collection alone says of `paths`, where the plan asks for no test gate."""
    ended = run_pytest(
        paths, top=top, python=python, verify=verify,
        freeze=False, on_progress=on_progress, only_collect=True,
    )  # fmt: skip
    return _Judge(top, python, verify).collect(paths, ended)


def _judged_again(
    paths: Sequence[str], frozen: Verdict, judge: _Judge, on_progress: OnProgress
) -> Verdict:
    """The verdict of a second run without freezing: of all the files, so that order stays."""
    ended = run_pytest(
        paths,
        top=judge.top, python=judge.python, verify=judge.verify,
        freeze=False, on_progress=on_progress,
    )  # fmt: skip
    collect, again = judge.collect(paths, ended), judge.test(paths, ended)
    if not collect.passed or again.count != frozen.count:
        return frozen
    notes = list(again.notes)
    if again.passed:
        ids = [blame.test_id for blame in frozen.blames if blame.test_id]
        notes.append(f"red in a first run with freeze_gc, green without: {', '.join(ids)}")
    return replace(again, duration_s=frozen.duration_s + ended.process.duration_s, notes=notes)


class _Judge:
    """Turns a finished run into verdicts; the exit code and the printed text are never asked."""

    def __init__(self, top: Path, python: Interpreter, verify: Verify) -> None:
        self.top = top
        self.python = python
        self.verify = verify

    def collect(self, paths: Sequence[str], ended: Ended) -> Verdict:
        run = ended.run
        verdict = Verdict(GateName.COLLECT, Kind.PASSED, len(run.ids), ended.collect_s)
        known = [id_ for id_ in run.collect_errors if self._is_known(id_)]
        if set(run.collect_errors) - set(known):
            return replace(verdict, kind=Kind.RED, blames=self._collect_blames(run), known=known)
        if not run.collected:
            return replace(verdict, kind=Kind.CANNOT_JUDGE, why=self._why_no_answer(ended))
        if foreign := _outside(paths, run):
            why = (
                f"pytest takes {run.rootdir} for its root and tells of {foreign[0]!r}, which is no "
                "file of the batch; `pytest_args: [--rootdir=.]` in the plan would set that right"
            )
            return replace(verdict, kind=Kind.CANNOT_JUDGE, why=why)
        if not run.ids and not known:
            blame = Blame(paths[0], None, _no_tests(run), self._command(*paths))
            return replace(verdict, kind=Kind.RED, blames=[blame])
        return replace(verdict, known=known, notes=_files_without_tests(paths, run))

    def test(self, paths: Sequence[str], ended: Ended) -> Verdict:
        run = ended.run
        test_s = ended.process.duration_s - ended.collect_s
        verdict = Verdict(GateName.TEST, Kind.PASSED, len(run.ids), test_s)
        if ended.silent and run.running:
            blames = [self._hang(id_, ended) for id_ in run.running]
            return replace(verdict, kind=Kind.RED, blames=blames)
        if why := self._why_not_judged(ended):
            return replace(verdict, kind=Kind.CANNOT_JUDGE, why=why)
        red = run.failed()
        known = [id_ for id_ in red if self._is_known(id_)]
        blames = [self._failure(id_, run) for id_ in red if id_ not in set(known)]
        notes = self._listed_but_green(run)
        kind = Kind.RED if blames else Kind.PASSED
        return replace(verdict, kind=kind, blames=blames, known=known, notes=notes)

    def _collect_blames(self, run: TestRun) -> list[Blame]:
        return [
            Blame(
                id_.partition("::")[0],
                None,
                _last_lines(text),
                self._command(id_, "--collect-only"),
            )
            for id_, text in run.collect_errors.items()
            if not self._is_known(id_)
        ]

    def _failure(self, id_: str, run: TestRun) -> Blame:
        phases = [when for when, outcome in run.outcomes[id_].items() if outcome == "failed"]
        what = _last_lines(run.texts.get(id_, ""))
        if "call" not in phases:
            what = f"failed in {' and '.join(phases)}\n{what}"
        return Blame(id_.partition("::")[0], id_, what, self._command(id_))

    def _hang(self, id_: str, ended: Ended) -> Blame:
        what = f"never ended: {ended.process.stopped}"
        return Blame(id_.partition("::")[0], id_, what, self._command(id_))

    def _why_not_judged(self, ended: Ended) -> str | None:
        run = ended.run
        if run.lost_workers:
            return f"a worker was lost: {run.lost_workers[0]}"
        if not run.finished:
            return self._why_no_answer(ended)
        if missing := run.without_outcome():
            return f"the run ended early: {len(missing)} tests have no outcome, first {missing[0]}"
        if self.verify.workers and not run.has_xdist:
            workers = self.verify.workers
            return f"verify.workers is {workers}, and {self.python.path} has no pytest-xdist"
        return None

    def _why_no_answer(self, ended: Ended) -> str:
        how = ended.process.stopped or f"exit code {ended.process.exit_code}"
        at = f" while {', '.join(ended.run.running)} ran" if ended.run.running else ""
        stage = "pytest ended before it could tell" if ended.run.started else "pytest did not start"
        return f"{stage} ({how}){at}\n{_last_lines(ended.process.output)}"

    def _is_known(self, id_: str) -> bool:
        return any(_covers(known, id_) for known in self.verify.known_failures)

    def _listed_but_green(self, run: TestRun) -> list[str]:
        """A list of known failures with slack in it would let as many new ones through."""
        red, passed = [*run.failed(), *run.collect_errors], run.passed()
        return [
            f"listed as a known failure, and passes: {known}"
            for known in self.verify.known_failures
            if any(_covers(known, id_) for id_ in passed)
            and not any(_covers(known, id_) for id_ in red)
        ]

    def _command(self, *arguments: str) -> str:
        command = [str(self.python.path), "-m", "pytest", *self.verify.pytest_args, *arguments]
        return shlex.join(command)


def _covers(known: str, id_: str) -> bool:
    """Whether a listed id (a file, class, test or one parameter set) stands for `id_`."""
    return id_ == known or id_.startswith((f"{known}::", f"{known}["))


def _outside(paths: Sequence[str], run: TestRun) -> list[str]:
    """Files pytest tells of that were not asked for: ids are then not what they seem."""
    return sorted({id_.partition("::")[0] for id_ in run.ids} - set(paths))


def _files_without_tests(paths: Sequence[str], run: TestRun) -> list[str]:
    have = {id_.partition("::")[0] for id_ in run.ids}
    left_out = {id_.partition("::")[0] for id_ in run.deselected}
    notes = []
    for path in paths:
        if path in have:
            continue
        reason = "skipped as a whole" if path in run.collect_skips else "no test in it"
        notes.append(f"{path}: {'every test deselected' if path in left_out else reason}")
    return notes


def _no_tests(run: TestRun) -> str:
    if run.deselected:
        return f"no test is left: all {len(run.deselected)} are deselected by the configuration"
    return "pytest collects no test from these files"


def _last_lines(text: str) -> str:
    return "\n".join(text.strip().splitlines()[-_LAST_LINES:])
