"""Modules nobody wrote, and those of Python's own tests: never a crash, never a changed line."""

from __future__ import annotations

import ast
import tempfile
import warnings
from pathlib import Path
from random import Random

import hypothesmith
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import Edit, NoChange, Refusal, outcome_of

from orchestrator.fixers.outcome import Source
from orchestrator.memory_safety.fixer.check import findings
from orchestrator.memory_safety.fixer.values.findings import Severity

CLASSES = [
    "class TestA:\n    def test(self): ...\n",
    "class TestA:\n    def teardown_method(self, method):\n        x = 1\n    def test(self): ...\n",
    "class TestA:\n\tclass TestB:\n\t\tdef test(self): ...\n",
    "import unittest\nclass TestA(unittest.TestCase):\n    def test(self): ...\n",
    "class Base:\n    def teardown_method(self): ...\nclass TestA(Base):\n    def test(self): ...\n",
]


def agreed(text: str | bytes, top: Path) -> None:
    """What holds of every file: an outcome, old lines in their order, check and fixer of one mind."""
    outcome = outcome_of(text, top=top)
    data = text if isinstance(text, bytes) else text.encode()
    errors = has_errors(data, top)
    match outcome:
        case Edit(_, edited):
            rest = iter(edited.splitlines())
            opened = {
                line for line in data.splitlines() if b":" in line
            }  # `def f(): x` is opened up
            assert all(line in opened or line in rest for line in data.splitlines())
            assert errors
            assert not has_errors(edited, top)
            assert isinstance(outcome_of(edited, top=top), NoChange)
        case NoChange():
            assert not errors
        case Refusal(_, reason):
            assert reason


def has_errors(data: bytes, top: Path) -> bool:
    (top / "tests/test_it.py").write_bytes(data)
    found = findings(Source("tests/test_it.py", data, {"group": "g"}), top)
    return any(finding.level is Severity.ERROR for finding in found)


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(module=hypothesmith.from_node(), tail=st.sampled_from(CLASSES))
def test_case_74_generated_modules(module: str, tail: str) -> None:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agreed(f"{module}\n{tail}", Path(folder))


def own_tests() -> list[Path]:
    """A sample of the files Python tests itself with; none where they are not installed."""
    folder = Path(ast.__file__).parent / "test"
    files = sorted(folder.glob("test_*.py"))
    return Random(7).sample(files, min(20, len(files)))


@pytest.mark.parametrize("path", own_tests(), ids=lambda path: path.name)
def test_case_74_pythons_own_tests(path: Path, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agreed(path.read_bytes(), tmp_path)
