"""Finds a fixer by the name a plan gives it, importing only the one that is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from orchestrator.base.plugins import FIXERS, BrokenPlugin, built_in, loaded, plugins
from orchestrator.errors import CannotJudge
from orchestrator.fixers.base import BatchFixer, FileFixer

_BUILT_IN = {
    "agent": "orchestrator.fixers.agent:FIXER",
    "codemod": "orchestrator.fixers.codemod:FIXER",
    "command": "orchestrator.fixers.command:FIXER",
    **built_in(FIXERS),
}
"""Name in the plan → module and name; other packages add theirs by entry points."""


@dataclass(frozen=True, slots=True)
class Known:
    """A fixer a plan may name: where it comes from, and what it is or why it cannot be used."""

    name: str
    source: str
    fixer: FileFixer | BatchFixer | None
    broken: str = ""


def names() -> list[str]:
    """The names a plan may use."""
    return sorted({*_BUILT_IN, *plugins(FIXERS)})


def is_built_in(name: str) -> bool:
    """Whether it comes with this package."""
    return name in _BUILT_IN


@cache
def get(name: str) -> FileFixer | BatchFixer:
    """The fixer called `name`.

    Raises:
        KeyError: there is none; a checked plan never asks for such a name.
        CannotJudge: it is a plug-in that does not load.
    """
    if name in _BUILT_IN:
        fixer: FileFixer | BatchFixer = loaded(_BUILT_IN[name])
        return fixer
    try:
        return _usable(plugins(FIXERS)[name].load(), name)
    except BrokenPlugin as error:
        raise CannotJudge(f"the fixer {error}", next_step="orchestrate fixers") from error


def known() -> Iterator[Known]:
    """Every fixer, the built-in ones first; a broken plug-in with the reason."""
    for name in sorted(_BUILT_IN):
        yield Known(name, "built in", get(name))
    for name, plugin in sorted(plugins(FIXERS).items()):
        if name in _BUILT_IN:
            yield Known(name, plugin.package, None, "a built-in fixer has that name")
            continue
        try:
            yield Known(name, plugin.package, _usable(plugin.load(), name))
        except BrokenPlugin as error:
            yield Known(name, plugin.package, None, str(error))


def _usable(found: object, name: str) -> FileFixer | BatchFixer:
    if not isinstance(found, FileFixer | BatchFixer):
        kind = type(found).__name__
        raise BrokenPlugin(f"{name!r} is a {kind}, and neither a FileFixer nor a BatchFixer")
    return found
