"""Finds a fixer by the name a plan gives it, importing only the one that is asked for."""

from __future__ import annotations

from importlib import import_module

from orchestrator.fixers.base import Fixer

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
