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
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script as a module, with its environment in a temporary folder."""
    spec = importlib.util.spec_from_file_location("bootstrap", BOOTSTRAP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, path in (
        ("VENV", ".venv"),
        ("STAMP", ".venv/.stamp"),
        ("PYTHON", ".venv/bin/python"),
    ):
        monkeypatch.setattr(module, name, tmp_path / path)
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
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: None)
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert bootstrap.prepared() is False
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert f"apt install python{version}-venv" in capsys.readouterr().err


@pytest.mark.parametrize("uv", [None, "/usr/bin/uv"], ids=["venv and pip", "uv"])
def test_it_installs_once_and_again_when_pyproject_changed(
    uv: str | None, bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []

    def install(command: list[str]) -> None:
        calls.append(command)
        bootstrap.PYTHON.parent.mkdir(parents=True, exist_ok=True)
        bootstrap.PYTHON.touch(mode=0o755)

    monkeypatch.setattr(bootstrap, "call", install)
    monkeypatch.setattr(bootstrap.shutil, "which", lambda name: uv)
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda *args, **kwargs: None)
    assert bootstrap.prepared()
    assert any((uv or "venv") in part for part in calls[0])
    assert any(f"{bootstrap.TOP / 'pyproject.toml'}:dev" in command for command in calls)
    calls.clear()
    assert bootstrap.prepared()
    assert calls == []
    bootstrap.STAMP.write_text("another pyproject")
    assert bootstrap.prepared()
    assert calls


def test_an_install_that_fails_is_said(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(command: list[str]) -> None:
        raise subprocess.CalledProcessError(7, command)

    monkeypatch.setattr(bootstrap, "call", fails)
    assert bootstrap.prepared() is False
    assert "exit code 7" in capsys.readouterr().err
