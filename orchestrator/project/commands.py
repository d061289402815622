"""Finds the commands of a repository that start pytest, as its builds and scripts name them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base.reading import read_text_of

_FILES_WITH_COMMANDS = (
    "Makefile", "justfile", "tox.ini", "noxfile.py", "tasks.py", "package.json", "setup.cfg",
    ".gitlab-ci.yml", "azure-pipelines.yml", ".travis.yml", ".circleci/config.yml",
    ".github/workflows/*.yml", ".github/workflows/*.yaml", "scripts/*.sh", "*.sh",
)  # fmt: skip
_PYTEST = re.compile(r"(?:^|[\s/\"'=:@])(?:pytest|py\.test)(?P<arguments>(?:\s.*)?)$")
_WORKERS = re.compile(r"\s(?:-[a-zA-Z]*n\s*=?|--numprocesses[= ])\s*(?!0(?:\s|$))[\w${}({]")
_LOADGROUP = re.compile(r"--dist[= ]\s*loadgroup\b")
_OTHER_DIST = re.compile(r"--dist[= ]\s*(?!loadgroup\b)\w|\s(?:-o|--override-ini)[= ]?\s*addopts=")
_APART = re.compile(r"\|\|?|&&|;")
_OTHERS = ("echo", "pip ", "uv pip", "apt")
_LEAVING_OUT = frozenset({"--deselect", "--ignore", "--ignore-glob", "-k", "-m"})
_VARIABLE = re.compile(r"[$%{}]")
_COMMENT = re.compile(r"(?:^|\s)#.*")


@dataclass(frozen=True, slots=True)
class PytestCommand:
    """A line of the repository that starts pytest; `number` counts from 1."""

    path: str
    number: int
    text: str

    @property
    def place(self) -> str:
        """`path:number`."""
        return f"{self.path}:{self.number}"

    @property
    def pins(self) -> bool:
        """Whether it says itself that groups count."""
        return _LOADGROUP.search(self.text) is not None

    @property
    def overrides(self) -> bool:
        """Whether groups do not count in it, whatever the configuration says."""
        return _OTHER_DIST.search(self.text) is not None

    @property
    def is_parallel(self) -> bool:
        """Whether it starts workers, or says by which `--dist`."""
        found = _PYTEST.search(self.text)
        arguments = found["arguments"] if found else ""
        return bool(_WORKERS.search(arguments) or _OTHER_DIST.search(arguments))

    @property
    def leaves_out(self) -> list[tuple[str, ...]]:
        """The options by which it leaves tests out, each as its words.

        They name paths, ids, or what is not to be selected. What depends on a variable of the build
        is not among them.
        """
        found: list[tuple[str, ...]] = []
        words = iter(_words(self.text))
        for word in words:
            name, equals, value = word.partition("=")
            if name not in _LEAVING_OUT:
                continue
            value = value if equals else next(words, "")
            is_meant = value.startswith("not ") if name in {"-k", "-m"} else value != ""
            if is_meant and not _VARIABLE.search(value):
                found.append((name, value) if name in {"-k", "-m"} else (f"{name}={value}",))
        return found


def pytest_commands(top: Path) -> Iterator[PytestCommand]:
    """The lines of build and CI files that start pytest."""
    for pattern in _FILES_WITH_COMMANDS:
        for file in sorted(top.glob(pattern)):
            try:
                lines = read_text_of(file, errors="replace").splitlines()
            except OSError:
                continue
            path = file.relative_to(top).as_posix()
            for number, line in _joined(lines):
                for part in map(str.strip, _APART.split(_COMMENT.sub("", line))):
                    if _PYTEST.search(part) and not part.lstrip("@-\"' ").startswith(_OTHERS):
                        yield PytestCommand(path, number, part)


def parallel_commands(top: Path) -> Iterator[PytestCommand]:
    """Those of them that start pytest with `-n`, or with another `--dist`."""
    return (command for command in pytest_commands(top) if command.is_parallel)


def _words(text: str) -> list[str]:
    """Split the arguments after `pytest` as a shell does; an unbalanced quote gives none."""
    found = _PYTEST.search(text)
    arguments = found["arguments"].strip() if found else ""
    for tried in (arguments, arguments[:-1] if arguments.endswith(('"', "'")) else ""):
        try:
            return shlex.split(tried)
        except ValueError:
            continue
    return []


def _joined(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Each line with its number, with what a backslash at its end continues it by."""
    start, text = 1, ""
    for number, line in enumerate(lines, start=1):
        text += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield start, text
            start, text = number + 1, ""
    if text:
        yield start, text
