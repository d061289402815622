"""Builds the command that shows a failure again, from the plan and from ids that were checked.

What a record or a worker says becomes neither a program nor an option of one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import commandline
from orchestrator.base.paths import why_unsafe
from orchestrator.plan.model import Plan
from orchestrator.plan.projects import projects_of, verify_in, wanted_python
from orchestrator.plan.verify import GateName, Verify
from orchestrator.project.folders import TOP, inside, started_in
from orchestrator.project.ids import below_file, file_of, from_top
from orchestrator.project.interpreter import own_python

_MOST_TESTS = 5
"""Of more red tests, the whole file is run."""

_MOST_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Start:
    """How pytest is started for a file: in which folder, by which interpreter, with what."""

    folder: str
    python: str
    arguments: Sequence[str]


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Knows the plan's commands and arguments, and the project's interpreter.

    `verify_of` says what must hold for a file, `started` how pytest is started for it; without
    that, at the top.
    """

    verify_of: Callable[[str], Verify]
    python: str
    started: Callable[[str, Verify], Start] | None = None

    def words(self, gate: str, path: str, tests: Sequence[str] = ()) -> list[str] | None:
        """The command that shows what `gate` holds against a file; None where there is none.

        `tests` are ids. Those that name no file of the repository are left out; without any, it is
        the whole file.
        """
        if why_unsafe(path):
            return None
        verify = self.verify_of(path)
        command = next((one for one in verify.commands if one.name == gate), None)
        if command is not None:
            return commandline.words(command.run, [_argument(path)], self.python)
        if gate == GateName.COMPILE:
            return [self.python, "-m", "py_compile", _argument(path)]
        if gate in {GateName.COLLECT, GateName.TEST}:
            only = ["--collect-only"] if gate == GateName.COLLECT else []
            asked = _asked(path, tests)
            how = self._start(file_of(asked[0]), verify)
            pytest = [how.python, "-m", "pytest", *how.arguments, *only]
            ids = [_argument(inside(id_, how.folder)) for id_ in asked]
            return started_in(how.folder, [*pytest, *ids])
        return ["git", "diff", "--", path]

    def _start(self, path: str, verify: Verify) -> Start:
        if self.started is None:
            return Start(TOP, self.python, verify.pytest_args)
        return self.started(path, verify)


def reproduction(plan: Plan, top: Path, python: str, *, here: bool = True) -> Reproduction:
    """What is needed to write the commands that reproduce a failure in the repository at `top`.

    The commands name the interpreter `python`. If they are for this machine (`here`), those for a
    project with an interpreter of its own name that one.
    """
    projects = projects_of(plan, top)

    def started(path: str, verify: Verify) -> Start:
        folder = projects.of(path)
        own = own_python(top, wanted_python(plan, None, folder)) if here else None
        return Start(folder, str(own or python), verify_in(plan, folder, verify).pytest_args)

    return Reproduction(plan.verify_by_file(), python, started)


def _asked(path: str, tests: Sequence[str]) -> list[str]:
    """Returns the tests to run: the ids, or the file of the first one if there are many."""
    ids = list(dict.fromkeys(from_top(test) for test in tests if _is_id(from_top(test))))
    if not ids:
        return [path]
    return [file_of(ids[0])] if len(ids) > _MOST_TESTS else ids


def _is_id(test: str) -> bool:
    is_short = len(test) <= _MOST_CHARACTERS and "\0" not in below_file(test)
    return is_short and why_unsafe(file_of(test)) is None


def _argument(path: str) -> str:
    """A path that no program takes for an option, or for a file that holds some."""
    return path if path[0].isalnum() or path[0] == "_" else f"./{path}"
