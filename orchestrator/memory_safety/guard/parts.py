"""What a guard consists of, which part a file is for, and what may be wished for."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from orchestrator.project.pytest_config import CONFIGURATIONS

if TYPE_CHECKING:
    from orchestrator.plan.base import OptionValue

HOOK_ID = "validate-test-memory-safety"
GUIDELINES = "tests/MEMORY_SAFETY_GUIDELINES.md"


class Cannot(Exception):
    """The part cannot be put into this file; the reason is the message."""


class Part(StrEnum):
    """One thing that keeps the change from being lost again."""

    HOOK = "hook"
    CI = "ci"
    VALIDATOR = "validator"
    GUIDELINES = "guidelines"
    SECTION = "section"
    SETTINGS = "settings"
    FREEZE = "freeze"


_BY_NAME = {
    ".pre-commit-config.yaml": Part.HOOK,
    "conftest.py": Part.FREEZE,
    **dict.fromkeys(CONFIGURATIONS, Part.SETTINGS),
}
_BY_PATTERN = {
    ".github/workflows/*.y*ml": Part.CI,
    "*GUIDELINES.md": Part.GUIDELINES,
    "*.md": Part.SECTION,
    "*.py": Part.VALIDATOR,
}


def part_of(path: str, given: object = None) -> Part | None:
    """The part that is asked for, else the one that a file of this name is for."""
    if given is not None:
        return Part(str(given))
    if (part := _BY_NAME.get(PurePosixPath(path).name)) is not None:
        return part
    return next((p for pattern, p in _BY_PATTERN.items() if fnmatchcase(path, pattern)), None)


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """How it is to be done. `repo` and `rev` are where the team keeps orchestrate, for git."""

    repo: str = ""
    rev: str = ""
    validator: str = ""
    install: str = ""
    guidelines: str = GUIDELINES
    job: str = ""
    ratchet: bool = True
    dist: bool = True

    @property
    def check(self) -> str:
        """The command that checks test files."""
        command = (
            f"python3 {shlex.quote(self.validator)}" if self.validator else "orchestrate-check"
        )
        return f"{command} --ratchet" if self.ratchet else command

    @property
    def installing(self) -> str:
        """The command that makes orchestrate available where nothing is; "" where nobody knows."""
        if self.install or not self.repo:
            return self.install
        return f'python -m pip install "orchestrate-migration @ git+{self.repo}@{self.rev}"'


OPTIONS = {
    "part": f"which part a file is for; default: by its name; one of {', '.join(Part)}",
    "repo": "the git repository pre-commit installs orchestrate from; without it a local hook",
    "rev": "the commit or tag of it",
    "validator": "a script of the repository that the hook runs instead of orchestrate-check",
    "install": "the command that installs orchestrate in CI; default: from repo and rev",
    "guidelines": f"where the guidelines are; default: {GUIDELINES}",
    "job": "the job of a workflow that gets the step; default: the first that runs tests",
    "ratchet": "false: hook and CI also complain about files no batch has reached yet",
    "dist": "false: --dist loadgroup is not added to addopts",
}
_FLAGS = ("ratchet", "dist")


def wishes_of(given: Mapping[str, OptionValue]) -> GuardSettings:
    """The options; what is given was found to be right by `problems`."""
    known = {name: given[name] for name in given if name != "part"}
    return GuardSettings(**known)


def problems(path: str, given: Mapping[str, OptionValue]) -> Iterator[str]:
    """What is wrong with the options for a file; of a phase where there is no path."""
    for name, value in given.items():
        if name in _FLAGS and not isinstance(value, bool):
            yield f"{name} is {value!r}; it can be true or false"
        elif name not in _FLAGS and not (isinstance(value, str) and value.strip()):
            yield f"{name} is {value!r}, and no text"
    part = given.get("part")
    if isinstance(part, str) and part not in set(Part):
        yield f"part is {part!r}; it can be {', '.join(Part)}"
    elif path and part_of(path, part) is None:
        yield f"{path!r} is for no part that a guard has; say which: part: {', '.join(Part)}"
    if ("repo" in given) != ("rev" in given):
        yield "repo and rev belong together: where orchestrate is, and which commit of it"
