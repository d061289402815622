"""Takes the files that fail out of a batch, so that the rest of it can land."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from orchestrator.batch.gate import Gates
from orchestrator.batch.taken import TakenOut
from orchestrator.batch.tree import BatchTree
from orchestrator.gates.bisect import first_bad
from orchestrator.gates.verdict import Blame, Fault, Verdict


@dataclass(frozen=True, slots=True)
class Isolated:
    """The last word of the gates on what is left in the tree, and what was taken out for it."""

    verdicts: Sequence[Verdict]
    taken_out: Sequence[TakenOut]
    all_verdicts: Sequence[Verdict]
    """Those of every round, the ones that led to a file being taken out included."""

    @property
    def passed(self) -> bool:
        """Whether what is left may be committed; true of an empty rest."""
        return all(verdict.passed for verdict in self.verdicts)


def isolate(
    tree: BatchTree, gates: Gates, *, stop: bool, told: Callable[[TakenOut], None]
) -> Isolated:
    """Ask the gates about the edited files of `tree`, without those that fail, until they pass.

    Ends early with a verdict that did not pass: where no file is to blame, or where `stop` says
    that a batch lands whole or not at all. `told` hears of every file that is taken out.

    Raises:
        ChangedMeanwhile: a file no longer holds what it was given.
    """
    taken: list[TakenOut] = []
    every: list[Verdict] = []
    while True:
        # another one's edit must not break the tests of a file that is no longer edited itself
        culprits = [t for t in taken if t.fault is Fault.CULPRIT and gates.rules.baseline]
        ends = [t.path for t in culprits if not any(blame.halts for blame in t.blames)]
        verdicts = list(gates.verdicts(tree, also=ends))
        every += verdicts
        if not verdicts or verdicts[-1].passed or stop:
            return Isolated(_with_flaky(verdicts, every, tree), taken, every)
        bad = _to_take_out(verdicts[-1], tree, gates)
        if not bad:
            return Isolated(verdicts, taken, every)
        for file in bad:
            tree.take_out(file.path)
            taken.append(file)
            told(file)


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
                    if id_.partition("::")[0] in left
                }
            ),
        )
        for last in verdicts
    ]


def _to_take_out(red: Verdict, tree: BatchTree, gates: Gates) -> list[TakenOut]:
    """The files whose own tests fail; where none of them is edited, what bisection finds."""
    edited = tree.paths
    plain: dict[str, list[Blame]] = {}
    for blame in red.blames:
        if blame.path in edited and not blame.together:
            plain.setdefault(blame.path, []).append(blame)
    if plain:
        return [TakenOut(path, red.gate, blames) for path, blames in plain.items()]
    if not red.blames:
        return []
    if len(edited) == 1:
        return [TakenOut(edited[0], red.gate, red.blames)]
    gates.watcher.said(
        f"{red.blames[0].test_id or red.gate} is red; looking for the file behind it"
    )
    try:
        bad = first_bad(edited, lambda paths: gates.still_red(red, tree, paths))
    finally:
        tree.edit_only(edited)
    return [TakenOut(bad, red.gate, red.blames)] if bad else []
