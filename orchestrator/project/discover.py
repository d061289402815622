"""Finds the files that are meant: named ones, those below a folder, or the project's tests."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from glob import glob
from pathlib import Path

from orchestrator.base.escape import as_argument
from orchestrator.errors import BadInput
from orchestrator.project.pytest_config import is_configured, settings_for
from orchestrator.vcs import find_top

_NEVER_TESTS = {"__pycache__", "site-packages"}


def project_top(here: Path) -> Path:
    """The folder that paths are told from: of the repository, else of pytest's configuration."""
    if (repository := find_top(here)) is not None:
        return repository
    return next((at for at in (here, *here.parents) if is_configured(at)), here)


def discovered(
    given: Sequence[str], *, here: Path, top: Path, exclude: Sequence[str] = ()
) -> list[str]:
    """Python files by their path from `top`, sorted, each once.

    Without `given`, what `testpaths` of pytest's configuration names, else everything below `here`.
    Folders are searched as pytest does it: without environments, what `norecursedirs` matches, and
    what `--ignore` of `addopts` names. A file that is named itself is always taken.

    Raises:
        BadInput: there is nothing of that name, or it lies outside the project.
    """
    wanted = [path for name in given for path in expanded(name, here)] or _default(here, top)
    found: set[str] = set()
    for path in wanted:
        if not path.exists():
            shown = os.path.relpath(path, here)
            raise BadInput(f"there is no file or folder {shown!r}", next_step="git ls-files")
        if not (path.is_file() or path.is_dir()):
            shown = os.path.relpath(path, here)
            raise BadInput(
                f"{shown!r} is neither a file nor a folder", next_step=f"ls -l {as_argument(shown)}"
            )
        for file in _files(path, top) if path.is_dir() else [path]:
            relative = os.path.relpath(file, top)
            if relative.startswith(os.pardir):  # or it is named through a link to the project
                relative = os.path.relpath(file.parent.resolve() / file.name, top.resolve())
            if relative.startswith(os.pardir):
                raise BadInput(
                    f"{str(path)!r} lies outside the project {str(top)!r}",
                    next_step=f"cd {as_argument(str(path.parent))}",
                )
            found.add(relative.replace(os.sep, "/"))
    excluded = _with_folders(exclude)
    return sorted(path for path in found if not _matches(path, excluded))


def expanded(name: str, here: Path) -> list[Path]:
    """The path that is named, or what a pattern matches where no file is called so.

    Raises:
        BadInput: the pattern matches nothing.
    """
    if (here / name).exists() or not set(name) & set("*?["):
        return [here / name]
    if not (found := sorted(here.glob(name))):
        raise BadInput(f"no file matches {name!r}", next_step="git ls-files")
    return found


def _default(here: Path, top: Path) -> list[Path]:
    return [here] if here != top else [top / path for path in test_paths(top)]


def test_paths(top: Path) -> list[str]:
    """What pytest takes at the top where nothing is named: `testpaths`, or everything."""
    names = settings_for(top, "test_it.py").testpaths
    found = [path for name in names for path in sorted(glob(name, root_dir=top))]  # noqa: PTH207 - a path from / too
    return found or ["."]


def _files(folder: Path, top: Path) -> Iterator[Path]:
    settings = settings_for(top, os.path.relpath(folder / "test_it.py", top))
    for name, folders, files in os.walk(folder):
        at = os.path.relpath(name, top).replace(os.sep, "/")
        folders[:] = [
            f
            for f in folders
            if f not in _NEVER_TESTS
            and not _is_left_out(f if at == "." else f"{at}/{f}", settings.folders_left_out)
            and not Path(name, f, "pyvenv.cfg").exists()
        ]
        for file in files:
            path = file if at == "." else f"{at}/{file}"
            if file.endswith(".py") and not _matches(path, settings.left_out):
                found = Path(name, file)
                if found.is_file():  # no pipe, no dangling link
                    yield found


def _is_left_out(folder: str, patterns: Sequence[str]) -> bool:
    """As pytest does it: a pattern with a slash is one of paths, from any folder on."""
    name = folder.rpartition("/")[2]
    return any(
        fnmatchcase(f"/{folder}", f"*/{pattern}") if "/" in pattern else fnmatchcase(name, pattern)
        for pattern in patterns
    )


def _with_folders(patterns: Sequence[str]) -> list[str]:
    """The patterns, each also as that of a folder with everything in it."""
    return [form for p in patterns for form in (p.rstrip("/"), f"{p.rstrip('/')}/*")]


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)
