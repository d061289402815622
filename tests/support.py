"""Builds real repositories and runs the real program in them."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import pytest
from forked import LIMIT_S, loaded
from printed import must_parse

from orchestrator.engine.context.events import ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.workspace import Workspace, open_workspace
from orchestrator.engine.next_batch import Series, next_batch, next_batches
from orchestrator.engine.results import Landed, Result
from orchestrator.engine.select_batch import BatchSelector
from orchestrator.fixers.outcome import Edit, NoChange, Outcome, Refusal, Source
from orchestrator.memory_safety.fixer import FIXER
from orchestrator.parallel.series import next_batches_in_worktrees
from orchestrator.vcs import Repo, initialised

T = TypeVar("T")

PASSING = """\
from unittest.mock import AsyncMock


class TestAlpha:
    def test_one(self):
        assert AsyncMock() is not None

    def test_two(self):
        assert True
"""

PYPROJECT = '[tool.pytest.ini_options]\nmarkers = ["xdist_group: group"]\n'

FILES = {
    "pyproject.toml": PYPROJECT,
    ".gitignore": "__pycache__/\n.pytest_cache/\n",
    "tests/test_a.py": PASSING,
    "tests/test_b.py": PASSING.replace("Alpha", "Beta"),
    "tests/test_c.py": PASSING.replace("Alpha", "Gamma"),
}

PLAN = """\
version: 1
name: sample
title: memory safety
phases:
  - id: first
    title: first things
    priority: high
    fixer: memory-safety
    batches:
      - id: one
        title: Batch one
        targets:
          - path: tests/test_a.py
            options: {group: alpha_tests}
          - path: tests/test_b.py
      - id: two
        title: Batch two
        targets:
          - path: tests/test_c.py
"""
BREAKS = """\
import gc


class TestBreaks:
    def test_one(self, monkeypatch):
        def broken(): raise RuntimeError("the collector is out of order")
        gc.collect = broken

    def test_two(self): pass
"""
"""A file whose tests do not stand the collecting teardown."""


@dataclass(frozen=True)
class SampleRepo:
    """A repository with a plan, and the program run in it."""

    top: Path
    git: Repo

    def read(self, path: str) -> str:
        return (self.top / path).read_text("utf-8")

    def write(self, path: str, text: str) -> None:
        file = self.top / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")

    def commit(self, message: str = "a change") -> str:
        self.git.run("add", "--all")
        self.git.run("commit", "--quiet", "--allow-empty", "-m", message)
        return self.head

    @property
    def head(self) -> str:
        return self.git.text("rev-parse", "HEAD")

    @property
    def changes(self) -> str:
        """What `git status` says: nothing after every proper end."""
        return self.git.text("status", "--porcelain", "--untracked-files=all")

    @property
    def leftovers(self) -> list[str]:
        """Files of ours below git's own folder, beside the lock and the logs of the last run."""
        folder = self.top / ".git" / "orchestrate"
        files = [p.relative_to(folder) for p in folder.rglob("*") if p.is_file()]
        return sorted(str(p) for p in files if p.parts[0] not in {"lock", "logs", "trusted"})

    def workspace(self) -> Workspace:
        with contextlib.chdir(self.top):
            return open_workspace(None)

    def next_batch(
        self,
        *,
        phase: str | None = None,
        batch: str | None = None,
        strict: bool = False,
        trust: bool = False,
    ) -> Result:
        how = RunOptions(sys.executable, strict=strict, trust=trust)
        return called(next_batch, self.workspace(), BatchSelector(phase, batch), how, ignore_events)

    def next_batch_apart(self, *, trust: bool = False) -> Result:
        """The same in a work tree of ours."""
        how, choice = RunOptions(sys.executable, trust=trust), BatchSelector()
        apart = partial(next_batches_in_worktrees, limit=1)
        return called(apart, self.workspace(), choice, how, ignore_events).results[0]

    def next_batches(self, *, limit: int | None = None) -> Series:
        how = RunOptions(sys.executable)
        several = partial(next_batches, limit=limit)
        return called(several, self.workspace(), BatchSelector(), how, ignore_events)

    def run(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        return run_cli(*arguments, cwd=self.top, env=env)


patches: list[pytest.MonkeyPatch] = []
"""Those of the test that runs, and of its fixtures."""


def called(function: Callable[..., T], *arguments: object) -> T:
    """What a function of ours returns, called in a fork; here, where a test has patched anything.

    Nobody hears of what it tells.
    """
    is_patched = any(patch._setattr for patch in patches)
    if is_patched or not loaded().fits(os.environ):
        return function(*arguments)
    return loaded().call(function, *arguments)


@dataclass(frozen=True)
class Ran:
    """How the program ended."""

    code: int
    out: str
    err: str


def run_cli(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Ran:
    """`orchestrate ARGUMENTS` as a process of its own; each command it prints can be typed."""
    ended = _ended(arguments, cwd, {**os.environ, **(env or {})})
    must_parse(f"{ended.out}\n{ended.err}")
    return ended


def _ended(arguments: Sequence[str], cwd: Path, wanted: Mapping[str, str]) -> Ran:
    if loaded().fits(wanted):
        return Ran(*loaded().run(arguments, cwd, wanted))
    ended = subprocess.run(
        [sys.executable, "-m", "orchestrate", *arguments],
        cwd=cwd,
        env=wanted,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    return Ran(ended.returncode, ended.stdout, ended.stderr)


def make_repo(
    top: Path, files: Mapping[str, str] = FILES, *, plan: str | None = PLAN
) -> SampleRepo:
    """A repository in `top` with `files` and `plan` committed; None: without a plan."""
    written = {**files, **({} if plan is None else {"migration_plan.yaml": plan})}

    def made(at: Path) -> SampleRepo:
        at.mkdir()
        repo = SampleRepo(at, initialised(at, user="Test", address="test@example.invalid"))
        for path, text in written.items():
            repo.write(path, text)
        repo.commit("before the migration")
        return repo

    return copied(top, made, repr(written))


def landed_repo(top: Path, files: Mapping[str, str] = FILES, *, plan: str = PLAN) -> SampleRepo:
    """The same in which the first batch has landed, by this very interpreter."""

    def made(at: Path) -> SampleRepo:
        repo = make_repo(at, files, plan=plan)
        assert isinstance(repo.next_batch(), Landed)
        return repo

    return copied(top, made, repr((dict(files), plan, "landed")))


_samples = tempfile.TemporaryDirectory(prefix="orchestrate-samples-")
atexit.register(_samples.cleanup)  # without a word of Python about it
_sample_of: dict[str, Path] = {}


def copied(top: Path, made: Callable[[Path], SampleRepo], key: str | None = None) -> SampleRepo:
    """A copy in `top` of the repository that `made` makes, once for all tests of this process.

    Where `key` is the same, the repository is; without one, where the function is.
    """
    key = f"{made.__module__}.{made.__qualname__}" if key is None else key
    if key not in _sample_of:
        folder = Path(_samples.name) / str(len(_sample_of))
        _sample_of[key] = folder
        made(folder)
    return _copied(_sample_of[key], top)


def _copied(sample: Path, top: Path) -> SampleRepo:
    shutil.copytree(sample, top, symlinks=True)
    made = SampleRepo(top, Repo(top))
    made.git.run("update-index", "-q", "--refresh")
    return made


def plan_with(targets: Sequence[str], *, verify: str = "", top: str = "") -> str:
    """A plan of one batch over `targets`; `verify` and `top` are further YAML, indented already."""
    listed = "\n".join(f"          - path: {path}" for path in targets)
    head, _, _ = PLAN.partition("      - id: two")
    start, _, _ = head.partition("          - path:")
    block = f"verify:\n{verify}\n" if verify else ""
    return f"{start.replace('phases:', f'{block}{top}phases:')}{listed}\n"


def fixer_plan(
    targets: Sequence[str], *, fixer: str, verify: str = "gates: [compile, collect, test]"
) -> str:
    """A plan of one phase and one batch; `fixer` is its YAML from `fixer:` or `ladder:` on."""
    listed = "".join(f"          - {{path: {path}}}\n" for path in targets)
    indented = "".join(f"    {line}\n" for line in fixer.strip().splitlines())
    must = "".join(f"  {line}\n" for line in verify.strip().splitlines())
    return (
        f"version: 1\nname: sample\ntitle: a change\nverify:\n{must}phases:\n"
        f"  - id: only\n    title: all of it\n    priority: high\n{indented}"
        f"    batches:\n      - id: one\n        title: Batch one\n        targets:\n{listed}"
    )


def outcome_of(
    text: str | bytes, *, top: Path, path: str = "tests/test_it.py", group: str = "g"
) -> Outcome:
    """What the memory-safety fixer says of a file with this text, written below `top`."""
    data = text if isinstance(text, bytes) else text.encode()
    file = top / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return FIXER.fix(Source(path, data, {"group": group}), top)


def fixed(text: str, *, top: Path) -> str:
    """The text after the fixer, which must edit it."""
    outcome = outcome_of(text, top=top)
    assert isinstance(outcome, Edit), outcome
    return outcome.data.decode()


__all__ = ["Edit", "NoChange", "Refusal"]
