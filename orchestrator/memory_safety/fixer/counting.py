"""Counts what a test file holds: classes, tests, mocks and where they live, what is missing."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from orchestrator.fixers.outcome import Source
from orchestrator.memory_safety.fixer.reading.collected import Collected
from orchestrator.memory_safety.fixer.reading.module import (
    UNREADABLE,
    Module,
    Parsed,
    why_unreadable,
)
from orchestrator.memory_safety.fixer.reading.names import dotted
from orchestrator.memory_safety.fixer.reading.syntax import Function
from orchestrator.memory_safety.fixer.rules.advice import advice
from orchestrator.memory_safety.fixer.rules.classes import analyse, may_hold_classes
from orchestrator.memory_safety.fixer.values.facts import ASYNC_MOCK, FileFacts
from orchestrator.memory_safety.fixer.values.findings import Severity
from orchestrator.project.pytest_config import settings_for

if TYPE_CHECKING:
    from orchestrator.memory_safety.fixer.rules.analysis import Analysis

_RELATIVES = {
    ASYNC_MOCK: ASYNC_MOCK, "MagicMock": "MagicMock", "Mock": "Mock", "NonCallableMock": "Mock",
    "NonCallableMagicMock": "MagicMock", "PropertyMock": "Mock", "mock_open": "Mock",
    "patch": "patch", "create_autospec": "autospec",
}  # fmt: skip
_MOCKER = ("mocker", "class_mocker", "module_mocker", "package_mocker", "session_mocker")
_HOME = ("unittest.mock", "mock", "asynctest", "asyncmock")
_MARKS, _TEARDOWNS, _IMPORTS = "marks", "teardowns", "imports"
_PARTS = {"MS001": _MARKS, "MS002": _TEARDOWNS, "MS003": _IMPORTS}


def facts_of(source: Source, top: Path, parsed: Parsed) -> tuple[FileFacts, list[str]]:
    """What `source` holds, and the other files of the repository that were looked at for it."""
    is_conftest = PurePosixPath(source.path).name == "conftest.py"
    if not may_hold_classes(source.data) and not (is_conftest and b"ock" in source.data):
        return FileFacts(source.path), []
    try:
        analysis = analyse(source, top, parsed)
    except UNREADABLE as error:
        text = f"cannot be read as Python: {why_unreadable(error)}"
        return FileFacts(source.path, by_hand=[text]), []
    return _counted(source, top, analysis), analysis.module.looked_at()


def _counted(source: Source, top: Path, analysis: Analysis) -> FileFacts:
    module, mocks = analysis.module, analysis.mocks
    collected = Collected(module, settings_for(top, source.path))
    is_test_file = settings_for(top, source.path).collects_file(source.path)
    classes = [at for at in module.classes if is_test_file and collected.has_tests_below(at)]
    tests = [test for at in classes for test in collected.own_tests(at)]
    errors = [f for f in analysis.findings if f.level is Severity.ERROR]
    missing = Counter(_PARTS[f.code] for f in errors if f.code in _PARTS and not f.by_hand)
    if classes and analysis.missing_imports:
        missing[_IMPORTS] = len(analysis.missing_imports)
    held = Counter(
        _place(f.code, f.subject, f.message) for f in advice(module, mocks, collected)
        if f.code in {"MS007", "MS008"}
    )  # fmt: skip
    return FileFacts(
        source.path,
        classes=len(classes),
        cases=sum(map(collected.is_test_case, classes)),
        touching=sum(map(mocks.touches, classes)),
        methods=len(tests),
        async_methods=sum(isinstance(test, ast.AsyncFunctionDef) for test in tests),
        mocks=dict(Counter(_uses(module))),
        held=dict(held),
        missing=dict(missing),
        groups=sorted(analysis.groups - _planned(analysis)),
        by_hand=[f"line {f.line}: {f.message}" for f in errors if f.by_hand],
    )


def _planned(analysis: Analysis) -> set[str]:
    """The groups that are only to be."""
    marked = {ordinal for ordinal, work in analysis.work.items() if work.add_mark}
    return {analysis.group_of(at) for at in analysis.module.classes if at.ordinal in marked}


def _place(code: str, subject: str, message: str) -> str:
    if code == "MS008":
        return "fixture"
    if not subject:
        return "module"
    return "self" if "keeps the instance" in message else "class"


def _uses(module: Module) -> Iterator[str]:
    """The kind of every use of a mock: a name that is read, a fixture that is asked for."""
    here = {name: kind for name, there in module.all_imports.items() if (kind := _kind(there))}
    homes = {name for name, there in module.all_imports.items() if there in _HOME}
    if any(star in _HOME for star in module.stars):
        here |= _RELATIVES
    for node in module.nodes:
        if isinstance(node, ast.Name):
            if kind := here.get(node.id):
                yield kind
        elif isinstance(node, ast.Attribute):
            base = dotted(node.value) or ""
            if base in homes or base in _MOCKER or base == "unittest.mock":
                yield _RELATIVES.get(node.attr, "Mock" if base in _MOCKER else "")
        elif isinstance(node, ast.keyword):
            if node.arg in {"autospec", "spec_set"}:
                yield "autospec"
        elif isinstance(node, Function):
            names = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            yield from ("fixture" for name in names if name.arg in _MOCKER)


def _kind(there: str) -> str | None:
    """The kind of the thing an import brings, where it comes from a module of mocks."""
    origin, _, name = there.rpartition(".")
    return _RELATIVES.get(name) if origin in _HOME else None
