"""Builds the command that shows a failure again, from the plan and from ids that were checked.

What a record or a worker says becomes neither a program nor an option of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator import programs
from orchestrator.gates.ids import below_file, file_of
from orchestrator.paths import why_unsafe
from orchestrator.plan.verify import GateName, Verify

_MOST_TESTS = 5
"""Of more red tests, the whole file is run."""

_MOST_CHARACTERS = 4_000


@dataclass(frozen=True, slots=True)
class Reproduction:
    """Knows the plan's commands and arguments, and the project's interpreter."""

    verify: Verify
    python: str

    def words(self, gate: str, path: str, tests: Sequence[str] = ()) -> list[str] | None:
        """The command that shows what `gate` holds against a file; None where there is none.

        `tests` are ids. Those that name no file of the repository are left out; without any, it is
        the whole file.
        """
        if why_unsafe(path):
            return None
        command = next((one for one in self.verify.commands if one.name == gate), None)
        if command is not None:
            return programs.words(command.run, [_argument(path)], self.python)
        if gate == GateName.COMPILE:
            return [self.python, "-m", "py_compile", _argument(path)]
        if gate in {GateName.COLLECT, GateName.TEST}:
            only = ["--collect-only"] if gate == GateName.COLLECT else []
            pytest = [self.python, "-m", "pytest", *self.verify.pytest_args, *only]
            return [*pytest, *_asked(path, tests)]
        return ["git", "diff", "--", path]


def _asked(path: str, tests: Sequence[str]) -> list[str]:
    """Returns pytest's arguments: the test ids, or the file of the first one if there are many."""
    ids = list(dict.fromkeys(test for test in tests if _is_id(test)))
    if not ids:
        return [_argument(path)]
    if len(ids) > _MOST_TESTS:
        return [_argument(file_of(ids[0]))]
    return [_argument(id_) for id_ in ids]


def _is_id(test: str) -> bool:
    is_short = len(test) <= _MOST_CHARACTERS and "\0" not in below_file(test)
    return is_short and why_unsafe(file_of(test)) is None


def _argument(path: str) -> str:
    """A path that no program takes for an option, or for a file that holds some."""
    return path if path[0].isalnum() or path[0] == "_" else f"./{path}"
