"""What a class lacks of a group mark, by its own decorators and by those of its bases."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

from orchestrator.memory_safety.fixer.reading import marks
from orchestrator.memory_safety.fixer.reading.lineage import linearized
from orchestrator.memory_safety.fixer.reading.marks import Group
from orchestrator.memory_safety.fixer.reading.module import Inside
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode
from orchestrator.memory_safety.fixer.rules.analysis import Analysis, Work, skip_condition
from orchestrator.memory_safety.fixer.rules.asked import ClassSelector


class MarkRules:
    """Fills an analysis with the marks that are missing, and with groups that would be joined."""

    def __init__(self, analysis: Analysis, asked: ClassSelector) -> None:
        """Judge the classes of the analysed module, in source order."""
        self._analysis = analysis
        self._asked = asked
        self._module = analysis.module
        self._of_module = marks.groups_of_module(self._module)
        self._of_class = cache(marks.groups_of_class)

    def judge(self, at: ClassNode) -> None:
        """See to it that the tests of `at` are in one group, and in no more than one."""
        own = [*self._of_class(at, self._module), *self._of_module]
        inherited = self._inherited(at)
        if any(group.bare for group in own):
            reason = "its xdist_group mark names no group, so xdist pools it as 'default'"
            self._analysis.refuse(at, reason, "MS001")
        elif at.outer is not None:
            self._tell_nested(at, own + inherited)
        elif own or inherited:
            self._tell_groups(at, own, inherited)
        elif not self._to_be_marked(at):
            self._analysis.work.setdefault(at.ordinal, Work()).add_mark = True
        self._tell_later(at)
        self._analysis.groups |= self._names_around(at, inside=True)
        self._tell_methods(at)
        if at.outer is None:
            self._judge_skip(at)

    def _tell_groups(self, at: ClassNode, own: list[Group], inherited: list[Group]) -> None:
        groups = [*own, *inherited]
        names = _names(groups)
        if len(names) > 1:
            self._tell_joined(at, names)
        elif any(group.name is None for group in groups):
            self._analysis.note(at, "the name of its group is not a literal; taken as present")
        elif names != {self._analysis.group_of(at)}:
            text = "keeps its group" if own else "inherits the group"
            code = None if own else "MS004"
            self._analysis.note(at, f"{text} {_quoted(names)}{'' if own else '; kept'}", code)

    def _tell_joined(self, at: ClassNode, names: set[str]) -> None:
        text = f"is in the groups {_quoted(names)}, which xdist joins to {joined(names)!r}"
        self._analysis.note(at, text, "MS004")

    def _tell_nested(self, at: ClassNode, groups: list[Group]) -> None:
        """A nested class is in the groups of those around it as well."""
        around = self._names_around(at)
        if _names(groups) - around:
            self._tell_joined(at, around | _names(groups))

    def _tell_methods(self, at: ClassNode) -> None:
        """Groups of single tests, which are joined to those of the class."""
        for function in at.functions():
            groups = marks.groups_of_function(function, self._module)
            names = {group.name or "?" for group in groups} | self._names_around(at, inside=True)
            if groups and len(names) > 1:
                text = f"{function.name} has a group of its own: xdist joins to {joined(names)!r}"
                self._analysis.note(at, text, "MS004")

    def _names_around(self, at: ClassNode, *, inside: bool = False) -> set[str]:
        """The groups of the classes around one, of itself with `inside`, as they will be."""
        names = _names(self._of_module)
        inner = at if inside else at.outer
        while inner is not None:
            groups = [*self._of_class(inner, self._module), *self._inherited(inner)]
            names |= _names(groups)
            work = self._analysis.work.get(inner.ordinal)
            names |= {self._analysis.group_of(inner)} if work and work.add_mark else set()
            inner = inner.outer
        return names

    def _inherited(self, at: ClassNode) -> list[Group]:
        found: list[Group] = []
        for base in self._bases(at):
            found += self._of_class(base.at, base.module)
            if base.module is self._module:
                work = self._analysis.work.get(base.at.ordinal)
                found += [Group(self._analysis.group_of(base.at))] if work and work.add_mark else []
        return found

    def _tell_later(self, at: ClassNode) -> None:
        """Groups that bases in other test files are to get there: one is inherited, more joined."""
        later = self._to_be_marked(at)
        if not later:
            return
        where = " and ".join(
            f"{base.at.qualname} ({self._asked.of(base.module).path}:{base.at.node.lineno})"
            for base in later
        )
        if len(later) > 1 or self._names_around(at, inside=True):
            text = f"its group is joined to that of {where} once that has one"
            self._analysis.note(at, text, "MS004")
        else:
            self._analysis.note(at, f"inherits the group of {where} once that has one")

    def _to_be_marked(self, at: ClassNode) -> list[Inside]:
        return [
            base
            for base in self._bases(at)
            if base.module is not self._module
            and not self._of_class(base.at, base.module)
            and self._asked.of(base.module).will_be_marked(base.at)
        ]

    def _bases(self, at: ClassNode) -> list[Inside]:
        lineage = linearized(Inside(self._module, at))[1:]
        return [base for base in lineage if isinstance(base, Inside)]

    def _judge_skip(self, at: ClassNode) -> None:
        """With `skip_under_xdist`: the class does not run in a worker."""
        if not self._analysis.options.skip_under_xdist:
            return
        if not marks.is_skipped_when(skip_condition(self._analysis.names), at):
            self._analysis.work.setdefault(at.ordinal, Work()).add_skip = True


def joined(names: Iterable[str]) -> str:
    """The group that xdist makes of several."""
    return "_".join(sorted(names))


def _names(groups: Iterable[Group]) -> set[str]:
    return {group.name for group in groups if group.name is not None}


def _quoted(names: Iterable[str]) -> str:
    return " and ".join(map(repr, sorted(names)))
