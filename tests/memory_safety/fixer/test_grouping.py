"""One group for a file, or one for each class: what is written, and that it settles."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.fixers.outcome import Edit, NoChange, Source
from orchestrator.memory_safety.fixer import FIXER
from orchestrator.memory_safety.fixer.values.options import problems

TWO = """\
class TestOne:
    def test(self): ...


class TestTwo:
    class TestInner:
        def test(self): ...


class TestThree(TestOne):
    pass
"""


@pytest.mark.parametrize("text", [TWO, TWO.replace("class TestOne:\n", "class TestOne: #\n")])
def test_each_class_has_a_group_of_its_own(tmp_path: Path, text: str) -> None:
    options = {"grouping": "class"}
    found = FIXER.fix(Source("test_a.py", text.encode(), options), tmp_path)
    assert isinstance(found, Edit)
    marks = [line for line in found.data.decode().splitlines() if "xdist_group" in line]
    assert marks == [
        '@pytest.mark.xdist_group(name="a_tests_TestOne")',
        '@pytest.mark.xdist_group(name="a_tests_TestTwo")',
    ]
    assert isinstance(FIXER.fix(Source("test_a.py", found.data, options), tmp_path), NoChange)


def test_a_grouping_that_means_nothing_is_told() -> None:
    assert list(problems("test_a.py", {"grouping": "module"})) == [
        "grouping is 'module'; it can be 'file' or 'class'"
    ]
