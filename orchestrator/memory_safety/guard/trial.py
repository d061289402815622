"""Tries the hook for real, in a repository made for it: on a fixed file and on an unfixed one."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from orchestrator.base import process, tempdirs
from orchestrator.base.changes import Content
from orchestrator.base.reading import read_if_there
from orchestrator.fixers.outcome import Edit, Source
from orchestrator.memory_safety.fixer import FIXER as PATTERN
from orchestrator.memory_safety.fixer.values.options import NAMES, problems
from orchestrator.memory_safety.guard.hook import CONFIGURATION, Found, hooks
from orchestrator.memory_safety.guard.listing import parsed
from orchestrator.memory_safety.guard.parts import HOOK_ID, Cannot
from orchestrator.memory_safety.guard.places import test_folder
from orchestrator.project.pytest_config import CONFIGURATIONS, settings_for

LIMIT_S = 300
"""How long the hook may take, its installation by pre-commit included."""

_UNFIXED = """\
from unittest.mock import AsyncMock


class {name}:
    def {method}(self):
        assert AsyncMock() is not None
"""
_WORD = "guard_sample"


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
    try:
        document = parsed(text.decode("utf-8"), CONFIGURATION) if text else None
        found = next(hooks(document), None)
        about = _about(found, contents) if found else []
        if document is None or found is None or not about:
            return []
        return [(about[0], what) for what in _tried(document, *found, contents, top)]
    except (Cannot, UnicodeDecodeError) as error:
        return [(CONFIGURATION, str(error))]


def _about(found: Found, contents: Mapping[str, Content]) -> list[str]:
    """The edited files that have to do with the hook, itself first."""
    return [p for p in (CONFIGURATION, *_scripts(found[1]), *CONFIGURATIONS) if p in contents]


def _tried(
    document: Mapping[str, object], repo: Mapping[str, object], hook: Mapping[str, object],
    contents: Mapping[str, Content], top: Path,
) -> Sequence[str]:  # fmt: skip
    table = _table(contents, top)
    options = {key: value for key, value in table.items() if key in NAMES}
    if wrong := next(problems("test_it.py", options), None):
        return [f"[tool.orchestrate] of pyproject.toml: {wrong}"]
    if (sample := _sample(top, table.get("exclude"))) is None:
        return ["no name of a file and a class was found that pytest's configuration collects"]
    with tempdirs.folder("guard") as name:
        folder = Path(name)
        _furnish(
            folder, {**document, "repos": [{**repo, "hooks": [dict(hook)]}]}, hook, contents, top
        )
        unfixed = _run(folder, hook, sample.path, sample.data)
        fixed = PATTERN.fix(Source(sample.path, sample.data, options), folder)
        if not isinstance(fixed, Edit):
            return [f"the fixer does not fix a sample: {getattr(fixed, 'reason', 'nothing to do')}"]
        clean = _run(folder, hook, sample.path, fixed.data)
    return _judged(unfixed, clean, sample.path)


def _judged(unfixed: _Ran, fixed: _Ran, path: str) -> Sequence[str]:
    found = []
    if unfixed.code == 0:
        skipped = (
            " (its files are skipped: `files`, `exclude`?)" if "Skipped" in unfixed.said else ""
        )
        found.append(f"the hook lets a test class pass that lacks the pattern{skipped}")
    elif path not in unfixed.said:  # it said no, and not because of the file
        found.append(f"the hook does not start: {_last(unfixed.said)}")
    if fixed.code != 0 and not found:
        found.append(f"the hook blocks a test class that has the pattern: {_last(fixed.said)}")
    return found


def _last(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if not line.startswith(("- ", "next:", "Check the log"))]
    return (telling or lines or ["it said nothing"])[-1]


def _sample(top: Path, excluded: object) -> Source | None:
    """A file with a test class that lacks the pattern, by names that count in the project."""
    patterns = [str(one) for one in excluded] if isinstance(excluded, list) else []
    for folder in (test_folder(top), "tests", ""):
        for glob in settings_for(top, f"{folder}/x.py".lstrip("/")).files:
            file = PurePosixPath(glob).name.replace("*", _WORD)
            path = f"{folder}/{file}" if folder else file
            settings = settings_for(top, path)
            name = _named(settings.classes, "GuardSample", settings.collects_class)
            method = _named(settings.functions, "_it", settings.collects_function)
            is_left_out = any(fnmatchcase(path, pattern) for pattern in patterns)
            if settings.collects_file(path) and name and method and not is_left_out:
                return Source(path, _UNFIXED.format(name=name, method=method).encode())
    return None


def _named(patterns: Sequence[str], ending: str, counts: Callable[[str], bool]) -> str | None:
    """A name that one of the patterns takes: a prefix, or with a `*`."""
    made = (p.replace("*", ending) if "*" in p else f"{p}{ending}" for p in patterns)
    return next((name for name in made if name.isidentifier() and counts(name)), None)


def _furnish(
    folder: Path,
    alone: Mapping[str, object],
    hook: Mapping[str, object],
    contents: Mapping[str, Content],
    top: Path,
) -> None:
    """A repository with this hook alone, and the files of the project that it reads."""
    (folder / CONFIGURATION).write_text(yaml.safe_dump(dict(alone)), "utf-8")
    for path in (*CONFIGURATIONS, *_scripts(hook)):
        if (held := _held(path, contents, top)) is not None:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(held)
    process.run(["git", "init", "--quiet", "."], cwd=folder, env=_alone(), timeout_s=LIMIT_S)


def _scripts(hook: Mapping[str, object]) -> list[str]:
    """The words of its entry that may be files of the repository.

    Raises:
        Cannot: it cannot be taken apart.
    """
    try:
        words = shlex.split(str(hook.get("entry", "")))
    except ValueError as error:
        raise Cannot(f"the entry of the hook: {error}") from error
    return [word for word in words if not word.startswith(("/", "-", ".."))]


def _alone() -> dict[str, str]:
    """The environment without git's variables: in a hook they are of the user's repository."""
    git = [name for name in os.environ if name.startswith("GIT_")]
    return process.environment(without=git)


def _run(folder: Path, hook: Mapping[str, object], path: str, data: bytes) -> _Ran:
    file = folder / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    process.run(["git", "add", "--all"], cwd=folder, env=_alone(), timeout_s=LIMIT_S)
    ended = process.run(_command(hook, path), cwd=folder, env=_alone(), timeout_s=LIMIT_S)
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


def _table(contents: Mapping[str, Content], top: Path) -> Mapping[str, Any]:
    """What `[tool.orchestrate]` of the project says.

    Raises:
        Cannot: the file cannot be read.
    """
    data = _held("pyproject.toml", contents, top)
    try:
        tool = tomllib.loads((data or b"").decode("utf-8")).get("tool", {})
    except ValueError as error:
        raise Cannot(f"pyproject.toml: {error}") from error
    found = tool.get("orchestrate", {}) if isinstance(tool, dict) else {}
    return found if isinstance(found, dict) else {}


def _held(path: str, contents: Mapping[str, Content], top: Path) -> bytes | None:
    if path in contents:
        return contents[path]
    return read_if_there(top / path)
