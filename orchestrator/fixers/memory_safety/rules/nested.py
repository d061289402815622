"""Why a class cannot be given a teardown without harm to the classes that pytest tells of it.

pytest's own fixture for `teardown_method` of an outer class runs for the tests of a nested one too,
on the nested instance: it must have one, and its own then runs twice (tried with pytest 9.1).
"""

from __future__ import annotations

from collections.abc import Set

from orchestrator.fixers.memory_safety.reading.collected import Collected
from orchestrator.fixers.memory_safety.reading.lineage import linearized
from orchestrator.fixers.memory_safety.reading.module import Inside, Module
from orchestrator.fixers.memory_safety.reading.syntax import ClassNode
from orchestrator.fixers.memory_safety.reading.teardown import does_more_than_collect


def why_no_new_teardown(
    at: ClassNode, module: Module, collected: Collected, left_alone: Set[ClassNode]
) -> str | None:
    """The reason, or None where a new `teardown_method` of `at` does no harm."""
    for inner in module.classes:
        if not is_below(inner, at) or not collected.has_tests(inner):
            continue
        if collected.is_test_case(inner):
            return f"the TestCase {inner.qualname} is nested in it, and would need its teardown"
        if inner in left_alone:
            return f"{inner.qualname} is nested in it and left alone, and would need its teardown"
        if any(map(does_more_than_collect, inner.definitions("teardown_method"))):
            return f"the teardown of {inner.qualname}, nested in it, would then run twice"
    for base in linearized(Inside(module, at))[1:]:
        if isinstance(base, Inside):
            for inner in base.module.classes:
                if inner.outer is base.at and collected.is_named_as_test(inner):
                    return f"it inherits the nested class {inner.qualname}, which has no teardown"
    for other in module.classes:
        if collected.is_test_case(other) and any(
            isinstance(base, Inside) and base.at is at for base in collected.lineage(other)
        ):
            return f"the TestCase {other.qualname} derives from it, and is given another signature"
    return None


def is_below(inner: ClassNode, outer: ClassNode) -> bool:
    """Whether a class is nested in another one, however deep."""
    at = inner.outer
    while at is not None and at is not outer:
        at = at.outer
    return at is outer
