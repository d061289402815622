"""A new teardown must not hide one that a class of another file has now."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.fixers.outcome import Edit, Outcome, Refusal, Source
from orchestrator.memory_safety.fixer import FIXER

BASE = "class TestBase:\n    def test_base(self): ...\n"
MIXIN = "class Mixin:\n    def teardown_method(self):\n        self.closed = True\n\n\n"
HEIR = MIXIN + "class TestHeir(TestBase, Mixin):\n    def test(self): ...\n"


def fixed(top: Path, path: str) -> Outcome:
    return FIXER.fix(Source(path, (top / path).read_bytes()), top)


def files(top: Path, **texts: str) -> None:
    for name, text in texts.items():
        (top / f"{name}.py").write_text(text)


@pytest.mark.parametrize(
    "imports",
    [
        pytest.param("from test_base import TestBase\n\n\n", id="by name"),
        pytest.param(
            "from test_base import TestBase as Root\n\n\nTestBase = Root\n\n\n", id="another name"
        ),
    ],
)
def test_both_files_are_refused(tmp_path: Path, imports: str) -> None:
    files(tmp_path, test_base=BASE, test_heir=imports + HEIR)
    base, heir = fixed(tmp_path, "test_base.py"), fixed(tmp_path, "test_heir.py")
    assert isinstance(base, Refusal)
    assert "it would hide that of Mixin, which TestHeir inherits (test_heir.py:" in base.reason
    assert isinstance(heir, Refusal)


def test_an_alias_in_the_list_of_bases_is_looked_through(tmp_path: Path) -> None:
    text = "from test_base import TestBase as Root\n\n\n" + HEIR.replace("TestBase", "Root")
    files(tmp_path, test_base=BASE, test_heir=text)
    assert isinstance(fixed(tmp_path, "test_base.py"), Refusal)


def test_a_call_with_arguments_would_break(tmp_path: Path) -> None:
    heir = (
        "from test_base import TestBase\n\n\nclass TestHeir(TestBase):\n"
        "    def teardown_method(self, method):\n"
        "        super().teardown_method(method)\n\n    def test(self): ...\n"
    )
    files(tmp_path, test_base=BASE, test_heir=heir)
    found = fixed(tmp_path, "test_base.py")
    assert isinstance(found, Refusal)
    assert "calls its base's with arguments" in found.reason


@pytest.mark.parametrize(
    "heir",
    [
        pytest.param("class TestHeir(TestBase):\n    def test(self): ...\n", id="no mixin"),
        pytest.param(
            MIXIN + "class TestHeir(Mixin, TestBase):\n    def test(self): ...\n",
            id="the mixin comes first",
        ),
        pytest.param(
            MIXIN.replace("Mixin:", "Other:") + "class Helper(TestBase, Other):\n    x = 1\n",
            id="no tests are collected of it",
        ),
    ],
)
def test_what_hides_nothing_is_edited(tmp_path: Path, heir: str) -> None:
    text = f"from test_base import TestBase\n\n\n{heir}"
    files(tmp_path, test_base=BASE, test_heir=text)
    assert isinstance(fixed(tmp_path, "test_base.py"), Edit)


def test_a_class_of_the_same_name_elsewhere_is_not_meant(tmp_path: Path) -> None:
    own = "class TestBase:\n    def test(self): ...\n\n\n"
    files(tmp_path, test_base=BASE, test_heir=own + HEIR)
    assert isinstance(fixed(tmp_path, "test_base.py"), Edit)
