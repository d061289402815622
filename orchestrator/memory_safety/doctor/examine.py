"""Asks the project's own pytest how it is configured, and whether groups hold here at all."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from orchestrator.base import process, tempdirs
from orchestrator.base.escape import as_argument
from orchestrator.base.memory_usage import available_mib
from orchestrator.memory_safety.guard.settings import needs_xdist
from orchestrator.project.commands import PytestCommand, parallel_commands
from orchestrator.project.interpreter import Interpreter

LIMIT_S = 300
"""How long pytest may take to collect, in seconds."""
TIMED_LIMIT_S = 3_600
"""How long it may run the tests."""
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


@dataclass(frozen=True, slots=True)
class Configured:
    """What the project's pytest says of itself; `workers` is what `-n` asks for.

    `schedulers` are plugins that may bring a distribution of their own, `holders` those that keep
    something of every test. Once tests are collected: `collect_s` is the time of one `gc.collect()`
    in seconds, `objects` is what it looks at, `rss_mib` what the process holds (None: the system
    does not tell). `freezes`: a conftest calls `gc.freeze()`.
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
    holders: Sequence[str] = ()
    items: Sequence[CollectedItem] = ()
    not_collected: Sequence[str] = ()
    rss_mib: float | None = None
    freezes: bool = False


@dataclass(frozen=True, slots=True)
class CollectedItem:
    """A collected test: its file, its group (None: it has none), seconds where it was run."""

    file: str
    group: str | None
    seconds: float
    in_class: bool = False


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was asked. `broken` is what pytest said where it does not start."""

    top: Path
    python: Interpreter
    configured: Configured | None
    broken: str
    pins: bool | None
    """Whether the tests of each group ran in one worker; None where that could not be tried."""
    trial: str
    commands: Sequence[PytestCommand]
    without_xdist: bool | None = None
    """Whether pytest still starts with `-p no:xdist`; None where that was not tried."""

    is_timed: bool = False
    holding: Sequence[Holding] = ()
    free_mib: float = 0.0
    """What the machine can still give."""
    asks_for_xdist: bool = False
    """Whether the project's requirements name pytest-xdist."""

    def shown(self, path: str) -> str:
        """A path of the project as it is typed from here."""
        return as_argument(os.path.relpath(self.top / path))

    @property
    def may_fix_dist(self) -> bool:
        """Whether `--dist loadgroup` can be added to a configuration that says nothing of it."""
        configured = self.configured
        if configured is None or configured.configured is None:
            return False
        names_none = configured.dist in {None, "no"}
        return names_none and (self.asks_for_xdist or configured.workers is not None)


@dataclass(frozen=True, slots=True)
class Holding:
    """A test file with mocks that outlive their test: how many, by where they are."""

    path: str
    counts: Mapping[str, int]

    @property
    def wide(self) -> int:
        """Those that are not on `self`."""
        return sum(count for place, count in self.counts.items() if place != "self")


def examine(
    top: Path,
    python: Interpreter,
    *,
    timed: bool = False,
    holding: Sequence[Holding] = (),
    home: Path | None = None,
) -> Examination:
    """Start the pytest of the project at `top` to collect its tests, and over tests of ours.

    `home` is the top of the repository, where builds are looked for; default: the project's.
    With `timed` its tests are run, in one process. With xdist it is started once more without.
    """
    configured, broken = _configured(top, python, timed=timed)
    pins, trial = _trial(python) if python.has_xdist else (None, "")
    still = _starts_without_xdist(top, python) if configured and configured.xdist else None
    return Examination(
        top, python, configured, broken, pins, trial,
        list(_commands(home or top, top)),
        still, timed, holding,
        available_mib(), needs_xdist(top),
    )  # fmt: skip


def _commands(home: Path, top: Path) -> Iterator[PytestCommand]:
    """The commands of a repository, with paths from the top of the project."""
    for command in parallel_commands(home):
        yield replace(command, path=os.path.relpath(home / command.path, top))


def _starts_without_xdist(top: Path, python: Interpreter) -> bool:
    command = [str(python.path), "-m", "pytest", "-p", "no:xdist", "--markers"]
    return process.run(command, cwd=top, timeout_s=LIMIT_S).exit_code == 0


def _configured(top: Path, python: Interpreter, *, timed: bool) -> tuple[Configured | None, str]:
    with tempdirs.folder("doctor") as name:
        out = Path(name, "facts.json")
        command = [
            str(python.path), "-m", "pytest", "-p", "orchestrate_doctor",
            "-o", f"cache_dir={Path(name, 'cache')}",
        ]  # fmt: skip
        env = _environment(out, timed=timed)
        limit_s = TIMED_LIMIT_S if timed else LIMIT_S
        ended = process.run(command, cwd=top, env=env, timeout_s=limit_s)
        try:
            facts: dict[str, Any] = json.loads(out.read_text("ascii"))
        except (OSError, ValueError):
            facts = {}
        if "items" not in facts:
            return None, ended.stopped or ended.output.strip()
    seconds = facts.pop("seconds")
    items = [
        CollectedItem(
            one["id"].partition("::")[0],
            one["group"],
            seconds.get(one["id"], 0.0),
            one["id"].count("::") > 1,
        )
        for one in facts["items"]
    ]
    shown = _shown(facts["configured"], top)
    return Configured(**{**facts, "items": items, "configured": shown}), ""


def _shown(file: str | None, top: Path) -> str | None:
    """The configuration's path from the top of the project, where it is inside."""
    if file is None or not Path(file).is_relative_to(top):
        return file
    return Path(file).relative_to(top).as_posix()


def _environment(out: Path, *, timed: bool) -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    search = os.pathsep.join([str(_PROBE), *([inherited] if inherited else [])])
    more = {"ORCHESTRATE_DOCTOR_TIMED": "1"} if timed else {}
    names = ("ORCHESTRATE_DOCTOR_TIMED",)
    return process.environment(
        without=names, PYTHONPATH=search, ORCHESTRATE_DOCTOR=str(out), **more
    )


def _trial(python: Interpreter) -> tuple[bool | None, str]:
    """Whether groups hold: tests of each must come out of one worker, however many there are.

    Without grouping two workers are given tests of both groups, from the first on.
    """
    with tempdirs.folder("doctor") as name:
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
