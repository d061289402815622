"""What a test sees of its environment does not depend on who runs the suite."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TELL = """
import json, os, pathlib, shutil, signal, sys, time, warnings
sys.path.insert(0, {tests!r})
import surroundings
folder = pathlib.Path({folder!r})
surroundings.lay_out(pathlib.Path("/on-path"), folder)
print(json.dumps([
    {{name: value.replace(str(folder), "") for name, value in os.environ.items()}},
    os.umask(0), time.tzname[0], sys.dont_write_bytecode, shutil.which("python3"),
    signal.getsignal(signal.SIGINT) is signal.default_int_handler,
    len(warnings.filters) > 0 and bool(sys.warnoptions),
]))
"""
HOSTILE = {
    "TERM": "dumb", "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": "1", "NO_COLOR": "1",
    "FORCE_COLOR": "1", "COLUMNS": "40", "LC_ALL": "C", "TZ": "Asia/Kolkata", "EDITOR": "false",
    "PYTEST_ADDOPTS": "-x", "GIT_DIR": "/elsewhere", "XDG_CONFIG_HOME": "/elsewhere",
    "VIRTUAL_ENV": "/elsewhere", "HOME": "/elsewhere", "CI": "true", "DASK_ENGINE": "x",
}  # fmt: skip


def seen(folder: Path, env: dict[str, str], before: str = "") -> object:
    """What a process sees after its surroundings were laid out in `folder`."""
    folder.mkdir()
    program = TELL.format(tests=str(Path(__file__).parent), folder=str(folder))
    given = {"PATH": os.environ["PATH"], **env}
    command = ["sh", "-c", f'{before} exec "$@"', "sh", sys.executable, "-c", program]
    ended = subprocess.run(command, env=given, capture_output=True, text=True, check=True)
    return json.loads(ended.stdout)


def test_nothing_of_the_callers_environment_reaches_a_test(tmp_path: Path) -> None:
    hostile = seen(tmp_path / "two", HOSTILE, "umask 077; trap '' INT HUP;")
    assert hostile == seen(tmp_path / "one", {})


def test_the_pythons_on_path_are_this_one(tmp_path: Path) -> None:
    for name in ("python", "python3"):
        command = [name, "-c", "import pytest, sys; print(sys.prefix)"]
        ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        assert Path(ended.stdout.strip()) == Path(sys.executable).parents[1]


@pytest.mark.parametrize("program", ["pytest", "orchestrate", "orchestrate-check", "pre-commit"])
def test_programs_of_an_environment_are_on_path_only_where_a_test_says_so(program: str) -> None:
    assert shutil.which(program) is None
