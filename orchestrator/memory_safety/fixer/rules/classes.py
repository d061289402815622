"""The one predicate: which classes pytest collects here, and what each of them still lacks."""

from __future__ import annotations

import ast
from pathlib import Path

from orchestrator.fixers.outcome import Source
from orchestrator.memory_safety.fixer.reading import marks
from orchestrator.memory_safety.fixer.reading.collected import may_be_test_case, why_not_collected
from orchestrator.memory_safety.fixer.reading.module import Inside, Module, Parsed
from orchestrator.memory_safety.fixer.reading.pragmas import why_left_alone
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode
from orchestrator.memory_safety.fixer.rules.analysis import Analysis, skip_condition
from orchestrator.memory_safety.fixer.rules.asked import ClassSelector
from orchestrator.memory_safety.fixer.rules.heirs import refuse_for_heirs
from orchestrator.memory_safety.fixer.rules.marks import MarkRules
from orchestrator.memory_safety.fixer.rules.nested import why_no_new_teardown
from orchestrator.memory_safety.fixer.rules.teardowns import TeardownRules
from orchestrator.memory_safety.fixer.values.findings import Finding, Severity
from orchestrator.memory_safety.fixer.values.groups import group_problem
from orchestrator.memory_safety.fixer.values.options import options_of


def analyse(
    source: Source, top: Path, parsed: Parsed | None = None, *, asks_heirs: bool = False
) -> Analysis:
    """What `source` lacks of the pattern.

    With `asks_heirs`, every test file of the repository is looked at for classes that derive from
    one here: before an edit is made, not in a hook. `parsed` must then be new.

    Only the standard library's parser is used: `status`, the fixer and the validator all ask here.
    `parsed` holds other files of the repository from one call to the next, as long as none changes.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: this interpreter cannot read it.
    """
    tree = ast.parse(source.data, filename=source.path)
    cache = Parsed() if parsed is None else parsed
    module = Module(top / source.path, top, source.data, tree, cache)
    if asks_heirs:
        cache.modules[module.path] = module  # so that other files derive from the classes here
    analysis = Analysis(options_of(source.path, source.options), module)
    asked = ClassSelector(module, analysis.options, analysis.mocks)
    if not asked.settings.collects_file(source.path):
        analysis.notes.append("not collected: the name does not match python_files")
    elif reason := why_left_alone(source):
        analysis.notes.append(f"left alone: {reason}")
    else:
        _ClassJudge(analysis, asked).judge()
        if asks_heirs:
            refuse_for_heirs(analysis, asked)
    return analysis


def may_hold_classes(data: bytes) -> bool:
    """Whether a look at the bytes leaves it open that there is a class; UTF-16 has zeros."""
    return b"class" in data or b"\0" in data


class _ClassJudge:
    """Fills an analysis, class by class."""

    def __init__(self, analysis: Analysis, asked: ClassSelector) -> None:
        self._analysis = analysis
        self._asked = asked
        self._module = analysis.module
        self._collected = asked.collected
        self._marks = MarkRules(analysis, asked)
        self._teardowns = TeardownRules(analysis, asked)

    def judge(self) -> None:
        seen: dict[str, ClassNode] = {}
        for at in self._module.classes:
            if at.in_function:
                continue
            if at.outer is None and at.node.name in seen and self._collected.has_tests_below(at):
                dead = seen[at.node.name].node.lineno
                text = f"replaces the class of the same name on line {dead}, which never runs"
                self._analysis.note(at, text)
            seen[at.node.name] = at if at.outer is None else seen.get(at.node.name, at)
            self._judge_class(at)
        self._tell_imported()
        self._refuse_nested()
        self._tell_work()
        self._refuse_group()
        self._refuse_rebound()

    def _judge_class(self, at: ClassNode) -> None:
        note = self._analysis.note
        if not self._collected.has_tests_below(at):
            if reason := why_not_collected(self._collected, at):
                note(at, reason)
            elif base := may_be_test_case(self._collected, at):
                note(at, f"may be a TestCase: {base.name} {base.why}; not looked at", "MS002")
        elif self._asked.is_ignored(at):
            note(at, "left alone: it says `# memory-safety: ignore`")
        elif self._asked.is_excused(at):
            note(at, "left alone: its tests cannot touch a mock; with require `all` it is asked")
        else:
            self._marks.judge(at)
            if self._collected.has_tests(at):
                self._teardowns.judge(at)

    def _tell_imported(self) -> None:
        """Test classes that pytest collects here and that stand where no file is collected.

        Only names that say so: every other import would have its module parsed for it.
        """
        if not self._asked.settings.imported:
            return
        for statement in self._module.tree.body:
            for name in _imported_names(statement):
                if "Test" not in name and not self._asked.settings.collects_class(name):
                    continue
                meant = self._module.resolved(name)
                if isinstance(meant, Inside) and meant.module is not self._module:
                    self._tell_one_imported(statement, name, meant)

    def _tell_one_imported(self, statement: ast.stmt, name: str, meant: Inside) -> None:
        other = self._asked.of(meant.module)
        if other.settings.collects_file(other.path) or not other.collected.has_tests(meant.at):
            return
        if not marks.groups_of_class(meant.at, meant.module):
            where = f"{other.path}:{meant.at.node.lineno}"
            text = f"{name} is collected here and defined in {where}, which no fixer edits"
            self._analysis.notes.append(f"line {statement.lineno}: {text}")
            column = statement.col_offset + 1
            self._analysis.findings.append(
                Finding(statement.lineno, column, "MS001", name, text, Severity.WARNING)
            )

    def _refuse_nested(self) -> None:
        """A new teardown of an outer class concerns the classes nested in it."""
        for at in self._module.classes:
            work = self._analysis.work.get(at.ordinal)
            new = work.new_teardown if work else None
            if new and new.name == "teardown_method" and not new.calls_super:
                alone = {c for c in self._module.classes if self._asked.is_ignored(c)}
                if reason := why_no_new_teardown(at, self._module, self._collected, alone):
                    self._analysis.refuse(at, reason)

    def _tell_work(self) -> None:
        """A finding for everything that will be added."""
        find = self._analysis.find
        classes = {at.ordinal: at for at in self._module.classes}
        for ordinal, work in self._analysis.work.items():
            at = classes[ordinal]
            if work.add_mark:
                mark = self._analysis.names.mark or "pytest.mark"
                find(at, "MS001", f'add @{mark}.xdist_group(name="{self._analysis.group_of(at)}")')
            if work.add_skip:
                condition = skip_condition(self._analysis.names)
                find(at, "MS006", f"add @pytest.mark.skipif({condition}, reason=...)")
            collect = f"{self._analysis.names.collect or 'gc.collect'}()"
            if work.clears or (work.new_teardown and work.new_teardown.clears):
                collect = f"self.__dict__.clear() and {collect}"
            if work.new_teardown:
                find(at, "MS002", f"add a {work.new_teardown.name} that calls {collect}")
            elif work.append_to:
                find(at, "MS002", f"let {work.append_to} call {collect}")
        if self._analysis.uses_gc_unimported and self._analysis.names.collect is None:
            self._analysis.findings.append(
                Finding(1, 1, "MS003", "", "add import gc at module level", Severity.ERROR)
            )

    def _refuse_group(self) -> None:
        """A name that is derived from the file's may be none that a node id can carry."""
        problem = group_problem(self._analysis.group)
        if problem and any(work.add_mark for work in self._analysis.work.values()):
            reason = f"{problem}; give it another group"
            self._analysis.refuse_file(reason, "MS001")

    def _refuse_rebound(self) -> None:
        analysis = self._analysis
        names = analysis.names
        used = {analysis.collect_name: names.rebound} if analysis.needs_collect else {}
        if analysis.needs_mark:
            used[(names.mark or "pytest").partition(".")[0]] = names.rebound_outside
        if analysis.needs_skip:
            used[names.os or "os"] = names.rebound_outside
        for name, rebound in sorted(used.items()):
            if name in rebound or name.startswith("__"):
                reason = f"the name {name} also means something else in this file"
                code = "MS003" if name == analysis.collect_name else "MS001"
                analysis.refuse_file(reason, code)


def _imported_names(statement: ast.stmt) -> list[str]:
    if not isinstance(statement, ast.ImportFrom):
        return []
    return [alias.asname or alias.name for alias in statement.names if alias.name != "*"]
