"""Keeps every test away from the user's home, configuration and environment."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
import support
import surroundings
import without_hypothesis
from support import SampleRepo, make_repo


def pytest_configure(config: pytest.Config) -> None:
    """Lay out the surroundings, with a Python without Hypothesis for what tests start."""
    python = without_hypothesis.python()
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        # not in the process that starts the workers
        folder = Path(tempfile.mkdtemp(prefix="surroundings-"))
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        surroundings.lay_out(without_hypothesis.ON_PATH, folder)
        sys.executable = str(python)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give a test that is named after a number of a specification that number in its id."""
    if found := re.match(r"test_(fault|case)((?:_\d+)+)_", metafunc.function.__name__):
        kind, numbers = found.groups()
        ids = " ".join(f"{kind}-{number}" for number in numbers.strip("_").split("_"))
        metafunc.fixturenames.append("numbered")
        metafunc.parametrize("numbered", [None], ids=[ids])


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    # runs of pytest that tests start keep their folders here, and take no time to remove others
    monkeypatch.setenv("PYTEST_DEBUG_TEMPROOT", str(home))
    support.patches[:] = [monkeypatch]


@pytest.fixture
def repo(tmp_path: Path) -> SampleRepo:
    """A repository with two batches: `one` holds two test files that pass, `two` holds one."""
    return make_repo(tmp_path / "repo")
