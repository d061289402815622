"""What holds for every file of the program: small rooms with a sentence over the door."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
FILES = sorted((TOP / "orchestrator").rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(TOP)))
def test_a_file_is_short_and_says_in_a_sentence_what_it_is_for(path: Path) -> None:
    text = path.read_text("utf-8")
    assert len(text.splitlines()) <= 400
    docstring = ast.get_docstring(ast.parse(text))
    assert docstring
    assert docstring.splitlines()[0].endswith(".")


def test_the_version_is_one() -> None:
    from orchestrator import __version__

    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__


def test_our_own_pytest_stays_where_xdist_groups() -> None:
    groups = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    assert any(requirement.endswith("<9.2") for requirement in groups["test"])


def test_ci_runs_the_command_of_the_readme_in_an_environment_of_its_own() -> None:
    assert "$ python3 bootstrap.py test " in (TOP / "README.md").read_text("utf-8")
    ran = (TOP / ".ci/run").read_text("utf-8")
    assert re.search(r'^env -i .*TERM=dumb .*"\$python" bootstrap.py test ', ran, re.MULTILINE)


def test_ci_tries_every_python_that_is_promised() -> None:
    project = tomllib.loads((TOP / "pyproject.toml").read_text("utf-8"))["project"]
    promised = re.findall(r":: (3\.\d+)", " ".join(project["classifiers"]))
    ran = (TOP / ".ci/run").read_text("utf-8")
    assert f"for version in {' '.join(promised)}; do" in ran


def test_every_number_of_the_lists_is_in_the_id_of_a_test() -> None:
    """`tests/faults.md` and `tests/cases.md` say what each number stands for."""
    python = Path(sys.prefix, "bin", "python")
    command = [str(python), "-m", "pytest", "--collect-only", "-q", "-p", "no:xdist"]
    listed = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout
    for kind in ("fault", "case"):
        text = (TOP / f"tests/{kind}s.md").read_text("utf-8")
        named = [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
        tried = {int(number) for number in re.findall(rf"{kind}-(\d+)", listed)}
        assert named == list(range(1, len(named) + 1)), kind
        assert set(named) == tried, kind


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(TOP)))
def test_no_file_unpickles(path: Path) -> None:
    """What comes from elsewhere is data; these libraries make whatever it says, and run it."""
    unsafe = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            assert not {alias.name.partition(".")[0] for alias in node.names} & unsafe
        elif isinstance(node, ast.ImportFrom):
            assert (node.module or "").partition(".")[0] not in unsafe
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            # without a number of bytes, that is a `multiprocessing.connection.Connection`
            assert node.func.attr != "recv" or node.args


@pytest.mark.parametrize(
    "path", [f for f in FILES if "engine" in f.relative_to(TOP).parts], ids=lambda p: p.name
)
def test_the_engine_knows_no_fixer_by_name(path: Path) -> None:
    names = {"agent", "codemod", "command", "guard", "memory-safety"}
    compared = [
        node.value
        for call in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(call, ast.Compare | ast.Set | ast.List | ast.Tuple)
        for node in ast.walk(call)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    assert not names.intersection(compared)
