"""What the rules say of a file: what each class lacks, what is refused, what is worth a word."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property

from orchestrator.memory_safety.fixer.reading.mocks import MockUse, use_of
from orchestrator.memory_safety.fixer.reading.module import Module
from orchestrator.memory_safety.fixer.reading.names import PatternNames
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode
from orchestrator.memory_safety.fixer.values.findings import Finding, Severity
from orchestrator.memory_safety.fixer.values.options import Grouping, Options


@dataclass(frozen=True, slots=True)
class NewTeardown:
    """A teardown to be written: its name, its parameters after `self`, whether it calls super.

    `arguments` are those it gives to its base's.
    """

    name: str
    parameters: str = ""
    arguments: str = ""
    calls_super: bool = False
    clears: bool = False


@dataclass(slots=True)
class Work:
    """What one class lacks.

    `append_to` is a teardown it has; with `wraps` that leaves early, and its body goes into a
    `try`. `clears` is the instance it is to empty as well.
    """

    add_mark: bool = False
    add_skip: bool = False
    new_teardown: NewTeardown | None = None
    append_to: str | None = None
    wraps: bool = False
    clears: str | None = None

    def __bool__(self) -> bool:
        adds = self.add_mark or self.add_skip
        return adds or self.new_teardown is not None or self.append_to is not None


@dataclass
class Analysis:
    """What a file lacks: per class (by ordinal), with what a person must decide and should know."""

    options: Options
    module: Module
    work: dict[int, Work] = field(default_factory=dict)
    uses_gc_unimported: bool = False
    groups: set[str] = field(default_factory=set)
    """The groups that its classes are in, or will be."""
    refusals: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    @property
    def names(self) -> PatternNames:
        """Under which names the file reaches what the pattern needs."""
        return self.module.names

    @property
    def tree(self) -> ast.Module:
        """The file as it was parsed."""
        return self.module.tree

    @cached_property
    def mocks(self) -> MockUse:
        """What in the file means mocks."""
        return use_of(self.module)

    @property
    def group(self) -> str:
        """The group of the file's classes, or what those of its classes begin with."""
        return self.options.group

    def group_of(self, at: ClassNode) -> str:
        """The group a class is given."""
        if self.options.grouping is Grouping.CLASS:
            return f"{self.group}_{at.qualname.replace('.', '_')}"
        return self.group

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
    def needs_os_import(self) -> bool:
        """Whether a skip will be added and no module-level import offers `os`."""
        return self.names.os is None and self.needs_skip

    @property
    def needs_skip(self) -> bool:
        """Whether a class will be skipped under xdist."""
        return any(work.add_skip for work in self.work.values())

    @property
    def missing_imports(self) -> list[str]:
        """The modules that must be imported for what will be added."""
        needed = {
            "gc": self.needs_gc_import,
            "os": self.needs_os_import,
            "pytest": self.needs_pytest_import,
        }
        return [name for name, is_needed in needed.items() if is_needed]

    @property
    def needs_mark(self) -> bool:
        """Whether a mark will be added somewhere."""
        return any(work.add_mark or work.add_skip for work in self.work.values())

    @property
    def collect_name(self) -> str:
        """The name a call that collects begins with."""
        return (self.names.collect or "gc").partition(".")[0]

    def refuse(self, at: ClassNode, reason: str, code: str = "MS002") -> None:
        """The file needs a person, because of the class `at`."""
        self.refusals.append(f"{at.qualname} (line {at.node.lineno}): {reason}")
        line, column = at.node.lineno, at.node.col_offset + 1
        found = Finding(line, column, code, at.qualname, reason, Severity.ERROR, by_hand=True)
        self.findings.append(found)

    def refuse_file(self, reason: str, code: str) -> None:
        """The file needs a person, whatever class is looked at."""
        self.refusals.append(reason)
        self.findings.append(Finding(1, 1, code, "", reason, Severity.ERROR, by_hand=True))

    def note(self, at: ClassNode, text: str, code: str | None = None) -> None:
        """Something worth a word; with a code it is a warning of the check as well."""
        self.notes.append(f"{at.qualname} (line {at.node.lineno}): {text}")
        if code is not None:
            self.find(at, code, text, Severity.WARNING)

    def find(
        self, at: ClassNode, code: str, message: str, level: Severity = Severity.ERROR
    ) -> None:
        """Add a finding of the check about the class `at`."""
        line, column = at.node.lineno, at.node.col_offset + 1
        self.findings.append(Finding(line, column, code, at.qualname, message, level))


def skip_condition(names: PatternNames) -> str:
    """Whether the tests run in a worker of xdist: a bool, since a string is taken for code."""
    return f'{names.os or "os"}.environ.get("PYTEST_XDIST_WORKER") is not None'


def skip_mark(analysis: Analysis) -> str:
    """The decorator that keeps a class out of xdist's workers, without its `@`."""
    mark = f"{analysis.names.mark or 'pytest.mark'}.skipif"
    return f'{mark}({skip_condition(analysis.names)}, reason="not under pytest-xdist: runs alone")'
