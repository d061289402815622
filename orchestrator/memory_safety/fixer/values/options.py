"""What a plan, a configuration or a command line may ask of the fixer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from orchestrator.base.text import suggestion
from orchestrator.memory_safety.fixer.values.groups import derived_group, group_problem

if TYPE_CHECKING:
    from orchestrator.plan.base import OptionValue

DOCSTRING = "Force GC to prevent mock accumulation in xdist workers."
NAMES = ("group", "grouping", "require", "clear_instance", "skip_under_xdist", "docstring")
_LONGEST_DOCSTRING = 80


class Require(StrEnum):
    """Which test classes are asked for the pattern: all, or those whose tests can touch a mock."""

    ALL = "all"
    MOCKS = "mocks"


class Grouping(StrEnum):
    """What stays together in one worker: all tests of a file, or those of each class."""

    FILE = "file"
    CLASS = "class"


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one file. `skip_under_xdist` and `clear_instance` are off by default."""

    group: str
    grouping: Grouping = Grouping.FILE
    require: Require = Require.ALL
    clear_instance: bool = False
    skip_under_xdist: bool = False
    docstring: str = DOCSTRING


def options_of(path: str, given: Mapping[str, OptionValue]) -> Options:
    """The options for `path`; what is given was found to be right by `problems`."""
    return Options(
        group=str(given.get("group", derived_group(path))),
        grouping=Grouping(str(given.get("grouping", Grouping.FILE))),
        require=Require(str(given.get("require", Require.ALL))),
        clear_instance=bool(given.get("clear_instance", False)),
        skip_under_xdist=bool(given.get("skip_under_xdist", False)),
        docstring=str(given.get("docstring", DOCSTRING)),
    )


def problems(path: str, given: Mapping[str, OptionValue]) -> Iterator[str]:
    """Unknown options, values that mean nothing, group names a node id could not carry."""
    for name in given:
        if name not in NAMES:
            yield f"memory-safety has no option {name!r}{suggestion(name, NAMES)}"
    if problem := group_problem(given.get("group", derived_group(path))):
        yield problem
    if (require := given.get("require", Require.ALL)) not in set(Require):
        yield f"require is {require!r}; it can be 'mocks' or 'all'"
    if (grouping := given.get("grouping", Grouping.FILE)) not in set(Grouping):
        yield f"grouping is {grouping!r}; it can be 'file' or 'class'"
    for name in ("clear_instance", "skip_under_xdist"):
        if not isinstance(given.get(name, False), bool):
            yield f"{name} is {given[name]!r}; it can be true or false"
    docstring = given.get("docstring", DOCSTRING)
    if not isinstance(docstring, str) or not docstring.strip():
        yield "docstring must be text, and not empty"
    elif len(docstring) > _LONGEST_DOCSTRING or set(docstring) & set('"\\\n\r'):
        yield (
            f"docstring must be one line of at most {_LONGEST_DOCSTRING} characters, without "
            "double quotes and backslashes"
        )
