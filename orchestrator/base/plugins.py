"""Finds what parts of this program and other packages bring along, by name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

FIXERS = "orchestrate.fixers"
GATES = "orchestrate.gates"
DRAFTERS = "orchestrate.drafters"
COMMANDS = "orchestrate.commands"
"""Typer functions, each called as the command that has its name."""

PROGRAMS = "orchestrate.programs"
"""Commands that parse their own arguments, and start without typer."""

_PARTS = ("orchestrator.memory_safety",)
"""Packages of this program that are plug-ins; each has a table like the entry points of others."""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point: its name, the package it comes from, and what it loads."""

    name: str
    package: str
    entry: EntryPoint

    def load(self) -> object:
        """Return what the entry point names, made where it is a class.

        Raises:
            BrokenPlugin: it cannot be imported or made.
        """
        try:
            found = self.entry.load()
            return found() if isinstance(found, type) else found
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise BrokenPlugin(f"{self.name!r} of {self.package} does not load: {why}") from error


class BrokenPlugin(Exception):
    """A plug-in that is there and cannot be used, with the reason."""


@cache
def built_in(group: str) -> dict[str, str]:
    """Return what the parts of this program bring along: a `module:name` by its name."""
    found: dict[str, str] = {}
    for part in _PARTS:
        found |= import_module(part).CONTRIBUTES.get(group, {})
    return found


def loaded(reference: str) -> Any:
    """Return what a `module:name` stands for."""
    module, _, name = reference.partition(":")
    return getattr(import_module(module), name)


@cache
def plugins(group: str) -> dict[str, Plugin]:
    """Return every entry point of a group by its name; of two with one name, the first counts."""
    from importlib.metadata import entry_points

    found: dict[str, Plugin] = {}
    for entry in entry_points(group=group):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "?"
        found.setdefault(entry.name, Plugin(entry.name, package, entry))
    return found
