"""Takes what fails out of a batch, so that the rest of it can land."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from orchestrator.base.changes import Unit
from orchestrator.base.outcomes import FailureCause
from orchestrator.commit.batch_tree import BatchTree
from orchestrator.engine.run_gates import GateRunner
from orchestrator.gates.bisect import first_bad
from orchestrator.gates.verdict import GateFailure, RejectedUnit, Verdict
from orchestrator.project.ids import file_of


@dataclass(frozen=True, slots=True)
class VerifiedUnits:
    """The last word of the gates on what is left in the tree, and what was quarantined for it."""

    verdicts: Sequence[Verdict]
    rejected: Sequence[RejectedUnit]
    all_verdicts: Sequence[Verdict]
    """Those of every round, the ones that led to a unit being quarantined included."""

    @property
    def passed(self) -> bool:
        """Whether what is left may be committed; true of an empty rest."""
        return all(verdict.passed for verdict in self.verdicts)


def drop_failing_units(
    tree: BatchTree,
    gates: GateRunner,
    *,
    stop: bool,
    told: Callable[[RejectedUnit], None],
    before: Sequence[RejectedUnit] = (),
    also: Sequence[str] = (),
) -> VerifiedUnits:
    """Ask the gates about the units of `tree`, without those that fail, until they pass.

    Ends early with a verdict that did not pass: where no unit is to blame, or where `stop` says
    that a batch lands whole or not at all. `told` hears of every unit that is quarantined; `before`
    were quarantined by an earlier rung, and the tests of the files `also` must not suffer.

    Raises:
        ChangedMeanwhile: a file no longer holds what it was given.
    """
    taken: list[RejectedUnit] = []
    every: list[Verdict] = []
    while True:
        # another one's edit must not break the tests of a file that is no longer edited itself
        culprits = [
            t for t in [*before, *taken] if t.fault is FailureCause.CULPRIT and gates.rules.baseline
        ]
        ends = [t for t in culprits if not any(blame.halts for blame in t.blames)]
        spared = [*also, *(path for t in ends for path in t.unit.targets)]
        verdicts = list(gates.verdicts(tree, also=spared))
        every += verdicts
        if not verdicts or verdicts[-1].passed or stop:
            return VerifiedUnits(_with_flaky(verdicts, every, tree), taken, every)
        bad = _to_take_out(verdicts[-1], tree, gates)
        if not bad:
            return VerifiedUnits(verdicts, taken, every)
        for one in bad:
            tree.take_out(one.unit)
            taken.append(one)
            told(one)


def _with_flaky(
    verdicts: Sequence[Verdict], every: Sequence[Verdict], tree: BatchTree
) -> list[Verdict]:
    """The last verdicts, with what was seen to be flaky in the rounds before them."""
    left = set(tree.paths)
    return [
        replace(
            last,
            flaky=sorted(
                {
                    id_
                    for verdict in every
                    if verdict.gate == last.gate
                    for id_ in verdict.flaky
                    if file_of(id_) in left
                }
            ),
        )
        for last in verdicts
    ]


def _to_take_out(red: Verdict, tree: BatchTree, gates: GateRunner) -> list[RejectedUnit]:
    """The units whose own tests fail; where none of them is edited, what bisection finds."""
    plain: dict[str, tuple[Unit, list[GateFailure]]] = {}
    for blame in red.blames:
        unit = tree.unit_of(blame.path)
        if unit is not None and not blame.together:
            plain.setdefault(unit.name, (unit, []))[1].append(blame)
    if plain:
        return [RejectedUnit(unit, red.gate, blames) for unit, blames in plain.values()]
    if not red.blames:
        return []
    units = tree.units
    if len(units) == 1:
        return [RejectedUnit(units[0], red.gate, red.blames)]
    gates.context.say(f"{red.blames[0].test_id or red.gate} is red; looking for the file behind it")
    try:
        bad = first_bad(units, lambda some: gates.still_red(red, tree, some))
        alone = bad is not None and gates.still_red(red, tree, [bad])
    finally:
        tree.edit_only(tree.paths)
    if bad is None:
        return []
    how = "with this edit alone" if alone else "with this edit beside those before it in the batch"
    blames = [
        replace(blame, what=f"fails {how}, and not without it") if blame.together else blame
        for blame in red.blames
    ]
    return [RejectedUnit(bad, red.gate, blames)]
