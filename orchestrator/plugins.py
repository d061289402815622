"""Finds what other packages bring along: fixers and gates, by their entry points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

FIXERS = "orchestrate.fixers"
GATES = "orchestrate.gates"


@dataclass(frozen=True, slots=True)
class Plugin:
    """One entry point: its name, the package it comes from, and what it loads."""

    name: str
    package: str
    entry: EntryPoint

    def load(self) -> object:
        """What the entry point names, made where it is a class.

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
def plugins(group: str) -> dict[str, Plugin]:
    """Every entry point of a group by its name; of two with one name, the first counts."""
    from importlib.metadata import entry_points

    found: dict[str, Plugin] = {}
    for entry in entry_points(group=group):
        package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "?"
        found.setdefault(entry.name, Plugin(entry.name, package, entry))
    return found
