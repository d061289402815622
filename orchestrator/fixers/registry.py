"""Finds a fixer by the name a plan gives it, importing only the one that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from orchestrator.fixers.base import Fixer, Source
from orchestrator.plan.location import Location
from orchestrator.plan.model import Phase, Plan, Target
from orchestrator.plan.rules import Problem, suggestion

_MODULES = {"memory-safety": "orchestrator.fixers.memory_safety"}
"""Name in the plan → module with a `FIXER`. A new kind of migration is one line here."""


def names() -> list[str]:
    """The names a plan may use."""
    return sorted(_MODULES)


def get(name: str) -> Fixer:
    """The fixer called `name`.

    Raises:
        KeyError: there is none; a checked plan never asks for such a name.
    """
    fixer: Fixer = import_module(_MODULES[name]).FIXER
    return fixer


def source(phase: Phase, target: Target, data: bytes) -> Source:
    """What the fixer of `phase` is given for `target`: the target's options over the phase's."""
    return Source(target.path, data, {**phase.options, **target.options})


def problems(plan: Plan) -> Iterator[Problem]:
    """What is wrong with the fixers a plan names and with the options it gives them."""
    for p, phase in enumerate(plan.phases):
        if phase.fixer is None:
            continue
        if phase.fixer not in _MODULES:
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
