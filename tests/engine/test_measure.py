"""`measure: memory`: what a batch's tests hold before and after, beside what was estimated."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support import PYPROJECT, SampleRepo, make_repo

ON_SELF = """\
from unittest.mock import MagicMock


class TestKeeps:
    def test_one(self):
        self.mock, self.payload = MagicMock(), bytearray(b"x" * 30 * 2**20)

    def test_two(self):
        self.mock, self.payload = MagicMock(), bytearray(b"x" * 30 * 2**20)

    def test_three(self):
        self.mock, self.payload = MagicMock(), bytearray(b"x" * 30 * 2**20)
"""
PLAN = """\
version: 1
name: sample
title: memory safety
measures:
  memory: {title: Memory, label: Memory impact, unit: GB, estimate: true}
verify: {measure: memory, measure_runs: 1}
phases:
  - id: first
    title: first things
    priority: high
    fixer: memory-safety
    options: {clear_instance: true}
    batches:
      - id: one
        title: Batch one
        targets: [{path: tests/test_a.py, expect: {memory: 30}}]
      - id: two
        title: Batch two
        targets: [{path: tests/test_b.py, expect: {memory: 10}}]
"""


@pytest.fixture
def repo(tmp_path: Path) -> SampleRepo:
    files = {
        "pyproject.toml": PYPROJECT,
        ".gitignore": "__pycache__/\n.pytest_cache/\n",
        "tests/test_a.py": ON_SELF,
        "tests/test_b.py": ON_SELF.replace("TestKeeps", "TestOther"),
    }
    return make_repo(tmp_path / "repo", files, plan=PLAN)


def record(repo: SampleRepo) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(repo.read("reports/first/one.json"))
    return found


def test_a_batch_records_what_its_tests_held(repo: SampleRepo) -> None:
    ended = repo.run("next-batch", "--python", sys.executable)
    assert ended.code == 0, ended
    (memory,) = record(repo)["memory"]
    assert memory["files"] == ["tests/test_a.py"]
    assert memory["workers"] == 0
    assert memory["before_mib"][0] - memory["after_mib"][0] > 40
    message = repo.git.text("show", "-s", "--format=%B", "HEAD")
    peaks = f"{memory['before_mib'][0]} to {memory['after_mib'][0]} MiB"
    assert "Memory impact, estimated: ~30 GB of ~40 GB in First." in message
    assert f"Memory, measured: {peaks} (1 run of each side, one process)." in message
    assert repo.changes == ""
    assert "TestKeeps" in repo.read("tests/test_a.py")
    assert "xdist_group" in repo.read("tests/test_a.py")


def test_what_was_measured_stands_beside_what_was_estimated(repo: SampleRepo) -> None:
    before = repo.run("status")
    assert "Memory (estimate)" in before.out
    assert "measured" not in before.out
    repo.run("next-batch", "--python", sys.executable)
    (memory,) = record(repo)["memory"]
    saved = memory["before_mib"][0] - memory["after_mib"][0]
    shown = repo.run("status")
    assert "Memory (measured)" in shown.out
    assert f"-{saved} MiB (1 batch)" in shown.out
    rate = saved / (30e9 / 2**20)
    left = round(10 * rate * 1e9 / 2**20)
    assert f"what is left, ~10 GB, is ~{left} MiB at the measured rate" in shown.out
    phase = json.loads(repo.run("status", "--json").out)["phases"][0]
    assert phase["memory_saved_mib"] == saved
    assert "Memory \\(measured\\)" in repo.run("status", "--markdown").out or (
        "Memory (measured)" in repo.run("status", "--markdown").out
    )
    assert "MiB (1 run of each side, one process), measured" in repo.run("show", "first/one").out
    assert repo.run("report").code == 0
    page = (repo.top / "reports/report.html").read_text("utf-8")
    assert f"-{saved} MiB (1 batch), measured" in page
    assert "at the measured rate" in page
    assert f"-{saved} MiB" in (repo.top / "reports/report.md").read_text("utf-8")


def test_what_cannot_be_measured_does_not_hold_a_batch_up(repo: SampleRepo) -> None:
    """The tests pass in the gate, and say nothing in the run that measures."""
    repo.write("tests/conftest.py", (
        "import os, pytest\n"
        "def pytest_collection_modifyitems(items):\n"
        "    if 'orchestrate_memory' in __import__('sys').modules: pytest.exit('not here')\n"
    ))  # fmt: skip
    repo.commit()
    ended = repo.run("next-batch", "--python", sys.executable)
    assert ended.code == 0, ended
    assert "memory was not measured: no test ran in tests/test_a.py" in ended.err
    assert "memory" not in record(repo)
    assert "xdist_group" in repo.read("tests/test_a.py")


def test_a_second_run_keeps_what_the_first_one_measured(repo: SampleRepo) -> None:
    plan = repo.read("migration_plan.yaml")
    both = plan.replace(
        "[{path: tests/test_a.py, expect: {memory: 30}}]",
        "[{path: tests/test_a.py}, {path: tests/test_c.py}]",
    )
    repo.write("migration_plan.yaml", both)
    repo.write(
        "tests/test_c.py",
        ON_SELF.replace("TestKeeps", "TestLate")
        + "\n    def teardown_method(self, *x): ...\n    teardown_method = None\n",
    )
    repo.commit()
    repo.run("next-batch", "--python", sys.executable)
    assert [one["files"] for one in record(repo)["memory"]] == [["tests/test_a.py"]]
    repo.write("tests/test_c.py", ON_SELF.replace("TestKeeps", "TestLate"))
    repo.commit()
    repo.run("next-batch", "--python", sys.executable)
    assert [one["files"] for one in record(repo)["memory"]] == [
        ["tests/test_a.py"], ["tests/test_c.py"],
    ]  # fmt: skip


def test_a_plan_may_only_ask_for_what_can_be_measured(repo: SampleRepo) -> None:
    repo.write("migration_plan.yaml", PLAN.replace("measure: memory", "measure: time"))
    ended = repo.run("validate")
    assert ended.code == 2
    assert "measure" in ended.err
