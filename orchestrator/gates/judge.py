"""The collect and test gates: verdicts on tests, with what was broken before set aside."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from orchestrator.gates.baseline import Findings, Side, sort_out
from orchestrator.gates.events import Way
from orchestrator.gates.pytest_run import Ended, Halt
from orchestrator.gates.suite import Suite, files_without_tests, last_lines, lies_in, no_tests
from orchestrator.gates.verdict import Blame, Fault, Kind, Verdict
from orchestrator.plan.verify import Flaky, GateName
from orchestrator.words import plural


class Tree(Protocol):
    """Puts the files of a batch on either side of the edit."""

    def put(self, side: Side) -> None:
        """From now on every file of the batch holds its bytes of that side."""
        ...

    def edit_only(self, paths: Collection[str]) -> None:
        """These files of the batch hold their edited bytes, all others what they were."""
        ...


@dataclass(frozen=True, slots=True)
class Rules:
    """How strictly a run is judged.

    Without `baseline` every red test counts. Where the edit is not `proven` to keep test ids, they
    are collected before as well.
    """

    baseline: bool = True
    proven: bool = True
    tests: bool = True


class NotJudged(Exception):
    """A run that was needed for a verdict came to no end; `why` says how it ended."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def suite_gates(
    paths: Sequence[str],
    suite: Suite,
    tree: Tree,
    rules: Rules = Rules(),
    *,
    also: Sequence[str] = (),
) -> list[Verdict]:
    """What collection says of `paths`, then what their tests say, both from one pytest process.

    `also` are files of the batch that are not edited any more; their tests must not suffer. The
    tree is on its edited side before and after. Green is green at once; what is not is run again,
    on both sides, until it is known what is behind it (see `baseline`).
    """
    judge = _Judge(suite, tree, rules)
    try:
        return list(judge.verdicts(suite.files([*paths, *also]), mine=suite.files(paths)))
    finally:
        judge.put(Side.EDITED)


class _Judge:
    def __init__(self, suite: Suite, tree: Tree, rules: Rules) -> None:
        self._suite = suite
        self._tree = tree
        self._rules = rules
        self._files: Sequence[str] = ()
        self._mine: Sequence[str] = ()
        self._unread: set[str] = set()
        """Files that could not be collected before: which tests they hold, nobody knows."""
        self._side: Side | None = Side.EDITED
        self._frozen = suite.verify.freeze_gc and rules.tests

    def put(self, side: Side) -> None:
        """Put the files on `side`, unless they are there."""
        if side is not self._side:
            self._tree.put(side)
            self._side = side

    def verdicts(self, files: Sequence[str], *, mine: Sequence[str]) -> Iterator[Verdict]:
        self._files, self._mine = files, mine
        known_ids = None if self._rules.proven else self._ids_before()
        first = self._run(Side.EDITED, files)
        seconds = self._suite.seconds
        try:
            if first.halts():
                first, halted = self._halted(first)
                if halted:
                    yield self._shown(halted, first, seconds)
                    return
            collect = self._collect(first)
            if collect.passed and known_ids is not None:
                collect = self._same_ids(collect, known_ids, first)
            yield self._shown(collect, first, seconds)
            if collect.passed and self._rules.tests:
                seconds = self._suite.seconds
                test = self._test(first)
                extra_s = self._suite.seconds - seconds
                test = replace(test, duration_s=test.duration_s + extra_s)
                yield replace(test, commands=self._commands())
        except NotJudged as error:
            gate = GateName.TEST if self._rules.tests else GateName.COLLECT
            yield Verdict(
                gate, Kind.CANNOT_JUDGE, 0, self._suite.seconds,
                why=error.why, commands=self._commands(),
            )  # fmt: skip

    def _shown(self, verdict: Verdict, first: Ended, seconds: float) -> Verdict:
        """The collect verdict with the time collection took, and that of every further run."""
        extra_s = self._suite.seconds - seconds
        return replace(verdict, duration_s=first.collect_s + extra_s, commands=self._commands())

    def _own(self, ids: Iterable[str]) -> list[str]:
        """Those of the files that are edited, without those of files that were taken out."""
        return [
            id_ for id_ in ids if any(lies_in(id_.partition("::")[0], own) for own in self._mine)
        ]

    def _commands(self) -> list[Sequence[str]]:
        return [ended.command for ended in self._suite.runs]

    def _run(
        self, side: Side, files: Sequence[str], only: Collection[str] | None = None, *,
        freeze: bool | None = None,
    ) -> Ended:  # fmt: skip
        self.put(side)
        return self._suite.run(
            files,
            only=only,
            freeze=self._frozen if freeze is None else freeze,
            only_collect=not self._rules.tests,
        )

    def _ids_before(self) -> set[str]:
        self.put(Side.BEFORE)
        run = self._suite.run(self._files, only_collect=True).run
        self._unread |= {id_.partition("::")[0] for id_ in run.collect_errors}
        return {*run.ids, *run.deselected}

    def _same_ids(self, collect: Verdict, before: set[str], first: Ended) -> Verdict:
        now = {*first.run.ids, *first.run.deselected}
        if before != now:  # an id may change from run to run: one that is not there twice is none
            before = before & self._ids_before() | before & now
            self.put(Side.EDITED)
            again = self._suite.run(self._files, only_collect=True).run
            now = now & {*again.ids, *again.deselected} | now & before
        blames = [
            Blame(id_.partition("::")[0], id_, what, self._suite.reproduce("--collect-only", id_))
            for what, ids in (
                ("is lost: it was a test before the edit", sorted(before - now)),
                ("is new: it was no test before the edit", sorted(now - before)),
            )
            for id_ in ids
            if id_.partition("::")[0] not in self._unread
        ]
        return replace(collect, kind=Kind.RED, blames=blames) if blames else collect

    def _collect(self, first: Ended) -> Verdict:
        run, suite = first.run, self._suite
        verdict = Verdict(GateName.COLLECT, Kind.PASSED, len(self._own(run.ids)), 0.0)
        if why := suite.why_workers_differ(run):
            return replace(verdict, kind=Kind.CANNOT_JUDGE, why=why)
        known = [id_ for id_ in run.collect_errors if suite.is_known(id_)]
        if new := {id_: run.way(id_) for id_ in run.collect_errors if id_ not in known}:
            return self._collect_errors(replace(verdict, known=known), new, first)
        if why := suite.why_not_collected(first):
            return replace(verdict, kind=Kind.CANNOT_JUDGE, why=why)
        if not run.ids and not known:
            what = no_tests(run)
            blames = [
                Blame(file, None, what, suite.reproduce(file), Fault.NO_TESTS)
                for file in self._files
            ]
            return replace(verdict, kind=Kind.RED, blames=blames)
        return replace(verdict, known=known, notes=files_without_tests(self._files, run))

    def _collect_errors(self, verdict: Verdict, new: Mapping[str, Way], first: Ended) -> Verdict:
        found = self._sorted(new, first)
        blames = [
            self._blame(id_, first, how, arguments=("--collect-only",))
            for id_, how in found.culprits.items()
        ]
        blames += [
            replace(
                self._blame(id_, first, "cannot be collected, and could not before the edit"),
                fault=Fault.CANNOT_JUDGE,
            )
            for id_ in self._own(found.failing_before)
        ]
        blames += [
            replace(self._blame(id_, first, "cannot be collected beside the others"), together=True)
            for id_ in found.together
        ]
        notes = [f"{id_}: could be collected when asked again" for id_ in found.flaky]
        return _with_kind(replace(verdict, blames=blames, notes=notes))

    def _test(self, first: Ended) -> Verdict:
        run, suite = first.run, self._suite
        test_s = first.process.duration_s - first.collect_s
        verdict = Verdict(GateName.TEST, Kind.PASSED, len(self._own(run.ids)), test_s)
        if why := suite.why_not_judged(first):
            return replace(verdict, kind=Kind.CANNOT_JUDGE, why=why)
        red = run.failed()
        known = [id_ for id_ in red if suite.is_known(id_)]
        verdict = replace(verdict, known=known, notes=suite.listed_but_green(run))
        odd = {id_: run.way(id_) for id_ in [*red, *run.in_doubt()] if not suite.is_known(id_)}
        if not odd:
            return verdict
        return self._with_findings(verdict, self._sorted(odd, first), first)

    def _with_findings(self, verdict: Verdict, found: Findings, first: Ended) -> Verdict:
        fails = self._suite.verify.flaky is Flaky.FAIL
        blames = [self._blame(id_, first, how) for id_, how in found.culprits.items()]
        blames += [
            replace(
                self._blame(id_, first, "fails beside the other edited files only"), together=True
            )
            for id_ in found.together
        ]
        if fails:
            how = "fails, and passes on the same bytes: it is flaky"
            blames += [
                replace(self._blame(id_, first, how), fault=Fault.FLAKY) for id_ in found.flaky
            ]
        notes = [
            *verdict.notes,
            *(f"flaky, it failed and passed on the same bytes: {id_}" for id_ in found.flaky),
            *(f"red in a first run with freeze_gc, green without: {id_}" for id_ in found.spared),
        ]
        return _with_kind(
            replace(
                verdict,
                blames=blames,
                failed_before=self._own(found.failing_before),
                flaky=self._own(found.flaky),
                notes=notes,
            )
        )

    def _sorted(self, odd: Mapping[str, Way], first: Ended) -> Findings:
        if self._rules.baseline:
            self._suite.say(
                f"{plural(len(odd), 'test')} not green: run again on the bytes before the edit"
            )
            return sort_out(odd, _Reruns(self, odd, first))
        red = {id_: way for id_, way in odd.items() if id_ in first.run.failures}
        red |= {id_: way for id_, way in odd.items() if id_ in first.run.collect_errors}
        if self._frozen and red:
            again = self._run(Side.EDITED, self._files, freeze=False).run
            spared = [id_ for id_ in red if again.way(id_) == ()]
            culprits = dict.fromkeys((id_ for id_ in red if id_ not in spared), _STRICT)
            return Findings(spared=spared, culprits=culprits)
        return Findings(culprits=dict.fromkeys(red, _STRICT))

    def ways(
        self, side: Side, ids: Collection[str], *, freeze: bool, everything: bool = False
    ) -> dict[str, Way]:
        """How `ids` do on that side, alone or in a run of everything.

        Raises:
            NotJudged: that run came to no end.
        """
        files = self._files if everything else self._files_of(ids)
        ended = self._run(side, files, None if everything else ids, freeze=freeze)
        return self._answered(ended, f"on the bytes {_SIDES[side]}", ids)

    def ways_with_one_edited(self, path: str, ids: Collection[str]) -> dict[str, Way]:
        """How `ids` do, alone, where no other file of the batch is edited; errors as in `ways`."""
        self.put(Side.BEFORE)
        self._tree.edit_only([path])
        self._side = None
        ended = self._suite.run(self._files_of(ids), only=ids, freeze=False)
        return self._answered(ended, "with its own edit only", ids)

    def _answered(self, ended: Ended, when: str, ids: Collection[str]) -> dict[str, Way]:
        if halts := ended.halts():
            at = halts[0].test_id or halts[0].path
            raise NotJudged(f"{at}, run again {when}: {halts[0].what}")
        if not ended.run.finished or ended.run.lost_workers:
            raise NotJudged(self._suite.why_no_answer(ended))
        return {id_: ended.run.way(id_) for id_ in ids}

    def _files_of(self, ids: Collection[str]) -> list[str]:
        """The files these ids are in, in the order in which the first run had them."""
        order = {id_: number for number, id_ in enumerate(self._suite.runs[0].run.ids)}
        known = sorted(ids, key=lambda id_: order.get(id_, len(order)))
        return list(dict.fromkeys(id_.partition("::")[0] for id_ in known))

    def _halted(self, first: Ended) -> tuple[Ended, Verdict | None]:
        """A run that hung or died: whose doing it is, or another run that came to its end."""
        blames = []
        for halt in first.halts():
            where = halt.test_id or halt.path
            self._suite.say(f"{where}: {halt.what}; its file is run alone, on both sides")
            if blame := self._halting(halt):
                blames.append(blame)
        gate = GateName.TEST if first.run.collected else GateName.COLLECT
        verdict = Verdict(gate, Kind.RED, len(first.run.ids), 0.0)
        if blames:
            return first, _with_kind(replace(verdict, blames=blames))
        self._suite.say("each of them comes to its end alone; everything once more")
        second = self._run(Side.EDITED, self._files)
        blames = [
            self._halt_blame(halt, f"{halt.what}, beside the others only", Fault.CANNOT_JUDGE)
            for halt in second.halts()
        ]
        return second, _with_kind(replace(verdict, blames=blames)) if blames else None

    def _halting(self, halt: Halt) -> Blame | None:
        """Whether the file halts alone: with the edit (a culprit), or without it as well."""
        if self._rules.baseline and self._run(Side.BEFORE, [halt.path]).halts():
            what = f"{halt.what}; it does so without the edit too"
            return self._halt_blame(halt, what, Fault.CANNOT_JUDGE)
        if self._run(Side.EDITED, [halt.path]).halts():
            if self._rules.baseline:
                return self._halt_blame(halt, f"{halt.what}; not without the edit", Fault.CULPRIT)
            fault = Fault.CULPRIT if halt.is_hang else Fault.CANNOT_JUDGE
            return self._halt_blame(halt, halt.what, fault)
        return None

    def _halt_blame(self, halt: Halt, what: str, fault: Fault) -> Blame:
        command = self._suite.reproduce(halt.test_id or halt.path)
        text = last_lines(self._suite.runs[-1].process.output)
        return Blame(halt.path, halt.test_id, what, command, fault, text, halts=True)

    def _blame(self, id_: str, first: Ended, how: str, *, arguments: Sequence[str] = ()) -> Blame:
        run = first.run
        path, _, test = id_.partition("::")
        text = last_lines(run.texts.get(id_) or run.collect_errors.get(id_, ""))
        command = self._suite.reproduce(id_, *arguments)
        phases = run.failures.get(id_, {})
        where = f"; it fails in {' and '.join(phases)}" if phases and "call" not in phases else ""
        return Blame(path, id_ if test else None, f"{how}{where}", command, Fault.CULPRIT, text)


_STRICT = "is red, and no baseline was asked for"
_SIDES = {Side.BEFORE: "before the edit", Side.EDITED: "after the edit"}


class _Reruns:
    """Answers `baseline` by starting pytest; the ids of one run are asked for together."""

    def __init__(self, judge: _Judge, odd: Mapping[str, Way], first: Ended) -> None:
        self._judge = judge
        self.frozen = first.request.freeze

    def alone(self, side: Side, ids: Collection[str]) -> Mapping[str, Way]:
        return self._judge.ways(side, ids, freeze=False)

    def alone_edited(self, path: str, ids: Collection[str]) -> Mapping[str, Way]:
        return self._judge.ways_with_one_edited(path, ids)

    def alone_frozen(self, ids: Collection[str]) -> Mapping[str, Way]:
        return self._judge.ways(Side.EDITED, ids, freeze=True)

    def together(self, side: Side, ids: Collection[str]) -> Mapping[str, Way]:
        return self._judge.ways(side, ids, freeze=self.frozen, everything=True)


def _with_kind(verdict: Verdict) -> Verdict:
    """The verdict with the kind its blames make it."""
    if not verdict.blames:
        return replace(verdict, kind=Kind.PASSED)
    unclear = all(blame.fault is Fault.CANNOT_JUDGE for blame in verdict.blames)
    return replace(verdict, kind=Kind.CANNOT_JUDGE if unclear else Kind.RED)
