"""What a gate says: passed, red with what is to blame, or that it cannot be judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from orchestrator.base.changes import Unit
from orchestrator.base.outcomes import FailureCause, GateResult
from orchestrator.project.folders import lies_in

PYTHON = "{python}"
"""Stands for the project's interpreter in a command that is told elsewhere."""


@dataclass(frozen=True, slots=True)
class GateFailure:
    """One thing that takes its file out: the test where it is one, and what was seen.

    `fault` is CULPRIT, FLAKY (where the plan fails those), NO_TESTS or CANNOT_JUDGE. `together`:
    the test is red only beside other edited files, so its own file need not be the cause.
    """

    path: str
    test_id: str | None
    what: str
    fault: FailureCause = FailureCause.CULPRIT
    text: str = ""
    """What was printed about it, as far as it was kept."""
    raised: str = ""
    """What a test raised by which line of source: a type and no value, so that it may be kept."""
    together: bool = False
    halts: bool = False
    """Whether it is a run that never ended or whose interpreter died."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one gate says of a batch.

    `count` is how many things were looked at (files, or tests that ran); `skipped` and `xfailed`
    are those of the tests that did not run, or were expected to fail, as before. `ran` says by test
    file how many ran, and `of` names what was run for files that are no tests. `known` are red ids
    the plan lists, `failed_before` those that were red without the edit too, `flaky` those that
    failed and passed on the same bytes; `notes` are what a person should hear although the gate is
    not red. A verdict
    that cannot be judged and blames no file is a matter of the surroundings: `why`. `commands` are
    what was run for it, in order, each as it would be typed.
    """

    gate: str
    kind: GateResult
    count: int
    duration_s: float
    blames: Sequence[GateFailure] = ()
    known: Sequence[str] = ()
    failed_before: Sequence[str] = ()
    flaky: Sequence[str] = ()
    notes: Sequence[str] = ()
    why: str = ""
    commands: Sequence[Sequence[str]] = ()
    skipped: int = 0
    xfailed: int = 0
    ran: Mapping[str, int] = field(default_factory=dict)
    of: Sequence[str] = ()

    def ran_in(self, tests: Sequence[str]) -> int:
        """How many tests ran that are in one of these files, or below one of these folders."""
        return sum(
            count for file, count in self.ran.items() if any(lies_in(file, one) for one in tests)
        )

    @property
    def passed(self) -> bool:
        """Whether the batch may go on to the next gate."""
        return self.kind is GateResult.PASSED


def as_one(verdicts: Sequence[Verdict]) -> Verdict:
    """What one gate says of the parts of a batch, as one verdict."""
    if len(verdicts) == 1:
        return verdicts[0]
    blames = [blame for verdict in verdicts for blame in verdict.blames]
    kinds = {verdict.kind for verdict in verdicts}
    kind = next(
        kind
        for kind in (GateResult.RED, GateResult.CANNOT_JUDGE, GateResult.PASSED)
        if kind in kinds
    )
    return Verdict(
        verdicts[0].gate,
        kind,
        sum(verdict.count for verdict in verdicts),
        sum(verdict.duration_s for verdict in verdicts),
        blames,
        known=[id_ for verdict in verdicts for id_ in verdict.known],
        failed_before=[id_ for verdict in verdicts for id_ in verdict.failed_before],
        flaky=[id_ for verdict in verdicts for id_ in verdict.flaky],
        notes=[note for verdict in verdicts for note in verdict.notes],
        why="\n".join(verdict.why for verdict in verdicts if verdict.why),
        commands=[command for verdict in verdicts for command in verdict.commands],
        skipped=sum(verdict.skipped for verdict in verdicts),
        xfailed=sum(verdict.xfailed for verdict in verdicts),
        ran={file: count for verdict in verdicts for file, count in verdict.ran.items()},
        of=[test for verdict in verdicts for test in verdict.of],
    )


@dataclass(frozen=True, slots=True)
class RejectedUnit:
    """A unit that has its old bytes back, with everything the gate held against it."""

    unit: Unit
    gate: str
    blames: Sequence[GateFailure]

    @property
    def name(self) -> str:
        """The path of the unit's first target, which stands for the unit in messages."""
        return self.unit.name

    @property
    def fault(self) -> FailureCause:
        """CULPRIT where anything is the edit's doing, else what the first blame says."""
        faults = [blame.fault for blame in self.blames]
        return FailureCause.CULPRIT if FailureCause.CULPRIT in faults else faults[0]
