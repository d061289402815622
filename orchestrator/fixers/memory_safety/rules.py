"""The one predicate: which classes pytest collects here, and what each of them still lacks."""

from __future__ import annotations

import ast
from collections.abc import Set
from dataclasses import replace
from pathlib import Path

from orchestrator.fixers.base import Source
from orchestrator.fixers.memory_safety import marks
from orchestrator.fixers.memory_safety.analysis import (
    Analysis,
    NewTeardown,
    Work,
    skip_condition,
)
from orchestrator.fixers.memory_safety.collected import Collected, why_not_collected
from orchestrator.fixers.memory_safety.findings import Finding, Level
from orchestrator.fixers.memory_safety.hierarchy import (
    Base,
    Inside,
    Module,
    Outside,
    Parsed,
    defined_by_two_bases,
    linearized,
)
from orchestrator.fixers.memory_safety.nested import is_below, why_no_new_teardown
from orchestrator.fixers.memory_safety.options import Require, options_of
from orchestrator.fixers.memory_safety.pragmas import ignored_lines, why_left_alone
from orchestrator.fixers.memory_safety.settings import settings_for
from orchestrator.fixers.memory_safety.syntax import ClassNode, Function
from orchestrator.fixers.memory_safety.teardown import (
    calls_some_base,
    calls_super,
    collects,
    never_runs,
    super_arguments,
    why_not_appendable,
)


def analyse(source: Source, top: Path, parsed: Parsed | None = None) -> Analysis:
    """What `source` lacks of the pattern.

    Only the standard library's parser is used: `status`, the fixer and the validator all ask here.
    `parsed` holds other files of the repository from one call to the next, as long as none changes.

    Raises:
        SyntaxError, ValueError, RecursionError: the bytes are not Python this interpreter reads.
    """
    tree = ast.parse(source.data, filename=source.path)
    module = Module(top / source.path, top, tree, {} if parsed is None else parsed)
    analysis = Analysis(options_of(source.path, source.options), module)
    settings = settings_for(top, source.path)
    if not settings.collects_file(source.path):
        analysis.notes.append("not collected: the name does not match python_files")
        analysis.applies = source.path.endswith("conftest.py")  # its fixtures are worth a look
        return analysis
    if reason := why_left_alone(source):
        analysis.notes.append(f"left alone: {reason}")
        analysis.applies = False
        return analysis
    ignored = ignored_lines(source.data)
    _Judge(analysis, module, Collected(module, settings), ignored).judge()
    return analysis


class _Judge:
    """Fills an analysis, class by class."""

    def __init__(
        self, analysis: Analysis, module: Module, collected: Collected, ignored: Set[int]
    ) -> None:
        self._ignored = ignored
        self._mocks = analysis.mocks
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
        self._refuse_nested()
        self._tell_work()
        self._refuse_rebound()

    def _refuse_nested(self) -> None:
        """A new teardown of an outer class concerns the classes nested in it."""
        for at in self._module.classes:
            work = self._analysis.work.get(at.ordinal)
            if work and work.new_teardown and work.new_teardown.name == "teardown_method":
                alone = {c for c in self._module.classes if self._is_ignored(c)}
                if reason := why_no_new_teardown(at, self._module, self._collected, alone):
                    self._refuse(at, reason)

    def _tell_work(self) -> None:
        """A finding for everything that will be added."""
        classes = {at.ordinal: at for at in self._module.classes}
        for ordinal, work in self._analysis.work.items():
            at = classes[ordinal]
            if work.add_mark:
                mark = self._mark or "pytest.mark"
                self._find(at, "MS001", f'add @{mark}.xdist_group(name="{self._analysis.group}")')
            if work.add_skip:
                condition = skip_condition(self._analysis.names)
                self._find(at, "MS006", f"add @pytest.mark.skipif({condition}, reason=...)")
            collect = f"{self._analysis.names.collect or 'gc.collect'}()"
            if work.clears or (work.new_teardown and work.new_teardown.clears):
                collect = f"self.__dict__.clear() and {collect}"
            if work.new_teardown:
                self._find(at, "MS002", f"add a {work.new_teardown.name} that calls {collect}")
            elif work.append_to:
                self._find(at, "MS002", f"let {work.append_to} call {collect}")
        if self._analysis.uses_gc_unimported and self._analysis.names.collect is None:
            self._analysis.findings.append(
                Finding(1, 1, "MS003", "", "add import gc at module level", Level.ERROR)
            )

    def _judge_class(self, at: ClassNode, module_group: marks.Group | None) -> None:
        if not self._collected.has_tests_below(at):
            if reason := why_not_collected(self._collected, at):
                self._note(at, reason)
            return
        if self._is_ignored(at):
            self._note(at, "left alone: it says `# memory-safety: ignore`")
            return
        if self._is_excused(at):
            self._note(at, "left alone: its tests cannot touch a mock; `require: all` asks it too")
            return
        if at.outer is None:
            self._judge_mark(at, module_group)
            self._judge_skip(at)
        if self._collected.has_tests(at):
            self._judge_teardown(at)

    def _is_ignored(self, at: ClassNode) -> bool:
        first = min([at.node.lineno, *(d.lineno for d in at.node.decorator_list)])
        header = range(first - 1, at.node.body[0].lineno)  # a comment right above counts as well
        return not self._ignored.isdisjoint(header)

    def _is_excused(self, at: ClassNode) -> bool:
        """Whether only classes that can touch a mock are asked, and this one cannot."""
        if self._analysis.options.require is Require.ALL:
            return False
        outermost = at
        while outermost.outer is not None:  # a class and those nested in it are asked together
            outermost = outermost.outer
        nest = [outermost, *(c for c in self._module.classes if is_below(c, outermost))]
        return not any(self._mocks.touches(c) for c in nest)

    # marks

    def _judge_mark(self, at: ClassNode, module_group: marks.Group | None) -> None:
        tree = self._module.tree
        for function in at.functions():
            if group := marks.group_of_function(function, tree, self._mark):
                joined = f"{self._analysis.group}_{group.name}"
                text = f"{function.name} has a group of its own: xdist joins them to {joined}"
                self._note(at, text, "MS004")
        if own := marks.group_of_class(at, tree, self._mark) or module_group:
            self._judge_own_mark(at, own)
        elif inherited := self._inherited_group(at):
            if inherited.name != self._analysis.group:
                name = inherited.name or "of its base"
                self._note(at, f"inherits the group {name!r}; kept", "MS004")
        else:
            self._analysis.work.setdefault(at.ordinal, Work()).add_mark = True
        self._marked.add(at)

    def _judge_own_mark(self, at: ClassNode, own: marks.Group) -> None:
        if own.bare:
            reason = "its xdist_group mark names no group, so xdist pools it as 'default'"
            self._refuse(at, reason, "MS001")
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

    def _judge_skip(self, at: ClassNode) -> None:
        """With `skip_under_xdist`: the class does not run in a worker."""
        if not self._analysis.options.skip_under_xdist:
            return
        if not marks.is_skipped_when(skip_condition(self._analysis.names), at):
            self._analysis.work.setdefault(at.ordinal, Work()).add_skip = True

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
            reason = f"{name} is assigned, imported or defined under a condition"
            self._refuse(at, reason, "MS005")
        elif len(own) > 1:
            reason = f"{name} is defined twice; the one on line {own[0].lineno} is dead"
            self._refuse(at, reason, "MS005")
        elif own:
            self._tell_hidden(at, own[0])
            self._judge_method(Inside(self._module, at), own[0])
        else:
            return self._collected.is_test_case(at) and self._collects_by_pytest_hook(at)
        return True

    def _tell_hidden(self, at: ClassNode, function: Function) -> None:
        """Python calls the nearest teardown only; one that a base defines is silently left out."""
        if calls_some_base(function):
            return
        for base in self._bases(at):
            if isinstance(base, Inside) and base.at.definitions(function.name):
                text = f"{function.name} hides that of {base.at.qualname}, which it does not call"
                self._note(at, text, "MS005")
                return

    def _collects_by_pytest_hook(self, at: ClassNode) -> bool:
        """pytest calls a `teardown_method` of a TestCase too: one that collects is enough."""
        return any(self._collects(self._module, f) for f in at.definitions("teardown_method"))

    def _judge_method(self, owner: Inside, function: Function) -> None:
        """See to it that this teardown of this file collects."""
        if never_runs(function):
            self._refuse(owner.at, f"{function.name} {why_not_appendable(function, '')}")
            return
        if self._is_enough(owner, function):
            return
        if calls_super(function) and self._base_collects(owner.at, function.name):
            return
        if reason := why_not_appendable(function, self._collect_name):
            self._refuse(owner.at, f"{function.name} {reason}")
            return
        work = self._analysis.work.setdefault(owner.at.ordinal, Work())
        work.append_to = function.name
        if self._must_clear(owner.at):
            if function.decorator_list or not function.args.args:
                self._refuse(owner.at, f"{function.name} has no instance to clear")
            else:
                work.clears = function.args.args[0].arg

    def _must_clear(self, at: ClassNode) -> bool:
        """With `clear_instance`, except in a TestCase: it needs its attributes to the end."""
        return self._analysis.options.clear_instance and not self._collected.is_test_case(at)

    def _is_enough(self, owner: Inside, function: Function) -> bool:
        """Whether a teardown does all that is asked for."""
        if not self._collects(owner.module, function):
            return False
        if not self._must_clear(owner.at):
            return True
        names = [argument.arg for argument in function.args.args[:1]]
        return collects(function, {f"{name}.__dict__.clear" for name in names})

    def _judge_inherited_teardown(self, at: ClassNode, name: str) -> None:
        if defined_by_two_bases(self._module, at, name):
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
            elif base.module is self._module and self._gets_its_own(base.at, name):
                self._judge_teardown(base.at)  # gets one of its own, which `at` then inherits
                return
        self._add(at, NewTeardown(name))

    def _gets_its_own(self, at: ClassNode, name: str) -> bool:
        """Whether a base of this file will have a teardown that its derived classes inherit."""
        if not self._collected.has_tests(at) or self._collected.teardown_name(at) != name:
            return False
        return not (self._is_ignored(at) or self._is_excused(at))

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
        if self._is_enough(base, function):
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
        if self._must_clear(at):
            teardown = replace(teardown, clears=True)
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
        if analysis.needs_skip:
            used.add(analysis.names.os or "os")
        for name in sorted(used):
            if name in analysis.names.rebound or name.startswith("__"):
                reason = f"the name {name} also means something else in this file"
                code = "MS003" if name == self._collect_name else "MS001"
                analysis.refusals.append(reason)
                analysis.findings.append(Finding(1, 1, code, "", reason, Level.ERROR))

    def _refuse(self, at: ClassNode, reason: str, code: str = "MS002") -> None:
        self._analysis.refusals.append(f"{at.qualname} (line {at.node.lineno}): {reason}")
        self._find(at, code, reason)

    def _note(self, at: ClassNode, text: str, code: str | None = None) -> None:
        self._analysis.notes.append(f"{at.qualname} (line {at.node.lineno}): {text}")
        if code is not None:
            self._find(at, code, text, Level.WARNING)

    def _find(self, at: ClassNode, code: str, message: str, level: Level = Level.ERROR) -> None:
        line, column = at.node.lineno, at.node.col_offset + 1
        self._analysis.findings.append(Finding(line, column, code, at.qualname, message, level))
