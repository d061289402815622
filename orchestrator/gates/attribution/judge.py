"""The collect and test gates: verdicts on tests, with what was broken before set aside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from orchestrator.base.changes import Side
from orchestrator.base.outcomes import FailureCause, GateResult
from orchestrator.base.redact import last_lines
from orchestrator.base.text import plural
from orchestrator.gates.attribution.baseline import Findings, is_red, sort_out
from orchestrator.gates.attribution.before_after import (
    BeforeAfterRunner,
    GateRules,
    IdPolicy,
    SwitchableTree,
    with_kind,
)
from orchestrator.gates.attribution.hangs_and_crashes import judged_halt
from orchestrator.gates.attribution.reruns import NotJudged, Reruns
from orchestrator.gates.attribution.suite import Suite, files_without_tests, no_tests, skipped_files
from orchestrator.gates.pytest.events import (
    LEFT_OUT,
    MISSING,
    SKIPPED,
    XFAILED,
    XPASSED,
    TestOutcome,
    TestRun,
)
from orchestrator.gates.pytest.run import PytestRun
from orchestrator.gates.verdict import GateFailure, Verdict
from orchestrator.plan.verify import Flaky, GateName
from orchestrator.project.folders import lies_in
from orchestrator.project.ids import below_file, file_of, function_of


def suite_gates(
    paths: Sequence[str],
    suite: Suite,
    tree: SwitchableTree,
    rules: GateRules,
    *,
    also: Sequence[str] = (),
) -> list[Verdict]:
    """What collection says of `paths`, then what their tests say, both from one pytest process.

    `also` are files of the batch that are not edited any more; their tests must not suffer. The
    tree is on its edited side before and after. Green is green at once; what is not is run again,
    on both sides, until it is known what is behind it (see `baseline`).
    """
    sides = BeforeAfterRunner(suite, tree, rules)
    try:
        files = suite.files([*paths, *also])
        return list(_TestJudge(sides, paths).verdicts(files, mine=suite.files(paths)))
    finally:
        sides.put(Side.EDITED)


class _TestJudge:
    def __init__(self, sides: BeforeAfterRunner, paths: Sequence[str]) -> None:
        self._sides = sides
        self._paths = paths
        self._suite = sides.suite
        self._rules = sides.rules
        self._files: Sequence[str] = ()
        self._mine: Sequence[str] = ()
        self._unread: set[str] = set()
        """Files that could not be collected before: which tests they hold, nobody knows."""
        self._left_out_before: set[str] = set()
        """Tests that were deselected before as well."""

        self._charged_s = 0.0

    def verdicts(self, files: Sequence[str], *, mine: Sequence[str]) -> Iterator[Verdict]:
        self._files, self._mine = files, mine
        known_ids = self._ids_before() if self._rules.ids.are_compared else None
        first = self._sides.run(Side.EDITED, files)
        try:
            if first.halts():
                first, halted = judged_halt(self._sides, first, files)
                if halted:
                    yield self._charged(halted)
                    return
            collect = self._collect(first)
            if collect.passed and known_ids is not None:
                collect = self._same_ids(collect, known_ids, first)
            if collect.passed and self._rules.tests:
                yield self._charged(collect, but_s=first.process.duration_s - first.collect_s)
                yield self._charged(self._test(first))
            else:
                yield self._charged(collect)
        except NotJudged as error:
            gate = GateName.TEST if self._rules.tests else GateName.COLLECT
            yield self._charged(Verdict(gate, GateResult.CANNOT_JUDGE, 0, 0.0, why=error.why))

    def _charged(self, verdict: Verdict, *, but_s: float = 0.0) -> Verdict:
        """The verdict with all seconds of pytest that no verdict has yet, less `but_s` of them."""
        seconds = self._suite.seconds - self._charged_s - but_s
        self._charged_s += seconds
        return replace(verdict, duration_s=seconds, commands=self._commands())

    def _own(self, ids: Iterable[str]) -> list[str]:
        """Those of the files that are edited, without those of files that were quarantined."""
        return [id_ for id_ in ids if any(lies_in(file_of(id_), own) for own in self._mine)]

    def _counted(self, gate: GateName, run: TestRun) -> Verdict:
        """A verdict that counts the tests of the edited files, by what became of each."""
        own = self._own(run.ids)
        ways = {id_: () if gate is GateName.COLLECT else run.outcome_of(id_) for id_ in own}
        ran = [id_ for id_ in own if ways[id_] not in {SKIPPED, MISSING, LEFT_OUT}]
        xfailed = [id_ for id_ in ran if ways[id_] == XFAILED]
        return Verdict(
            gate,
            GateResult.PASSED,
            len(ran) - len(xfailed),
            0.0,
            skipped=len(own) - len(ran),
            xfailed=len(xfailed),
            ran=Counter(map(file_of, ran)),
            of=[test for test in self._mine if test not in self._paths],
        )

    def _commands(self) -> list[Sequence[str]]:
        return [ended.command for ended in self._suite.runs]

    def _ids_before(self) -> set[str]:
        run = self._sides.collected(Side.BEFORE, self._files).run
        self._unread |= {file_of(id_) for id_ in run.collect_errors}
        self._left_out_before |= set(run.deselected)
        return {*run.ids, *run.deselected}

    def _same_ids(self, collect: Verdict, before: set[str], first: PytestRun) -> Verdict:
        now = {*first.run.ids, *first.run.deselected}
        if before != now:  # an id may change from run to run: one that is not there twice is none
            before = before & self._ids_before() | before & now
            again = self._sides.collected(Side.EDITED, self._files).run
            now = now & {*again.ids, *again.deselected} | now & before
        lost, new = sorted(before - now), sorted(now - before)
        if self._rules.ids is IdPolicy.NONE_LOST:
            lost, new = [id_ for id_ in lost if id_ not in _respelt(lost, new)], []
        allowed = {id_: why for id_ in lost if (why := self._suite.verify.allowed(id_))}
        blames = [
            GateFailure(file_of(id_), id_, what)
            for what, ids in (
                ("is lost: it was a test before the edit", lost),
                ("is new: it was no test before the edit", new),
            )
            for id_ in ids
            if file_of(id_) not in self._unread and id_ not in allowed
        ]
        notes = [
            *collect.notes,
            *(f"allowed: {id_} is lost: {why}" for id_, why in allowed.items()),
        ]
        collect = replace(collect, notes=notes)
        return replace(collect, kind=GateResult.RED, blames=blames) if blames else collect

    def _collect(self, first: PytestRun) -> Verdict:
        run, suite = first.run, self._suite
        verdict = self._counted(GateName.COLLECT, run)
        if why := suite.why_workers_differ(run):
            return replace(verdict, kind=GateResult.CANNOT_JUDGE, why=why)
        known = [id_ for id_ in run.collect_errors if suite.is_known(id_)]
        if new := {id_: run.outcome_of(id_) for id_ in run.collect_errors if id_ not in known}:
            return self._collect_errors(replace(verdict, known=known), new, first)
        if why := suite.why_not_collected(first):
            return replace(verdict, kind=GateResult.CANNOT_JUDGE, why=why)
        if not run.ids and not known:
            what = no_tests(run)
            blames = [GateFailure(file, None, what, FailureCause.NO_TESTS) for file in self._files]
            return replace(verdict, kind=GateResult.RED, blames=blames)
        return replace(verdict, known=known, notes=files_without_tests(self._files, run))

    def _collect_errors(
        self, verdict: Verdict, new: Mapping[str, TestOutcome], first: PytestRun
    ) -> Verdict:
        found = self._sorted(new, first)
        blames = [self._blame(id_, first, how) for id_, how in found.culprits.items()]
        blames += [
            replace(
                self._blame(id_, first, "cannot be collected, and could not before the edit"),
                fault=FailureCause.CANNOT_JUDGE,
            )
            for id_ in self._own(found.failing_before)
        ]
        blames += [
            replace(self._blame(id_, first, "cannot be collected beside the others"), together=True)
            for id_ in found.together
        ]
        notes = [f"{id_}: could be collected when asked again" for id_ in found.flaky]
        return with_kind(replace(verdict, blames=blames, notes=notes))

    def _test(self, first: PytestRun) -> Verdict:
        run, suite = first.run, self._suite
        verdict = self._counted(GateName.TEST, run)
        if why := suite.why_not_judged(first):
            return replace(verdict, kind=GateResult.CANNOT_JUDGE, why=why)
        red = run.failed()
        known = [id_ for id_ in red if suite.is_known(id_)]
        notes = [*suite.listed_but_green(run), *skipped_files(self._files, run)]
        verdict = replace(verdict, known=known, notes=notes)
        doubted = run.in_doubt(source_changed=self._rules.ids.are_compared)
        left_out = (
            run.deselected if self._rules.ids is IdPolicy.UNAFFECTED else self._left_out_before
        )
        doubted = [id_ for id_ in doubted if id_ not in left_out]
        odd = {id_: run.outcome_of(id_) for id_ in [*red, *doubted] if not suite.is_known(id_)}
        found = self._sorted(odd, first) if odd else Findings()
        found.flaky += [id_ for id_ in run.settled() if id_ not in found.flaky]
        return self._with_findings(verdict, found, first)

    def _with_findings(self, verdict: Verdict, found: Findings, first: PytestRun) -> Verdict:
        fails = self._suite.verify.flaky is Flaky.FAIL
        allowed = {
            id_: f"allowed: {id_} {how}: {why}"
            for id_, how in found.culprits.items()
            if not is_red(first.run.outcome_of(id_)) and (why := self._suite.verify.allowed(id_))
        }
        blames = [
            self._blame(id_, first, how)
            for id_, how in found.culprits.items()
            if id_ not in allowed
        ]
        blames += [
            replace(self._blame(id_, first, _TOGETHER), together=True) for id_ in found.together
        ]
        if fails:
            how = "fails, and passes on the same bytes: it is flaky"
            blames += [
                replace(self._blame(id_, first, how), fault=FailureCause.FLAKY)
                for id_ in found.flaky
            ]
        notes = [
            *verdict.notes,
            *allowed.values(),
            *(f"flaky, it failed and passed on the same bytes: {id_}" for id_ in found.flaky),
            *(f"red in a first run with freeze_gc, green without: {id_}" for id_ in found.spared),
        ]
        return with_kind(
            replace(
                verdict,
                blames=blames,
                failed_before=self._own(found.failing_before),
                flaky=self._own(found.flaky),
                notes=notes,
            )
        )

    def _sorted(self, odd: Mapping[str, TestOutcome], first: PytestRun) -> Findings:
        if self._rules.baseline:
            self._suite.say(f"{_ways(odd)}: the same without the edit? They are run again")
            return sort_out(odd, Reruns(self._sides, self._files, first))
        red = {id_: way for id_, way in odd.items() if id_ in first.run.failures}
        red |= {id_: way for id_, way in odd.items() if id_ in first.run.collect_errors}
        if self._sides.frozen and red:
            again = self._sides.run(Side.EDITED, self._files, freeze=False).run
            spared = [id_ for id_ in red if again.outcome_of(id_) == ()]
            culprits = dict.fromkeys((id_ for id_ in red if id_ not in spared), _STRICT)
            return Findings(spared=spared, culprits=culprits)
        return Findings(culprits=dict.fromkeys(red, _STRICT))

    def _blame(self, id_: str, first: PytestRun, how: str) -> GateFailure:
        run = first.run
        path, test = file_of(id_), below_file(id_)
        text = last_lines(run.texts.get(id_) or run.collect_errors.get(id_, ""))
        phases = run.failures.get(id_, {})
        where = f"; it fails in {' and '.join(phases)}" if phases and "call" not in phases else ""
        what, raised = f"{how}{where}", run.raised.get(id_, "")
        return GateFailure(path, id_ if test else None, what, text=text, raised=raised)


def _ways(odd: Mapping[str, TestOutcome]) -> str:
    """How many tests failed, and how many did not run or were expected to fail, in words."""
    words = {SKIPPED: "skipped", LEFT_OUT: "deselected", XFAILED: "expected to fail"}
    words |= {XPASSED: "passed although expected to fail", MISSING: "not found"}
    counts = Counter(words.get(way, "failed") for way in odd.values())
    named = [f"{count:,} {word}" for word, count in sorted(counts.items())]
    return f"{plural(len(odd), 'test')} did not simply pass ({', '.join(named)})"


_TOGETHER = "fails with what was edited, and not without it"
_STRICT = "is red, and no baseline was asked for"


def _respelt(lost: Sequence[str], new: Sequence[str]) -> set[str]:
    """Ids whose function has as many new sets of parameters as it lost, or got its first ones."""
    gone = Counter(map(function_of, lost))
    come = Counter(map(function_of, new))
    return {id_ for id_ in lost if come[function_of(id_)] >= gone[function_of(id_)]}
