"""Keeps every test away from the user's home, configuration and environment."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import without_hypothesis
from support import SampleRepo, make_repo

_FOREIGN = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTEST_ADDOPTS", "GIT_DIR", "GIT_INDEX_FILE", "COLUMNS")


def pytest_configure(config: pytest.Config) -> None:
    """Let what tests start be started by a Python without Hypothesis."""
    python = without_hypothesis.python()
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        sys.executable = str(python)  # not in the process that starts the workers


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that is named after a number of a specification that number in its id."""
    if found := re.match(r"test_(fault|case)((?:_\d+)+)_", metafunc.function.__name__):
        kind, numbers = found.groups()
        ids = " ".join(f"{kind}-{number}" for number in numbers.strip("_").split("_"))
        metafunc.fixturenames.append("numbered")
        metafunc.parametrize("numbered", [None], ids=[ids])


@pytest.fixture(autouse=True)
def own_surroundings(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in _FOREIGN:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def repo(tmp_path: Path) -> SampleRepo:
    """A repository with two batches: `one` holds two test files that pass, `two` holds one."""
    return make_repo(tmp_path / "repo")
