"""Several projects in one repository: each is judged in its folder, by its interpreter."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from support import PASSING, SampleRepo, fixer_plan, make_repo

PYTHON = ("--python", sys.executable)
TEST = "from {0}_pkg import NAME\n\n\nclass TestName:\n    def test_name(self):\n        assert NAME == {0!r}\n"
OPENS = (
    "class TestData:\n    def test_data(self):\n        with open('tests/data.txt') as file:\n"
    "            assert file.read() == 'data'\n"
)
RED = "\n\ndef test_red():\n    assert [] == [1]\n"


def project(name: str, *, package: bool = True) -> dict[str, str]:
    """A project with a configuration of its own; its tests are in a package, or in none."""
    files = {
        f"{name}/pyproject.toml": "[tool.pytest.ini_options]\npythonpath = ['src']\n",
        f"{name}/src/{name}_pkg.py": f"NAME = '{name}'\n",
        f"{name}/tests/test_{name}.py": TEST.format(name),
    }
    return files | ({f"{name}/tests/__init__.py": ""} if package else {})


TWO = {**project("alpha"), **project("beta")}
TARGETS = ["alpha/tests/test_alpha.py", "beta/tests/test_beta.py"]
SAFE = fixer_plan(TARGETS, fixer="fixer: memory-safety")


def repo_of(tmp_path: Path, files: dict[str, str], plan: str) -> SampleRepo:
    ignored = "__pycache__/\n.pytest_cache/\n.venv/\n"
    return make_repo(tmp_path / "repo", {".gitignore": ignored, **files}, plan=plan)


def record(repo: SampleRepo) -> Any:
    return json.loads(repo.read("reports/only/one.json"))


def gate_of_tests(repo: SampleRepo) -> dict[str, Any]:
    """What the record says of the gate `test`, without what is empty."""
    (found,) = [gate for gate in record(repo)["gates"] if gate["gate"] == "test"]
    return {name: value for name, value in found.items() if value != []}


@pytest.mark.parametrize("way", [[], ["--isolated"], ["--jobs", "2"]], ids=str)
@pytest.mark.parametrize("package", [True, False])
def test_each_file_is_judged_in_its_project(way: list[str], package: bool, tmp_path: Path) -> None:
    files = {**project("alpha", package=package), **project("beta", package=package)}
    repo = repo_of(tmp_path, files, SAFE)
    ended = repo.run("next-batch", "--all", *way, *PYTHON)
    assert ended.code == 0, ended.err
    assert "test        passed: 2 tests" in ended.err
    assert gate_of_tests(repo) == {"gate": "test", "count": 2}


def test_a_break_in_one_project_takes_out_its_file_alone(tmp_path: Path) -> None:
    breaks = "import sys\nfor p in sys.argv[1:]:\n    t = open(p).read()\n"
    breaks += (
        "    t = t.replace(\"NAME == 'beta'\", \"NAME == 'gamma'\").removesuffix('# seen\\n')\n"
    )
    breaks += "    open(p, 'w').write(t + '# seen\\n')\n"
    fixer = "fixer: command\noptions: {run: '{python} breaks.py {files}'}"
    files = {**TWO, "breaks.py": breaks}
    repo = repo_of(tmp_path, files, fixer_plan(TARGETS, fixer=fixer))
    ended = repo.run("next-batch", "--trust", *PYTHON)
    assert ended.code == 1, ended.err
    first, second = record(repo)["targets"]
    assert (first["done"], second["done"]) == ("edited", "quarantined")
    assert second["failure"]["tests"] == ["beta::tests/test_beta.py::TestName::test_name"]
    assert second["reason"].startswith("culprit: TestName::test_name: passes without the edit")
    said = repo.run("unresolved", "--json")
    (waiting,) = json.loads(said.out)
    command = "-m pytest tests/test_beta.py::TestName::test_name"
    assert "{ env -C beta " in waiting["reproduce"]
    assert command in waiting["reproduce"]
    shown = repo.run("show", TARGETS[1], "--run", "--trust", *PYTHON)
    assert shown.code == 1, shown
    assert f"env -C beta {sys.executable} {command}" in shown.out
    assert "1 failed" in shown.out


def test_a_project_below_the_top_is_the_only_one_and_keeps_its_ids(tmp_path: Path) -> None:
    files = {
        "backend/pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['tests']\n",
        "backend/tests/test_data.py": OPENS + RED,
        "backend/tests/data.txt": "data",
        "frontend/package.json": "{}",
    }
    plan = fixer_plan(["backend/tests/test_data.py"], fixer="fixer: memory-safety")
    repo = repo_of(tmp_path, files, plan)
    ended = repo.run("next-batch", *PYTHON)
    assert ended.code == 0, ended.err
    assert gate_of_tests(repo) == {
        "gate": "test",
        "count": 2,
        "failed_before": ["backend/tests/test_data.py::test_red"],
    }


def test_what_failed_before_is_told_with_its_project(tmp_path: Path) -> None:
    files = {**TWO, TARGETS[0]: TWO[TARGETS[0]] + RED}
    repo = repo_of(tmp_path, files, SAFE)
    assert repo.run("next-batch", *PYTHON).code == 0
    assert gate_of_tests(repo)["failed_before"] == ["alpha::tests/test_alpha.py::test_red"]
    assert "alpha::tests/test_alpha.py::test_red" in repo.git.text("log", "-1", "--format=%B")


@pytest.mark.parametrize("known", ["alpha::tests/test_alpha.py", "alpha/tests/test_alpha.py"])
def test_a_known_failure_may_be_named_with_its_project(known: str, tmp_path: Path) -> None:
    files = {**TWO, TARGETS[0]: TWO[TARGETS[0]] + RED}
    plan = SAFE.replace("verify:\n", f"verify:\n  known_failures: ['{known}::test_red']\n")
    repo = repo_of(tmp_path, files, plan)
    ended = repo.run("next-batch", *PYTHON)
    assert ended.code == 0, ended.err
    assert "not green" not in ended.err
    assert gate_of_tests(repo)["known_failures"] == ["alpha::tests/test_alpha.py::test_red"]


def test_a_project_may_have_arguments_and_a_folder_of_its_own(tmp_path: Path) -> None:
    files = {**TWO, "gamma/tests/test_data.py": OPENS, "gamma/tests/data.txt": "data"}
    files["beta/tests/conftest.py"] = (
        "def pytest_addoption(parser): parser.addoption('--deep', action='store_true')\n"
        "def pytest_configure(config): assert config.getoption('--deep')\n"
    )
    projects = "projects:\n  - {path: gamma}\n  - {path: beta, pytest_args: [--deep]}\n"
    targets = [*TARGETS, "gamma/tests/test_data.py"]
    plan = fixer_plan(targets, fixer="fixer: memory-safety").replace(
        "phases:", f"{projects}phases:"
    )
    repo = repo_of(tmp_path, files, plan)
    refused = repo.run("next-batch", *PYTHON)
    assert refused.code == 3
    assert "pytest arguments in beta: --deep" in refused.err
    ended = repo.run("next-batch", "--trust", *PYTHON)
    assert ended.code == 0, ended.err
    assert "test        passed: 3 tests" in ended.err


def environment(folder: Path) -> Path:
    """A Python that says where it is: an environment of links to this one."""
    python = folder / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\necho "$0" >> "{folder}/started"\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("way", [[], ["--isolated"], ["--jobs", "2"]], ids=str)
def test_a_project_is_judged_by_its_own_environment(way: list[str], tmp_path: Path) -> None:
    repo = repo_of(tmp_path, TWO, SAFE)
    environment(repo.top / "beta/.venv")
    ended = repo.run("next-batch", "--all", *way, env={"VIRTUAL_ENV": sys.prefix})
    assert ended.code == 0, ended.err
    started = (repo.top / "beta/.venv/started").read_text().splitlines()
    assert len(started) >= 3  # it is asked what it is, compiles, and runs the tests


def test_the_interpreter_a_plan_names_for_a_project_is_trusted_first(tmp_path: Path) -> None:
    projects = "projects: [{path: beta, python: tools/env/bin/python}]\nphases:"
    repo = repo_of(tmp_path, TWO, SAFE.replace("phases:", projects))
    environment(repo.top / "tools/env")
    refused = repo.run("next-batch", env={"VIRTUAL_ENV": sys.prefix})
    assert refused.code == 3
    assert "interpreter in beta: tools/env/bin/python" in refused.err
    assert not (repo.top / "tools/env/started").exists()
    ended = repo.run("next-batch", "--trust", env={"VIRTUAL_ENV": sys.prefix})
    assert ended.code == 0, ended.err
    assert (repo.top / "tools/env/started").exists()


@pytest.mark.parametrize(
    ("projects", "said"),
    [
        ("[{path: none}]", "there is no folder 'none'"),
        ("[{path: ../x}]", "is not in its simplest form"),
        ("[{path: beta}, {path: beta}]", "'beta' is there already"),
        ("[{path: beta, pythn: x}]", "pythn"),
    ],
)
def test_a_project_that_is_none_is_told(projects: str, said: str, tmp_path: Path) -> None:
    repo = repo_of(tmp_path, TWO, SAFE.replace("phases:", f"projects: {projects}\nphases:"))
    ended = repo.run("validate")
    assert ended.code == 2
    assert said in ended.err


def test_memory_is_measured_of_one_project_at_a_time(tmp_path: Path) -> None:
    files = {"a/pytest.ini": "[pytest]\n", "b/pytest.ini": "[pytest]\n"}
    files |= {"a/tests/test_data.py": OPENS, "a/tests/data.txt": "data", "b/test_b.py": OPENS}
    repo = repo_of(
        tmp_path, files, fixer_plan(["a/tests/test_data.py"], fixer="fixer: memory-safety")
    )
    ended = repo.run("memory", "a/tests", "-n", "0", "--json", *PYTHON)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["tests"] == {"ran": 1, "not_green": 0}
    refused = repo.run("memory", "a", "b", *PYTHON)
    assert refused.code == 2
    assert "several projects ('a', 'b')" in refused.err


def test_init_and_doctor_tell_each_project(tmp_path: Path) -> None:
    data = "import unittest.mock\n\n\nclass TestData:\n    def test_data(self):\n        self.mock = unittest.mock.Mock()\n"
    files = {f"{name}/tests/test_{name}.py": data for name in ("alpha", "beta")}
    files |= {"alpha/pyproject.toml": "[tool.pytest.ini_options]\ntestpaths = ['tests']\n"}
    files |= {"beta/pytest.ini": "[pytest]\n", ".gitignore": "__pycache__/\n"}
    repo = make_repo(tmp_path / "repo", files)
    (repo.top / "migration_plan.yaml").unlink()
    repo.commit("no plan")
    told = repo.run("init", *PYTHON)
    assert told.code == 0, told.err
    for line in ("alpha: its tests are run there", "alpha/pyproject.toml", "beta/pytest.ini"):
        assert line in told.out
    plan = repo.read("migration_plan.yaml")
    for conftest in ("alpha/tests/conftest.py", "beta/tests/conftest.py"):
        assert f"path: {conftest}, new: true" in plan
    repo.commit("the plan")
    doctor = repo.run("doctor", "--json", *PYTHON)
    found = json.loads(doctor.out)
    assert {one["project"] for one in found} == {"alpha", "beta"}
    shown = repo.run("doctor", *PYTHON).out.splitlines()
    assert [line for line in shown if line in {"alpha:", "beta:"}] == ["alpha:", "beta:"]
    ended = repo.run("next-batch", "--all", *PYTHON)
    assert ended.code == 0, ended.err
    assert repo.changes == ""


def test_one_project_below_the_top_is_looked_at_in_its_folder(tmp_path: Path) -> None:
    files = {"backend/pytest.ini": "[pytest]\n", "backend/tests/test_data.py": OPENS}
    files |= {"backend/tests/data.txt": "data"}
    plan = fixer_plan(["backend/tests/test_data.py"], fixer="fixer: memory-safety")
    repo = repo_of(tmp_path, files, plan)
    found = json.loads(repo.run("doctor", "--json", *PYTHON).out)
    assert all("project" not in one for one in found)
    assert any("(pytest.ini)" in one["what"] for one in found)


@pytest.mark.parametrize("way", [[], ["--isolated"]], ids=str)
def test_a_folder_that_holds_other_projects_is_judged_project_by_project(
    way: list[str], tmp_path: Path
) -> None:
    """What lies at the top has no configuration, and its tests are those of the whole repository."""
    files = {**TWO, "tools/one.py": "x = 1\n", "tools/test_one.py": "def test_one(): pass\n"}
    files["alpha/tests/test_alpha.py"] += RED
    plan = fixer_plan(
        ["tools/one.py"], fixer="fixer: command\noptions: {run: 'sed -i s/1/2/ {files}'}",
        verify="tests: {'tools/*': ['.']}",
    )  # fmt: skip
    repo = repo_of(tmp_path, files, plan)
    ended = repo.run("next-batch", "--trust", *way, *PYTHON)
    assert ended.code == 0, ended.err
    assert "passed: 4 tests, 1 failed before" in ended.err
    assert gate_of_tests(repo)["failed_before"] == ["alpha::tests/test_alpha.py::test_red"]


def test_a_file_our_python_cannot_read_is_planned_for_a_person(tmp_path: Path) -> None:
    newer = "def first[T](x: T): ...\n" if sys.version_info < (3, 12) else "def first[[T](x): ...\n"
    safe = "import gc\n\n\nclass TestA:\n    def test(self): ...\n"
    files = {**project("alpha"), "alpha/tests/test_new.py": f"{newer}{safe}"}
    repo = repo_of(tmp_path, files, SAFE)
    (repo.top / "migration_plan.yaml").unlink()
    nothing = repo.run("plan", "--dry-run")
    assert (nothing.code, nothing.out) == (0, "")
    assert "alpha/tests/test_new.py: cannot be read as Python" in nothing.err
    repo.write("alpha/tests/test_mock.py", PASSING)
    drafted = repo.run("plan", "--dry-run").out
    assert "- id: unread" in drafted
    at = drafted.index("path: alpha/tests/test_new.py")
    assert 'manual: "cannot be read as Python' in drafted[at : at + 200]
