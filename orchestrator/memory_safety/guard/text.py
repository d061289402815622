"""What a guard tells people: the guidelines, and a section in a file of theirs."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from string import Template

from orchestrator.base.reading import read_regular
from orchestrator.memory_safety.fixer.reading.heirs import test_files
from orchestrator.memory_safety.guard import places
from orchestrator.memory_safety.guard.parts import Cannot, GuardSettings
from orchestrator.project.pytest_config import settings_for

BEGIN, END = "<!-- test-memory-safety: begin -->", "<!-- test-memory-safety: end -->"
_HEADING = re.compile(r"^## .*$", re.MULTILINE)
_CLASS = re.compile(rb"^class[ \t]+(\w+)", re.MULTILINE)
_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Numbers:
    """What the test files of a project hold; classes by their names alone."""

    files: int = 0
    classes: int = 0
    with_async_mock: int = 0
    with_mark: int = 0


def numbers_of(top: Path) -> Numbers:
    """The numbers, from a look at the bytes of each test file."""
    files = classes = mocks = marks = 0
    for file in test_files(top):
        data = read_regular(file)
        settings = settings_for(top, file.relative_to(top).as_posix())
        files += 1
        names = _CLASS.findall(data)
        classes += sum(settings.collects_class(name.decode("ascii", "replace")) for name in names)
        mocks += b"AsyncMock" in data
        marks += b"xdist_group" in data
    return Numbers(files, classes, mocks, marks)


def guidelines(text: str, path: str, top: Path, wishes: GuardSettings) -> str | None:
    """The guidelines, or the parts of them that are missing; None where all are there.

    What people changed in a part is theirs.
    """
    whole = _filled("guidelines.md", path, top, wishes)
    if not text.strip():
        return whole
    _, *parts = _parts(whole)
    there = {heading.strip().lower() for heading in _HEADING.findall(text)}
    missing = [part for part in parts if part.splitlines()[0].strip().lower() not in there]
    if not missing:
        return None
    newline = "\r\n" if "\r\n" in text else "\n"
    added = "\n".join(missing).replace("\n", newline)
    return f"{text.rstrip()}{newline * 2}{added}"


def section(text: str, path: str, top: Path, wishes: GuardSettings) -> str | None:
    """The file with the section between its markers; None where it is there as it should be.

    Raises:
        Cannot: one of the markers is there without the other.
    """
    newline = "\r\n" if "\r\n" in text else "\n"
    body = _filled("section.md", path, top, wishes).strip()
    new = f"{BEGIN}\n{body}\n{END}".replace("\n", newline)
    counts = (text.count(BEGIN), text.count(END))
    if counts not in {(0, 0), (1, 1)} or text.find(BEGIN) > text.find(END):
        raise Cannot(f"{path} has not one pair of the markers {BEGIN} and {END}")
    if BEGIN not in text:
        head = f"{text.rstrip()}{newline * 2}" if text.strip() else ""
        return f"{head}{new}{newline}"
    before, _, rest = text.partition(BEGIN)
    edited = f"{before}{new}{rest.partition(END)[2]}"
    return None if edited == text else edited


def _parts(text: str) -> list[str]:
    """The text before the first heading of a part, and each part from its heading on."""
    starts = [match.start() for match in _HEADING.finditer(text)]
    ends = [*starts[1:], len(text)]
    return [
        text[: starts[0]],
        *(f"{text[a:b].rstrip()}\n" for a, b in zip(starts, ends, strict=True)),
    ]


def _filled(name: str, path: str, top: Path, wishes: GuardSettings) -> str:
    found = numbers_of(top)
    values = {
        "check": wishes.check.removesuffix(" --ratchet"),
        "ratchet": wishes.check,
        "guidelines": _from(path, wishes.guidelines),
        "files": f"{found.files:,}",
        "classes": f"{found.classes:,}",
        "mocks": f"{found.with_async_mock:,}",
        "marked": f"{found.with_mark:,}",
        "configuration": places.configuration_file(top),
        "conftest": places.conftest(top),
    }
    return Template((_HERE / name).read_text("utf-8")).substitute(values)


def _from(path: str, other: str) -> str:
    """`other` as a link in the file `path`."""
    up = len(PurePosixPath(path).parts) - 1
    return "../" * up + other
