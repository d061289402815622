"""Why a class cannot be given a teardown without harm to other classes of its file.

pytest's own fixture for `teardown_method` of an outer class runs for the tests of a nested one too,
on the nested instance: it must have one, and its own then runs twice (tried with pytest 9.1). And a
class that derives from it may have found the teardown of another base until now.
"""

from __future__ import annotations

from collections.abc import Iterator, Set

from orchestrator.memory_safety.fixer.reading.collected import Collected
from orchestrator.memory_safety.fixer.reading.lineage import linearized
from orchestrator.memory_safety.fixer.reading.module import Base, Inside, Module
from orchestrator.memory_safety.fixer.reading.outside import Outside
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode
from orchestrator.memory_safety.fixer.reading.teardown import (
    calls_some_base,
    does_more_than_collect,
    may_call_base_with_arguments,
)

_NAME = "teardown_method"


def why_no_new_teardown(
    at: ClassNode, module: Module, collected: Collected, left_alone: Set[ClassNode]
) -> str | None:
    """The reason, or None where a new `teardown_method` without `super()` does no harm."""
    for owner in [at, *_heirs(at, collected)]:
        for inner in collected.nested(owner):
            if reason := _why_not_around(inner, module, collected, left_alone):
                return reason
    for other in collected.derived(at):
        if reason := why_not_above(at, other, collected):
            return reason
    return None


def is_below(inner: ClassNode, outer: ClassNode) -> bool:
    """Whether a class is nested in another one, however deep."""
    at = inner.outer
    while at is not None and at is not outer:
        at = at.outer
    return at is outer


def _heirs(at: ClassNode, collected: Collected) -> Iterator[ClassNode]:
    """The classes of the file that would inherit a teardown of `at`."""
    for other in collected.derived(at):
        nearer, _ = _around(at, other, collected)
        if not any(isinstance(base, Inside) and base.at.definitions(_NAME) for base in nearer):
            yield other


def _around(at: ClassNode, other: ClassNode, collected: Collected) -> tuple[list[Base], list[Base]]:
    """What Python asks before `at` and after it, for an attribute of `other`."""
    lineage = collected.lineage(other)
    place = next(i for i, b in enumerate(lineage) if isinstance(b, Inside) and b.at is at)
    return lineage[:place], lineage[place + 1 :]


def _why_not_around(
    inner: Inside, module: Module, collected: Collected, left_alone: Set[ClassNode]
) -> str | None:
    """Why a class cannot have a new teardown while `inner` is nested in it."""
    name, lineage = inner.at.qualname, linearized(inner)
    is_here = inner.module is module
    is_found = collected.has_tests(inner.at) if is_here else collected.is_named_as_test(inner.at)
    if not is_found:
        return None
    if any(isinstance(base, Outside) and base.is_test_case for base in lineage):
        return f"the TestCase {name} is nested in it, and would need its teardown"
    if inner.at in left_alone:
        return f"{name} is nested in it and left alone, and would need its teardown"
    found = [f for base in lineage if isinstance(base, Inside) for f in base.at.definitions(_NAME)]
    if any(map(does_more_than_collect, found)):
        return f"the teardown of {name}, nested in it, would then run twice"
    if not found and not is_here:
        return f"it inherits the nested class {name}, which has no teardown"
    return None


def why_not_above(at: ClassNode, other: ClassNode, collected: Collected) -> str | None:
    """Why a new teardown of `at` would change what runs for `other`, which derives from it."""
    nearer, later = _around(at, other, collected)
    found = (b.at.definitions(_NAME) for b in nearer if isinstance(b, Inside))
    callers = [functions[-1] for functions in found if functions]
    if not all(map(calls_some_base, callers)):
        return None
    if collected.is_test_case(other):
        return f"the TestCase {other.qualname} derives from it, and is given another signature"
    for base in later:
        if isinstance(base, Outside):
            if not base.is_harmless:
                return f"{other.qualname} derives from it, and {base.name} {base.why}"
        elif any(map(does_more_than_collect, base.at.definitions(_NAME))):
            return f"it would hide that of {base.at.qualname}, which {other.qualname} inherits"
    if any(map(may_call_base_with_arguments, callers)):
        return f"that of {other.qualname} calls its base's with arguments, and it takes none"
    return None
