"""Finds the Python that runs the project's tests, and what it has installed."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.base import process
from orchestrator.base.escape import as_argument
from orchestrator.base.redact import redacted
from orchestrator.errors import CannotJudge, NoPython

_ENVIRONMENTS = (".venv", "venv")
_OLDEST_PYTEST = (7, 4)
_GROUPS_NOTHING = ((9, 2), (3, 8, 99))
"""From this pytest on, up to this pytest-xdist, `loadgroup` groups nothing."""

_INSTALLED = frozenset({"site-packages", "dist-packages"})

_DESCRIBE = """
import json, os, re, sys
from importlib.util import find_spec
def version(name):
    # by the folder an installer left: importlib.metadata takes longer than all the rest of this
    installed = re.compile(name + r"-([^-]+)(-py[0-9.]+)?[.](dist|egg)-info$", re.IGNORECASE)
    for folder in sys.path:
        try:
            found = [installed.match(entry) for entry in os.listdir(folder or ".")]
        except OSError:
            continue
        for match in filter(None, found):
            return match.group(1)
    return ""  # unknown
print(json.dumps({
    "version": "%d.%d.%d" % sys.version_info[:3],
    "pytest": find_spec("pytest") is not None,
    "xdist": find_spec("xdist") is not None,
    "versions": [version("pytest"), version("pytest[-_.]xdist")],
    "libcst": find_spec("libcst") is not None,
    "memray": find_spec("pytest_memray") is not None,
    "managed": sys.prefix == sys.base_prefix
    and os.path.exists(os.path.join(os.path.dirname(os.__file__), "EXTERNALLY-MANAGED")),
    "search": [path for path in sys.path if path],
    "editable": [
        os.path.dirname(path)
        for finder in sys.meta_path
        if getattr(finder, "__module__", "").startswith("__editable__")
        for path in getattr(sys.modules[finder.__module__], "MAPPING", {}).values()
    ],
}))
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python of the project. `found` says by which rule it was chosen.

    `search` is where it looks for modules, `editable` the folders of packages that are installed
    from where they are written. In runs of pytest it looks into `first` before all of them.
    `is_managed` says that pip installs nothing, since the packages are those of the system; `again`
    is how another interpreter is named.
    """

    path: Path
    found: str
    version: str
    has_xdist: bool
    has_pytest: bool = True
    has_libcst: bool = False
    has_memray: bool = False
    search: Sequence[str] = ()
    editable: Sequence[str] = ()
    first: tuple[str, ...] = ()
    is_managed: bool = False
    again: str = ""
    pytest_version: str = ""
    xdist_version: str = ""
    """Empty where it is not there, or does not tell."""

    @property
    def why_groups_are_inert(self) -> str | None:
        """Why `--dist loadgroup` keeps no tests together here, where that is known."""
        pytest, xdist = _numbers(self.pytest_version), _numbers(self.xdist_version)
        if not xdist or pytest < _GROUPS_NOTHING[0] or xdist > _GROUPS_NOTHING[1]:
            return None
        pair = f"pytest {self.pytest_version} with pytest-xdist {self.xdist_version}"
        step = f'{as_argument(str(self.path))} -m pip install "pytest<9.2"'
        return f"{pair} keeps no tests of a group together: {step}"

    @property
    def version_info(self) -> tuple[int, int]:
        """Its version as numbers: 3 and 12, for example."""
        major, minor, *_ = self.version.split(".")
        return int(major), int(minor)

    def moved(self, top: Path, to: Path) -> Interpreter:
        """The same for a second work tree: what it finds of the project, it finds there."""
        top = top.resolve()
        found = [Path(path).resolve() for path in (*self.search, *self.editable)]
        below = [path.relative_to(top) for path in found if path.is_relative_to(top)]
        ours = [folder for folder in below if not _INSTALLED.intersection(folder.parts)]
        return replace(self, first=tuple(dict.fromkeys(str(to / folder) for folder in ours)))

    def must_have_pytest(self) -> None:
        """Make sure that it can run tests.

        Raises:
            CannotJudge: it has no pytest, or an older one than we can ask.
        """
        if not self.has_pytest:
            install = f"{as_argument(str(self.path))} -m pip install pytest"
            if self.is_managed:
                made = f"{as_argument(str(self.path))} -m venv .venv"
                install = f"{made} && .venv/bin/python -m pip install pytest"
            raise CannotJudge(
                f"{str(self.path)!r} ({self.found}) has no pytest, so nothing could be verified",
                next_step=f"{install}, or: {self.again}",
            )
        if self.pytest_version and _numbers(self.pytest_version) < _OLDEST_PYTEST:
            oldest = ".".join(map(str, _OLDEST_PYTEST))
            raise CannotJudge(
                f"pytest {self.pytest_version} of {str(self.path)!r} ({self.found}) is too old: "
                f"{oldest} or newer is needed",
                next_step=f'{as_argument(str(self.path))} -m pip install "pytest>={oldest}"',
            )


@dataclass(frozen=True, slots=True)
class Wanted:
    """By what a project's interpreter is chosen.

    `option` is what `--python` names, `plan` what `verify.python` does. `folder` is that of a
    project below the top, and `own` what the plan names for that one alone.
    """

    option: str | None = None
    plan: str | None = None
    folder: str = ""
    own: str | None = None


def interpreter(top: Path, wanted: Wanted, *, command: str | None = "next-batch") -> Interpreter:
    """The project's interpreter: `--python`, the plan's, the active environment's, `.venv`, PATH.

    For a project below the top, what the plan names for it comes before `--python`, and its own
    `.venv` right after it. `command` is the subcommand that an error suggests to repeat with
    `--python`; None where it has no such option.

    Raises:
        CannotJudge: there is none, or it does not start.
    """
    in_plan = "`verify: {python: PATH}` in the plan"
    again = f"orchestrate {command} --python PATH, or {in_plan}" if command else in_plan
    path, found = next(_candidates(top, wanted), (None, ""))
    if path is None:
        raise NoPython(
            "no Python to run this project's tests was found: no environment is active or called "
            "`.venv`, and neither `python` nor `python3` is on PATH",
            next_step=again,
        )
    return _described(path, found, top, again)


def chosen(top: Path, wanted: Wanted) -> Path | None:
    """The interpreter a run would use; nothing is started."""
    return next((path for path, _ in _candidates(top, wanted)), None)


def own_python(top: Path, wanted: Wanted) -> Path | None:
    """The interpreter of a project that has one of its own, in the plan or as an environment."""
    return next((path for path, _ in _own(top, wanted)), None)


def _own(top: Path, wanted: Wanted) -> Iterator[tuple[Path, str]]:
    if wanted.own is not None:
        yield _named(top, wanted.own), f"python of the project {wanted.folder} in the plan"
    if wanted.folder:
        for name in _ENVIRONMENTS:
            yield from _in_environment(top / wanted.folder / name, f"{wanted.folder}/{name}")


def _candidates(top: Path, wanted: Wanted) -> Iterator[tuple[Path, str]]:
    if wanted.own is None and wanted.option is not None:
        yield _named(Path.cwd(), wanted.option), "--python"
    yield from _own(top, wanted)
    if wanted.plan is not None:
        yield _named(top, wanted.plan), "verify.python of the plan"
    for variable in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        if prefix := os.environ.get(variable):
            yield from _in_environment(Path(prefix), f"${variable}")
    for name in _ENVIRONMENTS:
        yield from _in_environment(top / name, name)
    for name in ("python", "python3"):
        if on_path := shutil.which(name):
            own = Path(on_path).parent == Path(sys.executable).parent
            yield Path(on_path), "PATH: the environment of orchestrate itself" if own else "PATH"


def _named(folder: Path, given: str) -> Path:
    """A path, relative ones from `folder`, or the name of a program on PATH."""
    if os.sep not in given and (on_path := shutil.which(given)):
        return Path(on_path)
    # not resolved: a link into an environment is what makes it that environment's Python
    return Path(os.path.normpath(folder / Path(given).expanduser()))


def _in_environment(prefix: Path, found: str) -> Iterator[tuple[Path, str]]:
    if (python := prefix / "bin" / "python").exists():
        yield python, found


def _numbers(version: str) -> tuple[int, ...]:
    """The numbers a version begins with: `9.2.0rc1` → 9, 2, 0."""
    found = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, found[0].split("."))) if found else ()


def _described(path: Path, found: str, top: Path, again: str) -> Interpreter:
    try:
        ended = process.run([str(path), "-c", _DESCRIBE], cwd=top, timeout_s=60)
    except process.ProgramMissing as error:
        raise CannotJudge(f"{error.what} ({found})", next_step=again) from error
    try:
        facts = json.loads(ended.output.strip().splitlines()[-1])
    except (ValueError, IndexError) as error:
        raise CannotJudge(
            f"{str(path)!r} ({found}) is not a Python that starts: "
            f"{redacted(ended.output.strip())[-300:]!r}",
            next_step=again,
        ) from error
    return Interpreter(
        path,
        found,
        facts["version"],
        facts["xdist"],
        facts["pytest"],
        facts["libcst"],
        facts["memray"],
        facts["search"],
        facts["editable"],
        is_managed=facts["managed"],
        again=again,
        pytest_version=facts["versions"][0],
        xdist_version=facts["versions"][1],
    )
