"""Finds which folder of a repository pytest takes for its root when it runs a test file."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from orchestrator.project.pytest_config import CONFIGURATIONS, is_configured, settings_for

TOP = ""
"""The folder that is the top of the repository itself."""

_MARKERS = ("pyproject.toml", "setup.py")
"""What pytest takes its root from where nothing configures it, in this order."""

_MAY_MARK = frozenset({*_MARKERS, *CONFIGURATIONS})
_ENVIRONMENT = "pyvenv.cfg"
_NO_PROJECTS = frozenset({"node_modules", "venv", "__pycache__", "build", "dist"})


@dataclass(frozen=True, slots=True)
class Projects:
    """The projects of a repository; `declared` are folders from `top` that the plan names as such.

    A folder is told as its path from the top, and as "" where it is the top.
    """

    top: Path
    declared: Sequence[str] = ()
    _found: dict[str, str] = field(default_factory=dict)
    _below: dict[str, list[str]] = field(default_factory=dict)

    def of(self, path: str) -> str:
        """The folder of the project that a test file, or a folder of them, belongs to.

        One that the plan declares comes first. Else it is the nearest with a configuration of
        pytest, unless `testpaths` of one above it names the file; else the nearest folder with a
        pyproject.toml, or a setup.py; else the top.
        """
        path = path.removeprefix("./").rstrip("/")
        folder = path if path != "." and (self.top / path).is_dir() else path.rpartition("/")[0]
        if folder not in self._found:
            self._found[folder] = self._folder_of(folder)
        return self._found[folder]

    def of_all(self, paths: Iterable[str]) -> list[str]:
        """Return the project folders of several paths: each once, in the order of the paths."""
        return list(dict.fromkeys(self.of(path) for path in paths))

    def below(self, folder: str) -> list[str]:
        """Return the folders of other projects below a folder; not those nested in one of them."""
        folder = TOP if folder == "." else folder.removeprefix("./").rstrip("/")
        if folder not in self._below:
            self._below[folder] = list(self._others(folder))
        return self._below[folder]

    def spread(self, tests: Iterable[str]) -> list[str]:
        """Return the test paths and, for each folder, the test paths of other projects below it.

        Each project is run by itself: pytest reads one configuration in a run.
        """
        found: list[str] = []
        for test in tests:
            found.append(test)
            for project in self.below(test) if (self.top / test).is_dir() else ():
                found += collected_below(self.top, project, project)
        return list(dict.fromkeys(found))

    def ignoring(self, project: str, tests: Iterable[str]) -> list[str]:
        """Return the `--ignore` arguments that keep pytest out of other projects below `tests`."""
        folders = [t for t in tests if (self.top / t).is_dir() and self.of(t) == project]
        others = dict.fromkeys(other for folder in folders for other in self.below(folder))
        return [f"--ignore={inside(other, project)}" for other in others]

    def _others(self, folder: str) -> Iterator[str]:
        own = self.of(folder or ".")
        for at, names, files in os.walk(self.top / folder):
            here = Path(at).relative_to(self.top).as_posix()
            here = TOP if here == "." else here
            if _ENVIRONMENT in files:
                names.clear()
                continue
            marks = here in self.declared or not _MAY_MARK.isdisjoint(files)
            if here != folder and marks and self.of(here or ".") == here != own:
                yield here
                names.clear()  # what lies in that is its own matter
            names[:] = sorted(n for n in names if n not in _NO_PROJECTS and not n.startswith("."))

    def _folder_of(self, folder: str) -> str:
        declared = [one for one in self.declared if lies_in(folder, one)]
        if declared:
            return max(declared, key=len)
        above = _above(folder)
        configured = [at for at in above if is_configured(self.top / at)]
        if configured:
            named = (at for at in configured[1:] if self._names(at, folder))
            return next(named, configured[0])
        for marker in _MARKERS:
            for at in above:
                if (self.top / at / marker).is_file():
                    return at
        return TOP

    def _names(self, at: str, folder: str) -> bool:
        """Whether `testpaths` of the configuration in `at` names the folder, or one above it."""
        inside = folder[len(at) :].lstrip("/")
        parents = [parent for parent in _above(inside) if parent]
        paths = settings_for(self.top, f"{at}/x.py".lstrip("/")).testpaths
        return any(fnmatchcase(parent, path.strip("/")) for parent in parents for path in paths)


def _above(folder: str) -> list[str]:
    """The folder and those above it, the top last."""
    parts = folder.split("/") if folder else []
    return ["/".join(parts[:count]) for count in range(len(parts), -1, -1)]


def lies_in(path: str, folder: str) -> bool:
    """Whether the path is `folder` or below it; "" and "." stand for the top of the repository."""
    return folder in {TOP, ".", path} or path.startswith(f"{folder}/")


def inside(path: str, folder: str) -> str:
    """A path from the top, told from a folder of a project: `a/tests/x.py` → `tests/x.py`."""
    if folder == TOP:
        return path
    return "." if path.rstrip("/") == folder else path.removeprefix(f"{folder}/")


def started_in(folder: str, command: Sequence[str]) -> list[str]:
    """Return the command that is typed at the top to start `command` in a folder below it."""
    return [*(["env", "-C", folder] if folder else []), *command]


def collected_below(top: Path, project: str, folder: str) -> list[str]:
    """What plain `pytest` in a project collects at or below `folder`; both are told from the top.

    That is what its `testpaths` name there; without any, the folder. "." is the top itself.
    """
    found = []
    for named in _test_paths(top, project):
        if lies_in(named, folder):
            found.append(named)
        elif lies_in(folder, named):
            return [folder or "."]
    return list(dict.fromkeys(found)) or [folder or "."]


def _test_paths(top: Path, project: str) -> list[str]:
    """What `testpaths` of a project name that is there, from the top."""
    names = settings_for(top, f"{project}/x.py".lstrip("/")).testpaths
    patterns = [name.removeprefix("./").rstrip("/") for name in names]
    found = [path for name in patterns if _is_below(name) for path in (top / project).glob(name)]
    return sorted(path.relative_to(top).as_posix() for path in found)


def _is_below(name: str) -> bool:
    return bool(name) and not name.startswith("/") and ".." not in name.split("/")
