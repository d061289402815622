"""The one predicate: which classes pytest collects here, and what each of them still lacks."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.fixers.base import Source
from orchestrator.fixers.memory_safety import marks
from orchestrator.fixers.memory_safety.collected import Collected, why_not_collected
from orchestrator.fixers.memory_safety.groups import derived_group
from orchestrator.fixers.memory_safety.hierarchy import Base, Inside, Module, Outside, linearized
from orchestrator.fixers.memory_safety.names import Names
from orchestrator.fixers.memory_safety.settings import settings_for
from orchestrator.fixers.memory_safety.syntax import ClassNode, Function
from orchestrator.fixers.memory_safety.teardown import (
    calls_super,
    collects,
    super_arguments,
    why_not_appendable,
)


@dataclass(frozen=True, slots=True)
class NewTeardown:
    """A teardown to be written: its name, its parameters after `self`, whether it calls super."""

    name: str
    parameters: str = ""
    calls_super: bool = False


@dataclass(slots=True)
class Work:
    """What one class lacks."""

    add_mark: bool = False
    new_teardown: NewTeardown | None = None
    append_to: str | None = None

    def __bool__(self) -> bool:
        return self.add_mark or self.new_teardown is not None or self.append_to is not None


@dataclass(slots=True)
class Analysis:
    """What a file lacks: per class (by ordinal), with what a person must decide and should know."""

    group: str
    names: Names
    tree: ast.Module
    work: dict[int, Work] = field(default_factory=dict)
    uses_gc_unimported: bool = False
    refusals: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def needs_person_or_edit(self) -> bool:
        """Whether the file is not as it should be."""
        return bool(self.work or self.refusals or self.needs_gc_import)

    @property
    def needs_collect(self) -> bool:
        """Whether a line that collects garbage will be added somewhere."""
        return any(work.new_teardown or work.append_to for work in self.work.values())

    @property
    def needs_gc_import(self) -> bool:
        """Whether `gc` is used, or will be, and no module-level import offers it."""
        return self.names.collect is None and (self.needs_collect or self.uses_gc_unimported)

    @property
    def needs_pytest_import(self) -> bool:
        """Whether a mark will be added and no module-level import offers it."""
        return self.names.mark is None and self.needs_mark

    @property
    def needs_mark(self) -> bool:
        """Whether a group mark will be added somewhere."""
        return any(work.add_mark for work in self.work.values())


def analyse(source: Source, top: Path) -> Analysis:
    """What `source` lacks of the pattern.

    Only the standard library's parser is used: `status`, the fixer and the validator all ask here.

    Raises:
        SyntaxError, ValueError, RecursionError: the bytes are not Python this interpreter reads.
    """
    tree = ast.parse(source.data, filename=source.path)
    group = str(source.options.get("group", derived_group(source.path)))
    module = Module(top / source.path, top, tree)
    analysis = Analysis(group, module.names, tree)
    settings = settings_for(top, source.path)
    if not settings.collects_file(source.path):
        analysis.notes.append("not collected: the name does not match python_files")
        return analysis
    _Judge(analysis, module, Collected(module, settings)).judge()
    return analysis


class _Judge:
    """Fills an analysis, class by class."""

    def __init__(self, analysis: Analysis, module: Module, collected: Collected) -> None:
        self._analysis = analysis
        self._module = module
        self._collected = collected
        self._teardowns: dict[ClassNode, bool] = {}
        self._marked: set[ClassNode] = set()

    def judge(self) -> None:
        module_group = marks.group_of_module(self._module.tree, self._mark)
        seen: dict[str, ClassNode] = {}
        for at in self._module.classes:
            if at.in_function:
                continue
            if at.outer is None and at.node.name in seen and self._collected.has_tests_below(at):
                dead = seen[at.node.name].node.lineno
                self._note(
                    at, f"replaces the class of the same name on line {dead}, which never runs"
                )
            seen[at.node.name] = at if at.outer is None else seen.get(at.node.name, at)
            self._judge_class(at, module_group)
        self._refuse_rebound()

    def _judge_class(self, at: ClassNode, module_group: marks.Group | None) -> None:
        if not self._collected.has_tests_below(at):
            if reason := why_not_collected(self._collected, at):
                self._note(at, reason)
            return
        if at.outer is None:
            self._judge_mark(at, module_group)
        if self._collected.has_tests(at):
            self._judge_teardown(at)

    # marks

    def _judge_mark(self, at: ClassNode, module_group: marks.Group | None) -> None:
        tree = self._module.tree
        for function in at.functions():
            if group := marks.group_of_function(function, tree, self._mark):
                joined = f"{self._analysis.group}_{group.name}"
                self._note(
                    at, f"{function.name} has a group of its own: xdist joins them to {joined}"
                )
        if own := marks.group_of_class(at, tree, self._mark) or module_group:
            self._judge_own_mark(at, own)
        elif inherited := self._inherited_group(at):
            if inherited.name != self._analysis.group:
                self._note(at, f"inherits the group {inherited.name or 'of its base'!r}; kept")
        else:
            self._analysis.work.setdefault(at.ordinal, Work()).add_mark = True
        self._marked.add(at)

    def _judge_own_mark(self, at: ClassNode, own: marks.Group) -> None:
        if own.bare:
            self._refuse(at, "its xdist_group mark names no group, so xdist pools it as 'default'")
        elif own.name is None:
            self._note(at, "the name of its group is not a literal; taken as present")
        elif own.name != self._analysis.group:
            self._note(at, f"keeps its group {own.name!r}")

    def _inherited_group(self, at: ClassNode) -> marks.Group | None:
        for base in self._bases(at):
            if not isinstance(base, Inside):
                continue
            if base.at in self._marked:
                own = marks.group_of_class(base.at, base.module.tree, self._mark)
                return own or marks.Group(self._analysis.group)
            mark = base.module.names.mark
            if group := marks.group_of_class(base.at, base.module.tree, mark):
                return group
        return None

    # teardowns

    def _judge_teardown(self, at: ClassNode) -> None:
        """See to it that `at` collects after each test: by itself, or through its first base."""
        if at in self._teardowns:
            return
        self._teardowns[at] = True
        name = self._collected.teardown_name(at)
        if not self._judge_own_teardown(at, name):
            self._judge_inherited_teardown(at, name)

    def _judge_own_teardown(self, at: ClassNode, name: str) -> bool:
        """Judge the teardown that `at` itself defines; False where it defines none."""
        own = at.definitions(name)
        if at.binds_otherwise(name):
            self._refuse(at, f"{name} is assigned, imported or defined under a condition")
        elif len(own) > 1:
            self._refuse(at, f"{name} is defined twice; the one on line {own[0].lineno} is dead")
        elif own:
            self._judge_method(Inside(self._module, at), own[0])
        else:
            return self._collected.is_test_case(at) and self._collects_by_pytest_hook(at)
        return True

    def _collects_by_pytest_hook(self, at: ClassNode) -> bool:
        """pytest calls a `teardown_method` of a TestCase too: one that collects is enough."""
        return any(self._collects(self._module, f) for f in at.definitions("teardown_method"))

    def _judge_method(self, owner: Inside, function: Function) -> None:
        """See to it that this teardown of this file collects."""
        if self._collects(owner.module, function):
            return
        if calls_super(function) and self._base_collects(owner.at, function.name):
            return
        if reason := why_not_appendable(function, self._collect_name):
            self._refuse(owner.at, f"{function.name} {reason}")
            return
        self._analysis.work.setdefault(owner.at.ordinal, Work()).append_to = function.name

    def _judge_inherited_teardown(self, at: ClassNode, name: str) -> None:
        if self._defined_by_two_bases(at, name):
            self._refuse(at, f"two of its bases define {name}")
            return
        for base in self._bases(at):
            if isinstance(base, Outside):
                if self._add_over_outside(at, name, base):
                    return
            elif base.at.binds_otherwise(name):
                where = f"{base.module.path.name}:{base.at.node.lineno}"
                self._refuse(at, f"its base ({where}) assigns or imports {name}")
                return
            elif definitions := base.at.definitions(name):
                self._judge_defined_in_base(at, base, definitions[-1])
                return
            elif base.module is self._module and self._collected.has_tests(base.at):
                self._judge_teardown(base.at)  # gets one of its own, which `at` then inherits
                return
        self._add(at, NewTeardown(name))

    def _add_over_outside(self, at: ClassNode, name: str, base: Outside) -> bool:
        """Settle what a base outside the repository means; False where it means nothing."""
        if base.is_test_case:
            self._add(at, NewTeardown(name, calls_super=True))
        elif base.is_harmless:
            return False
        else:
            self._refuse(
                at, f"its base {base.name} is not in this repository and may define {name}"
            )
        return True

    def _judge_defined_in_base(self, at: ClassNode, base: Inside, function: Function) -> None:
        if base.module is self._module:
            self._judge_method(base, function)
            return
        if self._collects(base.module, function):
            return
        parameters = super_arguments(function)
        if parameters is None or isinstance(function, ast.AsyncFunctionDef):
            where = f"{base.module.path.name}:{function.lineno}"
            self._refuse(at, f"cannot override {function.name} of its base ({where}) safely")
        else:
            self._add(at, NewTeardown(function.name, parameters, calls_super=True))

    def _base_collects(self, at: ClassNode, name: str) -> bool:
        """Whether the next definition of `name` above `at` collects."""
        for base in self._bases(at):
            if isinstance(base, Inside) and (found := base.at.definitions(name)):
                return self._collects(base.module, found[-1])
        return False

    def _defined_by_two_bases(self, at: ClassNode, name: str) -> bool:
        direct = [base for base in self._module.bases(at) if isinstance(base, Inside)]
        owners = {
            next(
                (
                    b.at
                    for b in linearized(base)
                    if isinstance(b, Inside) and b.at.definitions(name)
                ),
                None,
            )
            for base in direct
        }
        return len(owners - {None}) > 1

    def _collects(self, module: Module, function: Function) -> bool:
        names = module.names
        known = {names.collect} if names.collect else set[str]()
        if collects(function, known):
            return True
        if not collects(function, {"gc.collect"}):
            return False
        self._analysis.uses_gc_unimported |= module is self._module
        return True

    def _bases(self, at: ClassNode) -> list[Base]:
        return linearized(Inside(self._module, at))[1:]

    def _add(self, at: ClassNode, teardown: NewTeardown) -> None:
        self._analysis.work.setdefault(at.ordinal, Work()).new_teardown = teardown

    # what people are told

    @property
    def _mark(self) -> str | None:
        return self._analysis.names.mark

    @property
    def _collect_name(self) -> str:
        """The name a call that collects begins with."""
        return (self._analysis.names.collect or "gc").partition(".")[0]

    def _refuse_rebound(self) -> None:
        analysis = self._analysis
        used = {self._collect_name} if analysis.needs_collect else set[str]()
        if analysis.needs_mark:
            used.add((self._mark or "pytest").partition(".")[0])
        for name in sorted(used):
            if name in analysis.names.rebound or name.startswith("__"):
                analysis.refusals.append(f"the name {name} also means something else in this file")

    def _refuse(self, at: ClassNode, reason: str) -> None:
        self._analysis.refusals.append(f"{at.qualname} (line {at.node.lineno}): {reason}")

    def _note(self, at: ClassNode, text: str) -> None:
        self._analysis.notes.append(f"{at.qualname} (line {at.node.lineno}): {text}")
