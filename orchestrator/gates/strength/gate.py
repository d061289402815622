"""Compares every test of the changed files with what it was, and blames what came out weaker."""

from __future__ import annotations

import ast
import base64
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import process
from orchestrator.base.changes import Change
from orchestrator.base.codec import from_json
from orchestrator.base.outcomes import GateResult
from orchestrator.gates.strength.ancestry import Ancestry, ImportedNames
from orchestrator.gates.strength.expressions import Compared, Raises
from orchestrator.gates.strength.measure import IsTest, Strength, by_default, measured
from orchestrator.gates.verdict import GateFailure, Verdict
from orchestrator.plan.verify import GateName

_PROGRAM = Path(__file__).parents[1] / "probe" / "measure_tests.py"
_PACKAGE = Path(__file__).parents[2]
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class ModuleSide:
    """One side of a file: its tests, and what its names stand for."""

    tests: dict[str, Strength]
    names: ImportedNames
    dotted: str


Read = Callable[[str, bytes], "ModuleSide | None"]
"""Reads a module by its path under the project's interpreter; None: it does not parse there."""


def strength_gate(
    changes: Sequence[Change],
    *,
    top: Path,
    search: Sequence[str] = (),
    allowed: Callable[[str], str | None] = lambda test_id: None,
    is_test: Callable[[str], IsTest] = lambda path: by_default,
    read: Read = lambda path, data: None,
) -> Verdict:
    """Whether every test of these files is at least as strong as it was.

    None is lost, newly skipped or expected to fail; none asserts or compares less, or asserts what
    can never fail; no exception that is expected is a broader one. `search` is where the project's
    interpreter finds modules; `allowed` gives the reason for which a test may be weaker; `is_test`
    says of a file which functions are tests, and `read` reads what this Python does not parse.
    """
    started_s = time.monotonic()
    roots = [top, top / "src", *map(Path, search)]
    ancestry = Ancestry(roots)
    blames: list[GateFailure] = []
    notes: list[str] = []
    count = 0
    for change in changes:
        if not change.path.endswith(".py") or change.before is None:
            continue
        reader = _PairReader(change.path, is_test(change.path), read)
        before, after = reader.module(change.before), reader.module(change.after or b"")
        if before is None:
            notes.append(f"{change.path}: no test was compared: it did not parse before the edit")
            continue
        if after is None:
            continue  # the compile gate speaks of it
        count += len(before.tests)
        for name, what in _weaker(before, after, ancestry):
            test_id = f"{change.path}::{name}"
            if reason := allowed(test_id):
                notes.append(f"allowed: {test_id} {what}: {reason}")
            else:
                blames.append(GateFailure(change.path, test_id, what))
    kind = GateResult.RED if blames else GateResult.PASSED
    duration_s = time.monotonic() - started_s
    return Verdict(GateName.STRENGTH, kind, count, duration_s, blames=blames, notes=notes)


@dataclass(frozen=True, slots=True)
class _PairReader:
    """Reads both sides of a file."""

    path: str
    is_test: IsTest
    read: Read

    def module(self, data: bytes) -> ModuleSide | None:
        """A side as it can be compared; None where it does not parse."""
        dotted = self.path.removesuffix(".py").replace("/", ".")
        try:
            tree = ast.parse(data)
            return ModuleSide(measured(tree, self.is_test), ImportedNames(tree), dotted)
        except SyntaxError:
            found = self.read(self.path, data)
        except (ValueError, RecursionError, MemoryError):
            return None
        if found is None:
            return None
        tests = {
            id_: strength
            for id_, strength in found.tests.items()
            if self.is_test(id_.rpartition("::")[2], id_)
        }
        return ModuleSide(tests, found.names, dotted)


def read_with(python: Path, data: bytes, *, cwd: Path, timeout_s: float) -> ModuleSide | None:
    """A module as another interpreter reads it; None where it does not parse there either."""
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="ascii") as asked:
        json.dump([base64.b64encode(data).decode("ascii")], asked)
        asked.flush()
        command = [str(python), "-I", "-S", str(_PROGRAM), str(_PACKAGE)]
        ended = process.run(
            command, cwd=cwd, timeout_s=timeout_s, stdin=Path(asked.name), keep_bytes=_MOST_BYTES
        )
    try:
        (told,) = json.loads(ended.output.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return None
    if told is None:
        return None
    tests = {id_: from_json(Strength, strength) for id_, strength in told["tests"].items()}
    imports = {name: (level, target) for name, (level, target) in told["imports"].items()}
    return ModuleSide(tests, ImportedNames.of(imports, told["own"]), "")


def _weaker(before: ModuleSide, after: ModuleSide, ancestry: Ancestry) -> Iterator[tuple[str, str]]:
    """Each test that came out weaker, with what speaks against it."""
    for name, then in before.tests.items():
        now = after.tests.get(name)
        if now is None:
            yield name, "is lost: it was a test before the edit"
            continue
        if now.skips > then.skips:
            yield name, "is newly skipped or expected to fail"
        said = _said_by_match(then, now)
        compared = now.compared + said
        assertions = now.assertions + said.full + said.bare
        if assertions < then.assertions:
            constant = now.vacuous > then.vacuous
            why = "; one is true whatever happens" if constant else ""
            yield name, f"asserts less: {assertions} of {then.assertions}{why}"
        elif (left := compared.full + compared.bare) < then.compared.full:
            yield name, f"compares less: {left} of {then.compared.full}"
        elif (left := compared.exact + compared.bare) < then.compared.exact:
            yield (
                name,
                f"compares less exactly: {left} of {then.compared.exact} say which value it is",
            )
        elif now.vacuous > then.vacuous:
            yield name, "asserts something that is true whatever happens"
        for raises in _broadened(then.raises, now.raises, (before, after), ancestry):
            yield name, f"expects a broader exception, or no longer its text: {raises}"


def _said_by_match(then: Strength, now: Strength) -> Compared:
    """What was asserted of an exception's text, where `match=` says it now."""
    matched = sum(one.matched for one in now.raises) - sum(one.matched for one in then.raises)
    if matched <= 0:
        return Compared()
    lost = (
        max(0, getattr(then.texts, name) - getattr(now.texts, name))
        for name in ("full", "bare", "exact")
    )
    return Compared(*lost)


def _broadened(
    then: Sequence[Raises],
    now: Sequence[Raises],
    modules: tuple[ModuleSide, ModuleSide],
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
    new: Raises, old: Raises, modules: tuple[ModuleSide, ModuleSide], ancestry: Ancestry
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
