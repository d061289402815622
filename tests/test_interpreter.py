"""Which Python runs the project's tests, and what is said where there is none."""

from __future__ import annotations

import sys
import venv
from pathlib import Path

import pytest

from orchestrator.errors import CannotJudge, Exit
from orchestrator.interpreter import Wanted, interpreter


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
