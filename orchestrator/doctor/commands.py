"""Finds the commands of a repository that start pytest over several workers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.reading import read_text_of

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
_COMMENT = re.compile(r"(?:^|\s)#.*")


@dataclass(frozen=True, slots=True)
class Command:
    """A line of the repository that starts pytest in parallel; `number` counts from 1."""

    path: str
    number: int
    text: str

    @property
    def pins(self) -> bool:
        """Whether it says itself that groups count."""
        return _LOADGROUP.search(self.text) is not None

    @property
    def overrides(self) -> bool:
        """Whether groups do not count in it, whatever the configuration says."""
        return _OTHER_DIST.search(self.text) is not None


def commands(top: Path) -> Iterator[Command]:
    """The lines of build and CI files that start pytest with `-n`."""
    for pattern in _FILES_WITH_COMMANDS:
        for file in sorted(top.glob(pattern)):
            try:
                lines = read_text_of(file, errors="replace").splitlines()
            except OSError:
                continue
            path = file.relative_to(top).as_posix()
            for number, line in _joined(lines):
                for part in _APART.split(_COMMENT.sub("", line)):
                    if _is_parallel(part.strip()):
                        yield Command(path, number, part.strip())


def _is_parallel(command: str) -> bool:
    """Whether one command of a line starts pytest with workers, or with another `--dist`."""
    found = _PYTEST.search(command)
    if found is None or command.lstrip("@-\"' ").startswith(("echo", "pip ", "uv pip", "apt")):
        return False
    arguments = found["arguments"]
    return bool(_WORKERS.search(arguments) or _OTHER_DIST.search(arguments))


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
