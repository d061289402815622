"""Every example is run as its README says, on files of the test's own."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from support import SampleRepo, make_repo

EXAMPLES = Path(__file__).parents[1] / "examples"
CART = """\
import unittest
from typing import List

from shop.cart import total


class TestCart(unittest.TestCase):
    def test_total(self):
        prices: List[int] = [1, 2]
        self.assertEqual(total(prices), 3, "the sum")
        self.assertTrue(total([5]) > total([]) or total([]))
        self.assertIn(total(
            prices
        ), [3])
        self.assertIsNone({}.get(1))
        with self.assertRaises(TypeError):
            total(1)
        with self.assertRaises(TypeError) as caught:
            total(2)
        self.assertIsInstance(caught.exception, TypeError)
        self.assertAlmostEqual(total([0.1, 0.2]), 0.3)
"""
ASSERTED = """\
        assert total(prices) == 3, "the sum"
        assert total([5]) > total([]) or total([])
        assert (total(
            prices
        ) in [3])
        assert {}.get(1) is None
        with pytest.raises(TypeError):
            total(1)
        with self.assertRaises(TypeError) as caught:
            total(2)
        assert isinstance(caught.exception, TypeError)
        self.assertAlmostEqual(total([0.1, 0.2]), 0.3)
"""


def project(top: Path, example: str) -> SampleRepo:
    files = {
        ".gitignore": "__pycache__/\n",
        "conftest.py": "",
        "shop/__init__.py": "",
        "shop/cart.py": "from typing import List\n\n\ndef total(prices: List[int]) -> int:\n    return sum(prices)\n",
        "tests/test_cart.py": CART,
        "tests/test_orders.py": "def test_orders():\n    assert 1 + 1 == 2\n",
    }
    made = make_repo(top, files)
    shutil.copytree(EXAMPLES / example, top, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "README.md"))  # fmt: skip
    made.commit("the example")
    return made


def test_the_codemod_turns_unittest_into_assert(tmp_path: Path) -> None:
    repo = project(tmp_path / "r", "assert-codemod")
    ended = repo.run("next-batch", "--all", "--trust", "--python", sys.executable)
    assert ended.code == 0, ended.err
    text = repo.read("tests/test_cart.py")
    assert ASSERTED in text
    assert "import pytest" in text
    assert repo.run("check", "--phase", "asserts", "--python", sys.executable).code == 0
    assert repo.run("undo", "batch-1", "--python", sys.executable).code == 0
    assert repo.read("tests/test_cart.py") == CART


def test_ruffs_rules_land(tmp_path: Path) -> None:
    repo = project(tmp_path / "r", "ruff-rules")
    assert repo.run("check", "--phase", "modern", "--trust", "--python", sys.executable).code == 1
    ended = repo.run("next-batch", "--all", "--python", sys.executable)
    assert ended.code == 0, ended.err
    assert "prices: list[int]" in repo.read("shop/cart.py")
    assert repo.run("check", "--phase", "modern", "--python", sys.executable).code == 0


@pytest.mark.parametrize("example", ["assert-codemod", "ruff-rules", "ladder"])
def test_each_plan_is_valid(example: str, tmp_path: Path) -> None:
    ended = project(tmp_path / "r", example).run("validate")
    assert ended.code == 0, ended.err


def test_each_example_is_listed() -> None:
    folders = {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
    assert all(f"]({name})" in (EXAMPLES / "README.md").read_text() for name in folders)
