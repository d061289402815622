"""Why a class cannot be given a teardown because of classes of other files that derive from it."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.memory_safety.fixer.reading.heirs import may_derive_from
from orchestrator.memory_safety.fixer.reading.module import Inside
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode
from orchestrator.memory_safety.fixer.rules.analysis import Analysis
from orchestrator.memory_safety.fixer.rules.asked import ClassSelector
from orchestrator.memory_safety.fixer.rules.nested import why_not_above


def refuse_for_heirs(analysis: Analysis, asked: ClassSelector) -> None:
    """Refuse every new teardown that would hide one a class of another file has now.

    That class is refused as well when its own file is judged: both need the same person.
    """
    for at in analysis.module.classes:
        work = analysis.work.get(at.ordinal)
        if work and work.new_teardown and not work.new_teardown.calls_super:
            for heir, other in _heirs(at, asked, analysis):
                if reason := why_not_above(at, heir, other.collected):
                    analysis.refuse(at, f"{reason} ({other.path}:{heir.node.lineno})", "MS005")
                    break


def _heirs(
    at: ClassNode, asked: ClassSelector, analysis: Analysis
) -> Iterator[tuple[ClassNode, ClassSelector]]:
    """The test classes of other files that derive from it."""
    module = analysis.module
    for path in may_derive_from(at.node.name, module.top):
        found = module.at_path(path) if path != module.path else None
        if found is None:
            continue
        other = asked.of(found)
        for heir in found.classes:
            lineage = other.collected.lineage(heir)
            if Inside(module, at) in lineage and other.collected.has_tests_below(heir):
                yield heir, other
