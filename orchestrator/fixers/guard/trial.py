"""Tries the hook for real, in a repository made for it: on a fixed file and on an unfixed one."""

from __future__ import annotations

import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from orchestrator import process
from orchestrator.changes import Content
from orchestrator.fixers.base import Edit, Source
from orchestrator.fixers.guard.hook import CONFIGURATION, hooks
from orchestrator.fixers.guard.parts import HOOK_ID
from orchestrator.fixers.memory_safety import FIXER as PATTERN
from orchestrator.fixers.memory_safety.options import NAMES
from orchestrator.fixers.memory_safety.reading.settings import CONFIGURATIONS, settings_for

LIMIT_S = 300
"""How long the hook may take, its installation by pre-commit included."""

_UNFIXED = """\
from unittest.mock import AsyncMock


class {name}:
    def {method}(self):
        assert AsyncMock() is not None
"""
_NAMES = ("TestGuardSample", "test_guard_sample", "GuardSampleTest", "Guard_Test")
_METHODS = ("test_it", "testIt", "it_works")
_FILES = ("test_guard_sample.py", "guard_sample_test.py", "tests.py", "testguard.py")


@dataclass(frozen=True, slots=True)
class _Ran:
    code: int | None
    said: str


def tried(contents: Mapping[str, Content], top: Path) -> list[tuple[str, str]]:
    """What is wrong with the hook, and in which file; nothing where it blocks what it should.

    `contents` are files of the repository as they are to be. pre-commit runs it where it is
    installed, else its entry is started as pre-commit would. The settings of the project count.
    Nothing is tried where none of `contents` has to do with it.
    """
    text = _held(CONFIGURATION, contents, top)
    found = next(hooks(yaml.safe_load(text)), None) if text else None
    if found is None:
        return []
    repo, hook = found
    about = [p for p in (CONFIGURATION, *_scripts(hook), *CONFIGURATIONS) if p in contents]
    if not about:
        return []
    if (sample := _sample(top)) is None:
        what = "no name of a file and a class was found that pytest's configuration collects"
        return [(about[0], what)]
    with tempfile.TemporaryDirectory(prefix="orchestrate-guard-") as name:
        folder = Path(name)
        _furnish(folder, repo, hook, contents, top)
        unfixed = _run(folder, hook, sample.path, sample.data)
        fixed = PATTERN.fix(Source(sample.path, sample.data, _options(top)), folder)
        assert isinstance(fixed, Edit), fixed
        clean = _run(folder, hook, sample.path, fixed.data)
    return [(about[0], what) for what in _judged(unfixed, clean, sample.path)]


def _judged(unfixed: _Ran, fixed: _Ran, path: str) -> Sequence[str]:
    found = []
    if unfixed.code == 0:
        found.append("the hook lets a test class pass that lacks the pattern")
    elif path not in unfixed.said:  # it said no, and not because of the file
        found.append(f"the hook does not start: {_last(unfixed.said)}")
    if fixed.code != 0 and not found:
        found.append(f"the hook blocks a test class that has the pattern: {_last(fixed.said)}")
    return found


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("- ", "next:", "Check the log"))]
    return (telling or lines or ["it said nothing"])[-1]


def _sample(top: Path) -> Source | None:
    """A file with a test class that lacks the pattern, by names that count in the project."""
    folder = next(iter(settings_for(top, "test_it.py").testpaths), "tests").rstrip("/")
    for file in _FILES:
        path = f"{folder}/{file}" if folder and folder != "." else file
        settings = settings_for(top, path)
        name = next(filter(settings.collects_class, _NAMES), None)
        method = next(filter(settings.collects_function, _METHODS), None)
        if settings.collects_file(path) and name and method:
            return Source(path, _UNFIXED.format(name=name, method=method).encode())
    return None


def _furnish(
    folder: Path,
    repo: Mapping[str, object],
    hook: Mapping[str, object],
    contents: Mapping[str, Content],
    top: Path,
) -> None:
    """A repository with this hook alone, and the files of the project that it reads."""
    alone = {"repos": [{**repo, "hooks": [dict(hook)]}]}
    (folder / CONFIGURATION).write_text(yaml.safe_dump(alone), "utf-8")
    for path in (*CONFIGURATIONS, *_scripts(hook)):
        if (held := _held(path, contents, top)) is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(held)
    process.run(["git", "init", "--quiet", "."], cwd=folder, timeout_s=LIMIT_S)


def _scripts(hook: Mapping[str, object]) -> list[str]:
    """The words of its entry that may be files of the repository."""
    words = shlex.split(str(hook.get("entry", "")))
    return [word for word in words if "/" in word and not word.startswith(("/", ".."))]


def _run(folder: Path, hook: Mapping[str, object], path: str, data: bytes) -> _Ran:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    process.run(["git", "add", "--all"], cwd=folder, timeout_s=LIMIT_S)
    ended = process.run(
        _command(hook, path), cwd=folder, timeout_s=LIMIT_S,
        env=process.environment(without=("GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE")),
    )  # fmt: skip
    return _Ran(ended.exit_code, ended.output or ended.stopped or "")


def _command(hook: Mapping[str, object], path: str) -> list[str]:
    if (runner := _pre_commit()) is not None:
        return [runner, "run", HOOK_ID, "--verbose", "--color", "never", "--files", path]
    arguments = hook.get("args")
    more = list(map(str, arguments)) if isinstance(arguments, list) else []
    return [*shlex.split(str(hook.get("entry", "orchestrate-check"))), *more, path]


def _pre_commit() -> str | None:
    """Where pre-commit is: on PATH, or beside the Python that runs this."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("pre-commit") or shutil.which("pre-commit", path=beside)


def _options(top: Path) -> dict[str, object]:
    """What `[tool.orchestrate]` of the project asks for, of the pattern."""
    import tomllib

    file = top / "pyproject.toml"
    if not file.is_file():
        return {}
    tool = tomllib.loads(file.read_text("utf-8")).get("tool", {})
    given = tool.get("orchestrate", {}) if isinstance(tool, dict) else {}
    return {key: value for key, value in given.items() if key in NAMES}


def _held(path: str, contents: Mapping[str, Content], top: Path) -> bytes | None:
    if path in contents:
        return contents[path]
    file = top / path
    return file.read_bytes() if file.is_file() else None
