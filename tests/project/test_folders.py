"""Which folder pytest takes for its root, told without starting it, and as pytest says it itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.project.folders import Projects, collected_below, inside
from orchestrator.project.ids import from_top, in_project

TEST = "def test_it(request): print('ROOT', request.config.rootpath)\n"
INI = "[pytest]\n"
TOML = "[tool.pytest.ini_options]\n"
PLAIN = "[project]\nname = 'x'\n"
CASES: dict[str, tuple[dict[str, str], str, str]] = {
    "nothing is configured": ({}, "tests/test_a.py", ""),
    "the top": ({"pytest.ini": INI}, "tests/test_a.py", ""),
    "a folder below": ({"backend/pyproject.toml": TOML}, "backend/tests/test_a.py", "backend"),
    "beside a project": ({"backend/pytest.ini": INI}, "tests/test_a.py", ""),
    "the nearest": (
        {"pytest.ini": INI, "a/pytest.ini": INI, "a/b/pytest.ini": INI},
        "a/b/c/test_a.py",
        "a/b",
    ),
    "tox.ini": ({"a/tox.ini": INI}, "a/test_a.py", "a"),
    "setup.cfg": ({"a/setup.cfg": "[tool:pytest]\n"}, "a/test_a.py", "a"),
    "a pyproject.toml without pytest": ({"a/pyproject.toml": PLAIN}, "a/t/test_a.py", "a"),
    "the top is configured": (
        {"pytest.ini": INI, "a/pyproject.toml": PLAIN},
        "a/t/test_a.py",
        "",
    ),
    "a setup.py": ({"a/setup.py": ""}, "a/t/test_a.py", "a"),
    "a pyproject.toml above a setup.py": (
        {"pyproject.toml": PLAIN, "a/setup.py": ""},
        "a/t/test_a.py",
        "",
    ),
}


def written(top: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    return top


@pytest.mark.parametrize(("files", "path", "folder"), CASES.values(), ids=CASES)
def test_the_project_of_a_file_is_where_pytest_takes_its_root(
    files: dict[str, str], path: str, folder: str, tmp_path: Path
) -> None:
    top = written(tmp_path / "repo", {**files, path: TEST})
    assert Projects(top).of(path) == folder
    (top / ".git").mkdir()
    said = subprocess.run(
        [sys.executable, "-m", "pytest", "-sq", "-p", "no:cacheprovider", inside(path, folder)],
        cwd=top / folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert f"ROOT {top / folder}\n".replace("/\n", "\n") in said.stdout


def test_testpaths_above_a_configuration_claim_what_they_name(tmp_path: Path) -> None:
    files = {"pyproject.toml": f"{TOML}testpaths = ['t', 'pkg/*/t']\n", "a/pytest.ini": INI}
    files |= {"t/deep/pytest.ini": INI, "pkg/a/pytest.ini": INI, "pkg/a/t/test_a.py": TEST}
    projects = Projects(written(tmp_path, files))
    assert projects.of("t/deep/test_a.py") == ""
    assert projects.of("pkg/a/t/test_a.py") == ""
    assert projects.of("pkg/a/other/test_a.py") == "pkg/a"
    assert projects.of("a/test_a.py") == "a"


def test_what_the_plan_declares_comes_first(tmp_path: Path) -> None:
    top = written(tmp_path, {"a/b/pytest.ini": INI, "pytest.ini": INI, "a/c/d/x.py": ""})
    projects = Projects(top, ["a", "a/c"])
    assert projects.of("a/b/test_a.py") == "a"
    assert projects.of("a/c/d/test_a.py") == "a/c"
    assert projects.of("ab/test_a.py") == ""
    assert projects.of_all(["a/b/x.py", "z.py", "a/y.py"]) == ["a", ""]


def test_a_folder_is_of_the_project_it_is(tmp_path: Path) -> None:
    projects = Projects(written(tmp_path, {"a/pytest.ini": INI}))
    assert [projects.of(path) for path in ("a", "./a/", ".", "a/none")] == ["a", "a", "", "a"]


@pytest.mark.parametrize(
    ("testpaths", "folder", "found"),
    [
        ([], "", ["."]),
        ([], "t", ["t"]),
        (["t/unit"], "", ["t/unit"]),
        (["t/unit"], "t", ["t/unit"]),
        (["t/unit"], "t/unit/deep", ["t/unit/deep"]),
        (["t/*"], "", ["t/smoke", "t/unit"]),
        (["t/unit"], "examples", ["examples"]),
        (["./t/unit/"], "", ["t/unit"]),
        (["nowhere", "../x", "/"], "", ["."]),
    ],
)
def test_the_tests_of_a_conftest_are_those_pytest_collects(
    testpaths: list[str], folder: str, found: list[str], tmp_path: Path
) -> None:
    files = {"pyproject.toml": f"{TOML}testpaths = {testpaths}\n"}
    files |= {f"{name}/x.py": "" for name in ("t/unit/deep", "t/smoke", "examples")}
    assert collected_below(written(tmp_path, files), "", folder) == found


def test_testpaths_are_told_from_the_project(tmp_path: Path) -> None:
    files = {"a/pyproject.toml": f"{TOML}testpaths = ['t']\n", "a/t/x.py": "", "t/x.py": ""}
    assert collected_below(written(tmp_path, files), "a", "a") == ["a/t"]


@pytest.mark.parametrize(
    ("id_", "folder", "spelled"),
    [
        ("tests/test_a.py::test_x", "", "tests/test_a.py::test_x"),
        ("a/tests/test_a.py::T::test_x[a::b]", "a", "a::tests/test_a.py::T::test_x[a::b]"),
        ("a/b/test_a.py", "a/b", "a/b::test_a.py"),
        ("a/README.md::README.md", "a", "a::README.md::README.md"),
    ],
)
def test_an_id_with_its_project_is_taken_apart_again(id_: str, folder: str, spelled: str) -> None:
    assert in_project(id_, folder) == spelled
    assert from_top(spelled) == id_


@pytest.mark.parametrize("id_", ["t/test_a.py", "README.md::README.md", "t/x.py::a.py", "x", ""])
def test_an_id_without_a_project_stays_what_it_is(id_: str) -> None:
    assert from_top(id_) == id_


NESTED = {
    "a/pyproject.toml": f"{TOML}testpaths = ['t']\n",
    "a/t/x.py": "",
    "a/deep/setup.py": "",
    "b/setup.py": "",
    "b/tests/x.py": "",
    "b/lib/y/pyproject.toml": TOML,
    ".hidden/pyproject.toml": TOML,
    "venv/pyproject.toml": TOML,
    "env/pyvenv.cfg": "",
    "env/lib/setup.py": "",
    "tools/tests/x.py": "",
    "plain/pyproject.toml": "",
}


def test_the_projects_that_lie_in_a_folder_are_found_once(tmp_path: Path) -> None:
    projects = Projects(written(tmp_path, NESTED), declared=["tools"])
    assert projects.below("") == projects.below(".") == ["a", "b", "plain", "tools"]
    assert projects.below("b") == ["b/lib/y"]
    assert projects.below("a/t") == []


def test_a_folder_of_tests_brings_those_of_the_projects_in_it(tmp_path: Path) -> None:
    projects = Projects(written(tmp_path, NESTED))
    assert projects.spread(["."]) == [".", "a/t", "b", "plain"]
    assert projects.spread(["b", "a/t/x.py"]) == ["b", "b/lib/y", "a/t/x.py"]
    assert projects.ignoring("", [".", "a/t"]) == ["--ignore=a", "--ignore=b", "--ignore=plain"]
    assert projects.ignoring("b", [".", "b"]) == ["--ignore=lib/y"]
    assert projects.ignoring("a", ["a/t"]) == []
