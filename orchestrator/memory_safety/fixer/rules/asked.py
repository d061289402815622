"""Which classes of a module are asked for the pattern, and which are left as they are."""

from __future__ import annotations

from functools import cached_property

from orchestrator.fixers.outcome import Source
from orchestrator.memory_safety.fixer.reading import marks
from orchestrator.memory_safety.fixer.reading.collected import Collected
from orchestrator.memory_safety.fixer.reading.mocks import MockUse, use_of
from orchestrator.memory_safety.fixer.reading.module import Module
from orchestrator.memory_safety.fixer.reading.pragmas import ignored_lines, why_left_alone
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode
from orchestrator.memory_safety.fixer.rules.nested import is_below
from orchestrator.memory_safety.fixer.values.options import Options, Require
from orchestrator.project.pytest_config import settings_for


class ClassSelector:
    """Answers for the classes of one module, under the options of the file that is analysed."""

    def __init__(self, module: Module, options: Options, mocks: MockUse) -> None:
        """Look at `module` through the settings of the project it is in."""
        self.path = module.path.relative_to(module.top).as_posix()
        self.settings = settings_for(module.top, self.path)
        self.collected = Collected(module, self.settings)
        self._module = module
        self._options = options
        self._mocks = mocks
        self._ignored = ignored_lines(module.data)
        self._others: dict[Module, ClassSelector] = {}

    def of(self, module: Module) -> ClassSelector:
        """The same questions about another module, under the same options."""
        if module not in self._others:
            self._others[module] = ClassSelector(module, self._options, use_of(module))
        return self._others[module]

    def is_ignored(self, at: ClassNode) -> bool:
        """Whether a pragma stands on the header of a class or right above it."""
        first = min([at.node.lineno, *(d.lineno for d in at.node.decorator_list)])
        header = range(first - 1, at.node.body[0].lineno)
        return not self._ignored.isdisjoint(header)

    def is_excused(self, at: ClassNode) -> bool:
        """Whether only classes that can touch a mock are asked, and this one cannot."""
        if self._options.require is Require.ALL:
            return False
        outermost = at
        while outermost.outer is not None:  # a class and those nested in it are asked together
            outermost = outermost.outer
        nest = [outermost, *(c for c in self._module.classes if is_below(c, outermost))]
        return not any(self._mocks.touches(c) for c in nest)

    def will_be_marked(self, at: ClassNode) -> bool:
        """Whether a class without a group is to get one in this file, and hand it down."""
        if at.outer is not None or marks.groups_of_module(self._module):
            return False
        return self.collected.has_tests_below(at) and self._is_asked(at)

    def gets_teardown(self, at: ClassNode, name: str) -> bool:
        """Whether a class is to have a teardown of this name, which its derived classes inherit."""
        if not self.collected.has_tests(at) or self.collected.teardown_name(at) != name:
            return False
        return self._is_asked(at)

    def _is_asked(self, at: ClassNode) -> bool:
        return self._is_file_asked and not (self.is_ignored(at) or self.is_excused(at))

    @cached_property
    def _is_file_asked(self) -> bool:
        source = Source(self.path, self._module.data)
        return self.settings.collects_file(self.path) and why_left_alone(source) is None
