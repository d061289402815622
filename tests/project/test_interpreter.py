"""Which Python runs the project's tests, and what is said where there is none."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from orchestrator.errors import CannotJudge, Exit
from orchestrator.project.interpreter import Interpreter, Wanted, interpreter


def launcher(path: Path) -> Path:
    """A program that is this very Python, under another name."""
    path.parent.mkdir(parents=True)
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    path.chmod(0o755)
    return path


def test_the_option_wins_then_the_plan_then_the_active_environment_then_dot_venv(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    option, plan = launcher(tmp_path / "o/python"), launcher(tmp_path / "p/python")
    active, local = (
        launcher(tmp_path / "active/bin/python"),
        launcher(tmp_path / ".venv/bin/python"),
    )
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "active"))

    def found(option: str | None = None, plan: str | None = None) -> tuple[Path, str]:
        python = interpreter(tmp_path, Wanted(option=option, plan=plan))
        return python.path, python.found

    assert found(option=str(option), plan=str(plan)) == (option, "--python")
    assert found(plan="p/python") == (plan, "verify.python of the plan")
    assert found() == (active, "$VIRTUAL_ENV")
    monkeypatch.delenv("VIRTUAL_ENV")
    assert found() == (local, ".venv")
    (tmp_path / ".venv").rename(tmp_path / "gone")
    monkeypatch.setenv("PATH", str(option.parent))
    assert found() == (option, "PATH")


def test_fault_70_no_interpreter_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotJudge, match="no Python") as caught:
        interpreter(tmp_path, Wanted())
    assert caught.value.exit_code is Exit.CANNOT_JUDGE


def test_fault_70_a_path_that_is_no_interpreter(tmp_path: Path) -> None:
    with pytest.raises(CannotJudge, match="cannot start"):
        interpreter(tmp_path, Wanted(option="no/such/python"))
    with pytest.raises(CannotJudge, match="is not a Python that starts"):
        interpreter(tmp_path, Wanted(option="/bin/true"))


def test_fault_69_an_interpreter_without_pytest_is_said_with_the_hint(tmp_path: Path) -> None:
    venv.create(tmp_path / "bare", with_pip=False)
    found = interpreter(tmp_path, Wanted(option=str(tmp_path / "bare/bin/python")))
    with pytest.raises(CannotJudge, match="has no pytest") as caught:
        found.must_have_pytest()
    assert "-m pip install pytest" in str(caught.value.next_step)


@pytest.mark.parametrize(
    ("pytest_version", "xdist_version", "are_inert"),
    [
        ("9.2.0", "3.8.0", True), ("9.2.0rc1", "3.5.0", True), ("10.0", "3.8", True),
        ("9.1.1", "3.8.0", False), ("9.2.0", "3.9.0", False), ("9.2.0", "", False),
    ],
)  # fmt: skip
def test_a_pair_under_which_groups_are_inert_is_known(
    pytest_version: str, xdist_version: str, are_inert: bool
) -> None:
    python = Interpreter(
        Path("/p"), "--python", "3.11.7", has_xdist=True,
        pytest_version=pytest_version, xdist_version=xdist_version,
    )  # fmt: skip
    assert (python.why_groups_are_inert is not None) is are_inert


@pytest.mark.parametrize(
    ("version", "is_old"), [("6.2.5", True), ("7.3.2", True), ("7.4.0", False), ("", False)]
)
def test_a_pytest_that_is_too_old_is_refused(version: str, is_old: bool) -> None:
    python = Interpreter(Path("/p"), "--python", "3.11.7", has_xdist=False, pytest_version=version)
    if not is_old:
        python.must_have_pytest()
        return
    with pytest.raises(CannotJudge, match=f"pytest {version} of '/p' .* is too old: 7.4") as got:
        python.must_have_pytest()
    assert got.value.next_step == '/p -m pip install "pytest>=7.4"'


def test_the_versions_are_those_that_are_installed(tmp_path: Path) -> None:
    python = interpreter(tmp_path, Wanted(option=sys.executable))
    assert python.pytest_version == pytest.__version__
    assert python.xdist_version.startswith("3.")
