"""Asks the project's own pytest how it is configured, and whether groups hold here at all."""

from __future__ import annotations

import json
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator import process
from orchestrator.interpreter import Interpreter

LIMIT_S = 300
"""How long pytest may take to configure itself, in seconds."""
GROUPS, TESTS = 2, 24
"""Of the trial: groups, and tests over all of them."""

_PROBE = Path(__file__).parent / "probe"
_TRIAL = """\
import os
import pytest

@pytest.mark.parametrize("number", range({tests}))
@pytest.mark.xdist_group(name="{group}")
def test_{group}(number):
    with open(os.path.join({out!r}, "{group}-%s" % number), "w") as out:
        out.write(os.environ.get("PYTEST_XDIST_WORKER", ""))
"""
_FILES_WITH_COMMANDS = (
    "Makefile", "justfile", "tox.ini", "noxfile.py", "tasks.py", "package.json", "setup.cfg",
    ".gitlab-ci.yml", "azure-pipelines.yml", ".travis.yml", ".circleci/config.yml",
    ".github/workflows/*.yml", ".github/workflows/*.yaml", "scripts/*.sh", "*.sh",
)  # fmt: skip
_PYTEST = re.compile(r"(?:^|[\s/\"'=:@])(?:pytest|py\.test)(?P<arguments>(?:\s.*)?)$")
_WORKERS = re.compile(r"\s(?:-[a-zA-Z]*n\s*=?|--numprocesses[= ])\s*(?!0(?:\s|$))[\w${}({]")
_LOADGROUP = re.compile(r"--dist[= ]\s*loadgroup\b")
_OTHER_DIST = re.compile(r"--dist[= ]\s*(?!loadgroup\b)\w|\s(?:-o|--override-ini)[= ]?\s*addopts=")
_APART = re.compile(r"\|\|?|&&|;")
_COMMENT = re.compile(r"(?:^|\s)#.*")


@dataclass(frozen=True, slots=True)
class Configured:
    """What the project's pytest says of itself; `workers` is what `-n` comes to.

    `schedulers` are plugins that may bring a distribution of their own. `collect_s` is the time of
    one `gc.collect()` once the conftest files are imported, in seconds.
    """

    pytest: str
    xdist: str | None
    dist: str | None
    workers: str | None
    configured: str | None
    markers: Sequence[str]
    schedulers: Sequence[str]
    collect_s: float
    objects: int


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the repository that starts pytest in parallel; `number` counts from 1."""

    path: str
    number: int
    text: str

    @property
    def pins(self) -> bool:
        """Whether it says itself that groups count."""
        return _LOADGROUP.search(self.text) is not None

    @property
    def overrides(self) -> bool:
        """Whether groups do not count in it, whatever the configuration says."""
        return _OTHER_DIST.search(self.text) is not None


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was asked. `broken` is what pytest said where it does not start."""

    python: Interpreter
    configured: Configured | None
    broken: str
    pins: bool | None
    """Whether the tests of each group ran in one worker; None where that could not be tried."""
    trial: str
    commands: Sequence[Command]


def examine(top: Path, python: Interpreter) -> Examination:
    """Start the project's pytest twice: once to configure itself, once over tests of ours."""
    configured, broken = _configured(top, python)
    pins, trial = _trial(python) if python.has_xdist else (None, "")
    return Examination(python, configured, broken, pins, trial, list(commands(top)))


def _configured(top: Path, python: Interpreter) -> tuple[Configured | None, str]:
    with tempfile.TemporaryDirectory(prefix="orchestrate-doctor-") as name:
        out = Path(name, "facts.json")
        command = [str(python.path), "-m", "pytest", "-p", "orchestrate_doctor", "--markers"]
        ended = process.run(command, cwd=top, env=_environment(out), timeout_s=LIMIT_S)
        try:
            facts: Mapping[str, Any] = json.loads(out.read_text("ascii"))
        except (OSError, ValueError):
            facts = {}
        if not facts or ended.exit_code != 0:
            return None, ended.stopped or ended.output.strip()
    return Configured(**{**facts, "configured": _shown(facts["configured"], top)}), ""


def _shown(file: str | None, top: Path) -> str | None:
    """The configuration's path from the top of the project, where it is inside."""
    if file is None or not Path(file).is_relative_to(top):
        return file
    return Path(file).relative_to(top).as_posix()


def _environment(out: Path) -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    search = os.pathsep.join([str(_PROBE), *([inherited] if inherited else [])])
    return process.environment(without=(), PYTHONPATH=search, ORCHESTRATE_DOCTOR=str(out))


def _trial(python: Interpreter) -> tuple[bool | None, str]:
    """Whether groups hold: tests of each must come out of one worker, however many there are.

    Without grouping two workers are given tests of both groups, from the first on.
    """
    with tempfile.TemporaryDirectory(prefix="orchestrate-doctor-") as name:
        folder = Path(name)
        out = folder / "workers"
        out.mkdir()
        (folder / "pytest.ini").write_text("[pytest]\n")
        groups = [f"group{number}" for number in range(GROUPS)]
        for group in groups:
            text = _TRIAL.format(group=group, tests=TESTS // GROUPS, out=str(out))
            (folder / f"test_{group}.py").write_text(text)
        command = [
            str(python.path), "-m", "pytest", "-q", "-p", "no:cacheprovider",
            "-n", "2", "--dist", "loadgroup",
        ]  # fmt: skip
        without = ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
        env = process.environment(without=without)
        ended = process.run(command, cwd=folder, env=env, timeout_s=LIMIT_S)
        ran = {group: [f.read_text() for f in out.glob(f"{group}-*")] for group in groups}
    if any(len(workers) != TESTS // GROUPS for workers in ran.values()):
        return None, ended.stopped or ended.output.strip()
    return all(len(set(workers)) == 1 for workers in ran.values()), ""


def commands(top: Path) -> Iterator[Command]:
    """The lines of build and CI files that start pytest with `-n`."""
    for pattern in _FILES_WITH_COMMANDS:
        for file in sorted(top.glob(pattern)):
            try:
                lines = file.read_text("utf-8", errors="replace").splitlines()
            except OSError:
                continue
            path = file.relative_to(top).as_posix()
            for number, line in _joined(lines):
                for part in _APART.split(_COMMENT.sub("", line)):
                    if _is_parallel(part.strip()):
                        yield Command(path, number, part.strip())


def _is_parallel(command: str) -> bool:
    """Whether one command of a line starts pytest with workers, or with another `--dist`."""
    found = _PYTEST.search(command)
    if found is None or command.lstrip("@-\"' ").startswith(("echo", "pip ", "uv pip", "apt")):
        return False
    arguments = found["arguments"]
    return bool(_WORKERS.search(arguments) or _OTHER_DIST.search(arguments))


def _joined(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each line with its number, with what a backslash at its end continues it by."""
    start, text = 1, ""
    for number, line in enumerate(lines, start=1):
        text += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield start, text
            start, text = number + 1, ""
    if text:
        yield start, text
