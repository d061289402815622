"""What a class lacks of a teardown that collects, by its own methods and by those of its bases."""

from __future__ import annotations

from dataclasses import replace

from orchestrator.memory_safety.fixer.reading.lineage import linearized, loses_a_teardown
from orchestrator.memory_safety.fixer.reading.module import Base, Inside, Module
from orchestrator.memory_safety.fixer.reading.outside import Outside
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode, Function
from orchestrator.memory_safety.fixer.reading.teardown import (
    calls_some_base,
    calls_super,
    collects,
    does_more_than_collect,
    leaves_early,
    never_runs,
    signature,
    why_not_appendable,
)
from orchestrator.memory_safety.fixer.rules.analysis import Analysis, NewTeardown, Work
from orchestrator.memory_safety.fixer.rules.asked import ClassSelector
from orchestrator.memory_safety.fixer.rules.making import makes_it_anew, why_made_elsewhere


class TeardownRules:
    """Fills an analysis with the teardowns that are missing, and with those nobody can judge."""

    def __init__(self, analysis: Analysis, asked: ClassSelector) -> None:
        """Judge the classes of the analysed module, of which `asked` says what is asked."""
        self._analysis = analysis
        self._module = analysis.module
        self._asked = asked
        self._collected = asked.collected
        self._judged: set[ClassNode] = set()

    def judge(self, at: ClassNode) -> None:
        """See to it that `at` collects after each test: by itself, or through its first base."""
        if at in self._judged:
            return
        self._judged.add(at)
        name = self._collected.teardown_name(at)
        if reason := why_made_elsewhere(at, self._module, name):
            self._analysis.refuse(at, reason, "MS005")
            return
        if not self._judge_own(at, name):
            self._judge_inherited(at, name)

    def _judge_own(self, at: ClassNode, name: str) -> bool:
        """Judge the teardown that `at` itself defines; False where it defines none."""
        own = at.definitions(name)
        if at.binds_otherwise(name):
            reason = f"{name} is assigned, imported or defined under a condition"
            self._analysis.refuse(at, reason, "MS005")
        elif len(own) > 1:
            reason = f"{name} is defined twice; the one on line {own[0].lineno} is dead"
            self._analysis.refuse(at, reason, "MS005")
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
            if not isinstance(base, Inside) or not (hidden := base.at.definitions(function.name)):
                continue
            if does_more_than_collect(hidden[-1]):
                text = f"{function.name} hides that of {base.at.qualname}, which it does not call"
                self._analysis.note(at, text, "MS005")
            return

    def _collects_by_pytest_hook(self, at: ClassNode) -> bool:
        """pytest calls a `teardown_method` of a TestCase too: one that collects is enough."""
        return any(self._collects(self._module, f) for f in at.definitions("teardown_method"))

    def _judge_method(self, owner: Inside, function: Function) -> None:
        """See to it that this teardown of this file collects."""
        if never_runs(function):
            self._analysis.refuse(owner.at, f"{function.name} {why_not_appendable(function, '')}")
            return
        if self._is_enough(owner, function):
            return
        if calls_super(function) and self._base_collects(owner.at, function.name):
            return
        if reason := why_not_appendable(function, self._analysis.collect_name):
            self._analysis.refuse(owner.at, f"{function.name} {reason}")
            return
        work = self._analysis.work.setdefault(owner.at.ordinal, Work())
        work.append_to = function.name
        work.wraps = leaves_early(function)
        if self._must_clear(owner.at):
            if function.decorator_list or not function.args.args:
                self._analysis.refuse(owner.at, f"{function.name} has no instance to clear")
            else:
                work.clears = function.args.args[0].arg

    def _must_clear(self, at: ClassNode) -> bool:
        """Whether `clear_instance` applies; not in a TestCase, which needs its attributes."""
        return self._analysis.options.clear_instance and not self._collected.is_test_case(at)

    def _is_enough(self, owner: Inside, function: Function) -> bool:
        """Whether a teardown does all that is asked for."""
        if not self._collects(owner.module, function):
            return False
        if not self._must_clear(owner.at):
            return True
        names = [argument.arg for argument in function.args.args[:1]]
        return collects(function, {f"{name}.__dict__.clear" for name in names})

    def _judge_inherited(self, at: ClassNode, name: str) -> None:
        if loses_a_teardown(self._module, at, name):
            reason = f"two of its bases define {name}, and only one of them is called"
            self._analysis.refuse(at, reason)
            return
        pending: Inside | None = None
        for base in self._bases(at):
            if isinstance(base, Outside):
                if self._add_over_outside(at, name, base):
                    return
            elif base.at.binds_otherwise(name):
                where = f"{base.module.path.name}:{base.at.node.lineno}"
                self._analysis.refuse(at, f"its base ({where}) assigns or imports {name}")
                return
            elif definitions := base.at.definitions(name):
                if pending is not None and does_more_than_collect(definitions[-1]):
                    reason = f"{_place(pending)} is to get a {name}, and would hide {_place(base)}"
                    self._analysis.refuse(at, reason)
                    return
                self._judge_defined_in_base(at, base, definitions[-1])
                return
            elif self._asked_in(base).gets_teardown(base.at, name):
                if base.module is self._module:
                    self.judge(base.at)  # gets one of its own, which `at` then inherits
                    return
                pending = pending or base
        self._add(at, NewTeardown(name))

    def _asked_in(self, base: Inside) -> ClassSelector:
        return self._asked if base.module is self._module else self._asked.of(base.module)

    def _add_over_outside(self, at: ClassNode, name: str, base: Outside) -> bool:
        """Settle what a base outside the repository means; False where it means nothing."""
        if base.is_harmless:
            return False
        if self._collected.is_test_case(at):  # super() has one to call, whatever this base defines
            self._add(at, NewTeardown(name, calls_super=True))
        else:
            reason = f"its base {base.name} {base.why} and may define {name}"
            self._analysis.refuse(at, reason)
        return True

    def _judge_defined_in_base(self, at: ClassNode, base: Inside, function: Function) -> None:
        if base.module is self._module and not self._asked.is_ignored(base.at):
            self._judge_method(base, function)
            return
        if self._is_enough(base, function):
            return
        if (like := signature(function)) is None:
            where = f"{base.module.path.name}:{function.lineno}"
            reason = f"cannot override {function.name} of its base ({where}) safely"
            self._analysis.refuse(at, reason)
        else:
            new = NewTeardown(function.name, like.parameters, like.arguments, calls_super=True)
            self._add(at, new)

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
        if teardown.calls_super and (maker := makes_it_anew(at, self._module)):
            reason = f"{maker} makes the class anew, where super() without arguments fails"
            self._analysis.refuse(at, reason)
            return
        if self._must_clear(at):
            teardown = replace(teardown, clears=True)
        self._analysis.work.setdefault(at.ordinal, Work()).new_teardown = teardown


def _place(base: Inside) -> str:
    return f"{base.at.qualname} ({base.module.path.name}:{base.at.node.lineno})"
