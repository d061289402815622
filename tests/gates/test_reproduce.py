"""The command that shows a failure again: of the plan's words, whatever a record or a worker says."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.gates.reproduce import Reproduction
from orchestrator.plan.verify import Verify, VerifyCommand

VERIFY = Verify(
    pytest_args=["-q"],
    commands=[VerifyCommand(name="lint", run="{python} lint.py {files} --strict")],
)
HOW = Reproduction(lambda _: VERIFY, "PY")
TEST = "tests/test_a.py::test_x[a b]"


@pytest.mark.parametrize(
    ("gate", "tests", "words"),
    [
        pytest.param("test", [TEST], ["PY", "-m", "pytest", "-q", TEST], id="a test"),
        pytest.param("test", [], ["PY", "-m", "pytest", "-q", "tests/test_a.py"], id="a file"),
        pytest.param(
            "collect",
            [TEST],
            ["PY", "-m", "pytest", "-q", "--collect-only", TEST],
            id="a collection",
        ),
        pytest.param(
            "test",
            [f"tests/test_b.py::test_{n}" for n in range(6)],
            ["PY", "-m", "pytest", "-q", "tests/test_b.py"],
            id="many tests",
        ),
        pytest.param("compile", [], ["PY", "-m", "py_compile", "tests/test_a.py"], id="compile"),
        pytest.param("lint", [], ["PY", "lint.py", "tests/test_a.py", "--strict"], id="a command"),
        pytest.param("strength", [TEST], ["git", "diff", "--", "tests/test_a.py"], id="strength"),
        pytest.param("rm -rf", [TEST], ["git", "diff", "--", "tests/test_a.py"], id="no such gate"),
    ],
)
def test_it_is_built_from_the_plan(gate: str, tests: list[str], words: list[str]) -> None:
    assert HOW.words(gate, "tests/test_a.py", tests) == words


@pytest.mark.parametrize(
    "odd",
    ["/etc/passwd", "../x.py::test", "--pdb/../x", ".git/config", "-p no:x\0", "a//b.py::t", ""],
)
def test_what_is_no_id_is_left_out(odd: str) -> None:
    assert HOW.words("test", "a.py", [odd]) == ["PY", "-m", "pytest", "-q", "a.py"]


@pytest.mark.parametrize("path", ["-p", "--pdb", "@arguments", "-c/x.py", ".hidden"])
@pytest.mark.parametrize("gate", ["test", "collect", "compile", "lint"])
def test_no_path_is_taken_for_an_option(path: str, gate: str) -> None:
    words = HOW.words(gate, path, [f"{path}::test"])
    assert words is not None
    assert [word for word in words if path in word] in ([f"./{path}"], [f"./{path}::test"])


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", ".git/config"])
def test_a_file_outside_has_no_command(path: str) -> None:
    assert HOW.words("test", path, []) is None


@given(gate=st.text(), path=st.text(), tests=st.lists(st.text(), max_size=8))
def test_only_words_of_the_plan_are_options(gate: str, path: str, tests: list[str]) -> None:
    words = HOW.words(gate, path, tests)
    if words is None:
        return
    own = {"-m", "-q", "--collect-only", "--strict", "--"}
    assert words[0] in {"PY", "git"}
    after = words.index("--") if "--" in words else len(words)
    assert {word for word in words[:after] if word[:1] in {"-", "@"}} <= own


def test_pytest_reads_no_arguments_from_a_file_that_an_id_names(tmp_path: Path) -> None:
    import subprocess

    (tmp_path / "@more").write_text("--version\n--version\n")
    words = Reproduction(lambda _: Verify(), sys.executable).words("test", "@more", [])
    assert words is not None
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "no tests ran" in ended.stdout, ended
