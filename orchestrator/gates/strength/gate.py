"""Compares every test of the changed files with what it was, and blames what came out weaker."""

from __future__ import annotations

import ast
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.changes import Change, Content
from orchestrator.gates.strength.ancestry import Ancestry, Names
from orchestrator.gates.strength.expressions import Raises
from orchestrator.gates.strength.measure import Strength, measured
from orchestrator.gates.verdict import Blame, Kind, Verdict
from orchestrator.plan.verify import GateName


@dataclass(frozen=True, slots=True)
class _Module:
    """One side of a file: its tests, and what its names stand for."""

    tests: dict[str, Strength]
    names: Names
    dotted: str


def strength_gate(
    changes: Sequence[Change],
    *,
    top: Path,
    search: Sequence[str] = (),
    allowed: Callable[[str], str | None] = lambda test_id: None,
) -> Verdict:
    """Whether every test of these files is at least as strong as it was.

    None is lost, newly skipped or expected to fail; none asserts or compares less, or asserts what
    can never fail; no exception that is expected is a broader one. `search` is where the project's
    interpreter finds modules; `allowed` gives the reason for which a test may be weaker.
    """
    started_s = time.monotonic()
    roots = [top, top / "src", *map(Path, search)]
    ancestry = Ancestry(roots)
    blames: list[Blame] = []
    notes: list[str] = []
    count = 0
    for change in changes:
        if (
            not change.path.endswith(".py")
            or (before := _module(change.before, change.path)) is None
        ):
            continue
        after = _module(change.after or b"", change.path)
        if after is None:
            continue  # the compile gate speaks of it
        count += len(before.tests)
        for name, what in _weaker(before, after, ancestry):
            test_id = f"{change.path}::{name}"
            if reason := allowed(test_id):
                notes.append(f"allowed: {test_id} {what}: {reason}")
            else:
                blames.append(Blame(change.path, test_id, what))
    kind = Kind.RED if blames else Kind.PASSED
    duration_s = time.monotonic() - started_s
    return Verdict(GateName.STRENGTH, kind, count, duration_s, blames=blames, notes=notes)


def _module(content: Content, path: str) -> _Module | None:
    """A file as it can be compared; None where there was none, or nothing that parses."""
    if content is None:
        return None
    try:
        tree = ast.parse(content)
        dotted = path.removesuffix(".py").replace("/", ".")
        return _Module(measured(tree), Names(tree), dotted)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _weaker(before: _Module, after: _Module, ancestry: Ancestry) -> Iterator[tuple[str, str]]:
    """Each test that came out weaker, with what speaks against it."""
    for name, then in before.tests.items():
        now = after.tests.get(name)
        if now is None:
            yield name, "is lost: it was a test before the edit"
            continue
        if now.skips > then.skips:
            yield name, "is newly skipped or expected to fail"
        if now.assertions < then.assertions:
            constant = now.vacuous > then.vacuous
            why = "; one is true whatever happens" if constant else ""
            yield name, f"asserts less: {now.assertions} of {then.assertions}{why}"
        elif (left := now.compared.full + now.compared.bare) < then.compared.full:
            yield name, f"compares less: {left} of {then.compared.full}"
        elif now.vacuous > then.vacuous:
            yield name, "asserts something that is true whatever happens"
        for raises in _broadened(then.raises, now.raises, (before, after), ancestry):
            yield name, f"expects a broader exception, or no longer its text: {raises}"


def _broadened(
    then: Sequence[Raises],
    now: Sequence[Raises],
    modules: tuple[_Module, _Module],
    ancestry: Ancestry,
) -> Iterator[str]:
    """The expected exceptions that have no counterpart as narrow as they are."""
    left = list(now)
    for old in then:
        narrow = next((new for new in left if _is_as_narrow(new, old, modules, ancestry)), None)
        if narrow is not None:
            left.remove(narrow)
        else:
            yield ", ".join(old.types)


def _is_as_narrow(
    new: Raises, old: Raises, modules: tuple[_Module, _Module], ancestry: Ancestry
) -> bool:
    before, after = modules
    if old.matched and not new.matched:
        return False
    return all(
        any(
            not ancestry.is_broader(
                before.names.full(then, within=before.dotted),
                after.names.full(now, within=after.dotted),
            )
            for then in old.types
        )
        for now in new.types
    ) and len(new.types) <= max(len(old.types), 1)
