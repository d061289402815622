"""Files no fixer can work on are refused with their reason, unchanged; the exit code says so."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import FILES, PLAN, make_repo, plan_with, run_cli

TESTS = b"from unittest.mock import Mock\n\n\nclass TestA:\n    def test(self): Mock()\n"

BROKEN = f"{TESTS.decode()}def broken(:\n"
REFUSED = {
    "fault-58 syntax error": (TESTS + b"def broken(:\n", "it is not valid Python"),
    "fault-59 bad cookie": (b"# coding: none-such\n" + TESTS, "encoding"),
    "fault-59 NUL": (TESTS + b"x = 'a\0b'\n", ""),
    "fault-60 a form feed": (TESTS.replace(b"\n\n\n", b"\n\f\n\n"), "form feed"),
    "fault-60 a lone carriage return": (TESTS + b"x = 1\ry = 2\n", ""),
    "fault-61 100,000 parentheses": (TESTS + b"(" * 100_000 + b")" * 100_000, ""),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_fixer_can_work_on_stays_as_it_is(name: str, tmp_path: Path) -> None:
    data, reason = REFUSED[name]
    file = tmp_path / "test_it.py"
    file.write_bytes(data)
    ended = run_cli("fix", "test_it.py", cwd=tmp_path)
    assert ended.code == 1, ended
    assert "test_it.py" in ended.out + ended.err
    assert reason in ended.out + ended.err
    assert "Traceback" not in ended.err
    assert file.read_bytes() == data


def test_fault_59_latin_1_with_its_cookie_works(tmp_path: Path) -> None:
    file = tmp_path / "test_it.py"
    file.write_bytes(b"# coding: latin-1\nX = '\xe9'\n" + TESTS)
    assert run_cli("fix", "test_it.py", cwd=tmp_path).code == 0
    assert b"\xe9" in file.read_bytes()
    assert b"gc.collect()" in file.read_bytes()


def test_fault_58_a_batch_lands_without_the_file_that_is_refused(tmp_path: Path) -> None:
    plan = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_a.py": BROKEN}, plan=plan)
    base = repo.head
    ended = repo.run("next-batch", "--batch", "one", "--python", sys.executable)
    assert ended.code == 1, ended.err
    assert repo.head != base
    assert repo.read("tests/test_a.py") == BROKEN
    assert "tests/test_a.py" in repo.run("unresolved").out


COVERAGE = """\
import pytest


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    session.exitstatus = 1  # as pytest-cov does where a threshold is not reached
"""


def test_fault_84_a_threshold_that_was_not_reached_before_either_is_fine(tmp_path: Path) -> None:
    files = {**FILES, "tests/conftest.py": COVERAGE}
    repo = make_repo(tmp_path / "r", files, plan=plan_with(["tests/test_a.py", "tests/test_b.py"]))
    ended = repo.run("next-batch", "--python", sys.executable)
    assert ended.code == 0, ended.err
    assert repo.changes == ""
