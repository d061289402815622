"""The first command of the README, where it cannot work, says what to install."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

BOOTSTRAP = Path(__file__).parents[1] / "bootstrap.py"


@pytest.fixture
def bootstrap() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("bootstrap", BOOTSTRAP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_without_a_command_it_says_which_there_are() -> None:
    ended = subprocess.run(
        [sys.executable, str(BOOTSTRAP)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 2
    assert "bootstrap.py demo" in ended.stderr
    assert "bootstrap.py test" in ended.stderr


def test_it_needs_nothing_but_the_standard_library() -> None:
    program = f"import runpy; runpy.run_path({str(BOOTSTRAP)!r}, run_name='x')"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True)


def test_a_missing_ensurepip_names_the_package(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert bootstrap.prepared(tmp_path / ".venv") is False
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"apt install python{version}-venv" in capsys.readouterr().err


@pytest.mark.parametrize("uv", [None, "/usr/bin/uv"], ids=["venv and pip", "uv"])
def test_it_installs_once_and_again_when_pyproject_changed(
    uv: str | None, bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []
    venv = tmp_path / ".venv"
    python = venv / "bin" / "python"

    def install(command: list[str]) -> None:
        calls.append(command)
        python.parent.mkdir(parents=True, exist_ok=True)
        python.touch(mode=0o755)

    monkeypatch.setattr(bootstrap, "call", install)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: uv)
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda *args, **kwargs: None)
    assert bootstrap.prepared(venv)
    assert any((uv or "venv") in part for part in calls[0])
    assert any(f"{bootstrap.TOP / 'pyproject.toml'}:dev" in command for command in calls)
    calls.clear()
    assert bootstrap.prepared(venv)
    assert calls == []
    (venv / ".stamp").write_text("another pyproject")
    assert bootstrap.prepared(venv)
    assert calls


def test_an_install_that_fails_is_said(
    bootstrap: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def fails(command: list[str]) -> None:
        raise subprocess.CalledProcessError(7, command)

    monkeypatch.setattr(bootstrap, "call", fails)
    assert bootstrap.prepared(tmp_path / ".venv") is False
    assert "exit code 7" in capsys.readouterr().err


def test_another_python_runs_what_depends_on_it_in_an_environment_of_its_own(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    prepared: list[tuple[str, str]] = []
    started: list[list[str]] = []

    def prepare(venv: Path, group: str) -> bool:
        prepared.append((venv.name, group))
        return True

    def call(words: list[str], cwd: Path) -> int:
        started.append(words)
        return 0

    monkeypatch.setattr(sys, "argv", ["bootstrap.py", "test-python"])
    monkeypatch.setattr(bootstrap, "prepared", prepare)
    monkeypatch.setattr(bootstrap.subprocess, "call", call)
    assert bootstrap.main() == 0
    assert prepared == [(f".venv-{version}", "test")]
    (words,) = started
    assert words[0] == str(bootstrap.TOP / f".venv-{version}/bin/python")
    assert words[-len(bootstrap.DEPEND_ON_PYTHON) :] == bootstrap.DEPEND_ON_PYTHON


def test_every_test_that_depends_on_the_python_is_there(bootstrap: ModuleType) -> None:
    for one in bootstrap.DEPEND_ON_PYTHON:
        path, _, name = one.partition("::")
        assert f"def {name}(" in (bootstrap.TOP / path).read_text("utf-8") or not name
