"""A scan counts what each test file holds, ranks it, and looks at nothing twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import run_cli

from orchestrator.memory_safety.fixer.values.facts import FileFacts
from orchestrator.memory_safety.scan.ranking import high_risk, most_methods, priority, ranked
from orchestrator.memory_safety.scan.scan import Survey, survey
from orchestrator.plan.model import Priority

ASYNC = """\
from unittest.mock import AsyncMock, MagicMock, patch

SHARED = MagicMock()


class TestApi:
    def setup_method(self):
        self.client = AsyncMock()

    async def test_one(self):
        assert AsyncMock()

    @patch("json.loads", autospec=True)
    def test_two(self, loads):
        pass

    def helper(self):
        pass


class NotCollected:
    def test_nothing(self): ...


def test_alone():
    pass
"""
CASE = "import unittest\n\n\nclass CaseTests(unittest.TestCase):\n    def test_it(self): ...\n"
PLAIN = "class TestPlain:\n    def test_it(self): ...\n"
CONFTEST = """\
import pytest
from unittest.mock import MagicMock


@pytest.fixture(scope="session")
def wide():
    return MagicMock()
"""


def project(top: Path, **files: str) -> Path:
    (top / "pytest.ini").write_text("[pytest]\n")
    for name, text in files.items():
        path = top / f"{name.replace('__', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return top


def scanned(top: Path) -> Survey:
    return survey([], here=top, top=top)


def test_what_a_file_holds(tmp_path: Path) -> None:
    project(tmp_path, tests__test_api=ASYNC)
    (facts,) = scanned(tmp_path).files
    assert (facts.classes, facts.methods, facts.async_methods, facts.cases) == (1, 2, 1, 0)
    assert facts.mocks == {"MagicMock": 1, "AsyncMock": 2, "patch": 1, "autospec": 1}
    assert facts.held == {"module": 1, "self": 1}
    assert facts.missing == {"marks": 1, "teardowns": 1, "imports": 2}
    assert facts.touching == 1


def test_testcases_plain_classes_and_conftests_are_told_apart(tmp_path: Path) -> None:
    project(tmp_path, test_case=CASE, test_plain=PLAIN, conftest=CONFTEST)
    found = scanned(tmp_path)
    assert [(f.path, f.classes, f.cases) for f in found.files] == [
        ("test_case.py", 1, 1),
        ("test_plain.py", 1, 0),
    ]
    assert [(f.path, f.held) for f in found.conftests] == [("conftest.py", {"fixture": 1})]


def test_the_projects_own_names_count(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npython_files = check_*.py\npython_classes = Check*\ntestpaths = t\n"
    )
    (tmp_path / "t").mkdir()
    (tmp_path / "t/check_a.py").write_text("class CheckA:\n    def test(self): ...\n")
    (tmp_path / "t/test_b.py").write_text(PLAIN)
    (tmp_path / "check_c.py").write_text(PLAIN)
    assert [(f.path, f.classes) for f in scanned(tmp_path).files] == [("t/check_a.py", 1)]


def test_a_second_scan_looks_at_nothing(tmp_path: Path) -> None:
    project(tmp_path, tests__test_api=ASYNC, tests__test_case=CASE)
    first = scanned(tmp_path)
    second = scanned(tmp_path)
    assert (first.looked_at, second.looked_at) == (2, 0)
    assert second.files == first.files


@pytest.mark.parametrize(
    ("path", "text", "looked_at"),
    [
        pytest.param("tests/test_case.py", CASE + "\n\nx = 1\n", 1, id="the file itself"),
        pytest.param("tests/base.py", "class Base:\n    def teardown_method(self): ...\n", 1,
                     id="a base in another file"),
        pytest.param("tests/conftest.py", CONFTEST, 3, id="a new conftest concerns all"),
        pytest.param("pytest.ini", "[pytest]\npython_classes = X\n", 2, id="the configuration"),
    ],
)  # fmt: skip
def test_what_changed_and_what_depends_on_it_is_looked_at_again(
    tmp_path: Path, path: str, text: str, looked_at: int
) -> None:
    heir = "from base import Base\n\n\nclass TestHeir(Base):\n    def test(self): ...\n"
    project(tmp_path, tests__test_case=CASE, tests__test_heir=heir, tests__base="class Base: ...\n")
    assert scanned(tmp_path).looked_at == 2
    (tmp_path / path).write_text(text)
    again = scanned(tmp_path)
    fresh = survey(["."], here=tmp_path, top=tmp_path)
    assert list(again.files) == list(fresh.files)
    assert again.looked_at == looked_at


def test_a_file_that_cannot_be_read_is_told_and_the_rest_counted(tmp_path: Path) -> None:
    project(tmp_path, test_bad="class TestA(:\n", test_plain=PLAIN)
    bad, plain = scanned(tmp_path).files
    assert "cannot be read as Python" in bad.by_hand[0]
    assert plain.classes == 1


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        (FileFacts("a", classes=1, methods=10, mocks={"AsyncMock": 1}), Priority.HIGH),
        (FileFacts("a", classes=1, methods=9, mocks={"AsyncMock": 1}), Priority.MEDIUM),
        (FileFacts("a", classes=1, methods=99, mocks={"MagicMock": 1}), Priority.LOW),
        (FileFacts("a", classes=1, touching=1), Priority.LOW),
        (FileFacts("a", classes=1, methods=99), None),
        (FileFacts("a", mocks={"AsyncMock": 9}), None),
    ],
)
def test_priority(facts: FileFacts, level: Priority | None) -> None:
    assert priority(facts) is level


def test_the_rankings() -> None:
    files = [
        FileFacts("few", classes=1, methods=2, mocks={"AsyncMock": 1}),
        FileFacts("many", classes=1, methods=50),
        FileFacts("risky", classes=1, methods=20, mocks={"AsyncMock": 1}),
    ]
    assert [f.path for f in high_risk(files)] == ["risky", "few"]
    assert [f.path for f in most_methods(files)] == ["many", "risky", "few"]
    assert [f.path for f in ranked(files)] == ["risky", "few", "many"]


def test_the_command(tmp_path: Path) -> None:
    project(tmp_path, tests__test_api=ASYNC, tests__test_case=CASE)
    ended = run_cli("scan", cwd=tmp_path)
    assert ended.code == 0
    assert "High-risk files" in ended.out
    assert "Most test methods" in ended.out
    assert "2 test files: 2 classes, 3 test methods, 33 % async" in ended.out
    assert "missing     2 marks, 2 teardowns" in ended.out
    assert all(line == line.rstrip() for line in ended.out.splitlines())
    document = json.loads(run_cli("scan", "--json", cwd=tmp_path).out)
    assert [f["path"] for f in document["files"]] == ["tests/test_api.py", "tests/test_case.py"]
    assert document["all"]["priorities"] == {"high": 0, "medium": 1, "low": 0}
    assert [f["name"] for f in document["folders"]] == ["tests"]


def test_a_folder_without_tests_is_an_error_with_a_next_command(tmp_path: Path) -> None:
    project(tmp_path, nothing="x = 1\n")
    ended = run_cli("scan", cwd=tmp_path)
    assert ended.code == 2
    assert "no test file" in ended.err
    assert "next: orchestrate scan FOLDER" in ended.err
