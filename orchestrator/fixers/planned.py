"""What the phases of a plan ask of the fixers: their names, their options, file by file."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.fixers.base import Source
from orchestrator.fixers.registry import get, names
from orchestrator.plan.location import Location
from orchestrator.plan.model import Phase, Plan, Target
from orchestrator.plan.rules import Problem, suggestion


def source(phase: Phase, target: Target, data: bytes) -> Source:
    """What the fixer of `phase` is given for `target`: the target's options over the phase's."""
    return Source(target.path, data, {**phase.options, **target.options})


def problems(plan: Plan) -> Iterator[Problem]:
    """What is wrong with the fixers a plan names and with the options it gives them."""
    for p, phase in enumerate(plan.phases):
        if phase.fixer is None:
            continue
        if phase.fixer not in names():
            hint = suggestion(phase.fixer, names())
            yield Problem(("phases", p, "fixer"), f"no fixer is called {phase.fixer!r}{hint}")
            continue
        fixer = get(phase.fixer)
        places: dict[str, Location] = {}
        sources: list[Source] = []
        for b, batch in enumerate(phase.batches):
            for t, target in enumerate(batch.targets):
                places[target.path] = ("phases", p, "batches", b, "targets", t)
                sources.append(source(phase, target, b""))
                for message in fixer.option_problems(target.path, sources[-1].options):
                    yield Problem(places[target.path], message)
        for path, message in fixer.conflicts(sources):
            yield Problem(places[path], message)
