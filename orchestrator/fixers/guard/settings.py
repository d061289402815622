"""Pytest's configuration: the mark registered, and `--dist loadgroup`, where groups count."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.fixers.guard.parts import Cannot, Wishes
from orchestrator.fixers.memory_safety.reading.settings import configuration_of

MARK = "xdist_group"
_REGISTERED = "xdist_group(name): tests that run in one worker of pytest-xdist"
_DIST = "--dist loadgroup"
_REQUIREMENTS = (
    "pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "Pipfile", "requirements*.txt",
    "requirements/*.txt", "requirements/*.in", "requirements*.in", "*requirements*.txt",
)  # fmt: skip
_SECTIONS = {"setup.cfg": "tool:pytest"}
_TABLES = {"pyproject.toml": ["tool", "pytest", "ini_options"]}


def configured(text: str, path: str, top: Path, wishes: Wishes) -> str | None:
    """The configuration with what is missing; None where nothing is.

    Raises:
        Cannot: pytest reads another file, or this one cannot be read.
    """
    folder = top / PurePosixPath(path).parent
    used = configuration_of(folder)
    name = PurePosixPath(path).name
    if used is not None and used != name:
        raise Cannot(f"pytest reads its configuration from {used}, and not from {path}")
    wants_dist = wishes.dist and needs_xdist(top)
    edited = (_toml if name.endswith(".toml") else _ini)(text, path, wants_dist=wants_dist)
    return None if edited == text else edited


def needs_xdist(top: Path) -> bool:
    """Whether the project asks for pytest-xdist: without it `--dist` would be an error."""
    for pattern in _REQUIREMENTS:
        for file in top.glob(pattern):
            if re.search(r"pytest[-_]xdist", file.read_text("utf-8", errors="replace")):
                return True
    return False


def lacks_dist(words: Sequence[str]) -> bool:
    """Whether arguments of pytest name no distribution at all; another one is somebody's choice."""
    return not any(word == "--dist" or word.startswith("--dist=") for word in words)


def _toml(text: str, path: str, *, wants_dist: bool) -> str:
    import tomlkit
    from tomlkit.exceptions import TOMLKitError

    try:
        document: Any = tomlkit.parse(text)
    except TOMLKitError as error:
        raise Cannot(f"{path} is no TOML: {error}") from error
    table: Any = document
    *outer, inner = _TABLES.get(PurePosixPath(path).name, ["pytest"])
    for key in (*outer, inner):
        if key not in table:
            table[key] = tomlkit.table(is_super_table=key != inner)
        table = table[key]
    markers = table.get("markers")
    if not any(_names_mark(line) for line in markers or []):
        if markers is None:
            table["markers"] = [_REGISTERED]
        else:
            markers.append(_REGISTERED)
    addopts = table.get("addopts", "")
    if wants_dist and lacks_dist(shlex.split(addopts) if isinstance(addopts, str) else addopts):
        if isinstance(addopts, str):
            table["addopts"] = f"{addopts.rstrip()} {_DIST}".strip()
        else:
            for word in _DIST.split():
                addopts.append(word)
    return str(tomlkit.dumps(document))


def _ini(text: str, path: str, *, wants_dist: bool) -> str:
    name = PurePosixPath(path).name
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    section = _SECTIONS.get(name, "pytest")
    start = next((n for n, ln in enumerate(lines) if ln.strip() == f"[{section}]"), None)
    if start is None:
        lines += [*([newline] if lines else []), f"[{section}]{newline}"]
        start = len(lines) - 1
    if not any(_names_mark(line) for line in _value(lines, start, "markers")):
        _extend(lines, start, "markers", _REGISTERED, newline)
    words = [word for line in _value(lines, start, "addopts") for word in line.split()]
    if wants_dist and lacks_dist(words):
        _extend(lines, start, "addopts", _DIST, newline)
    return "".join(lines)


def _names_mark(line: object) -> bool:
    return re.match(rf"\s*{MARK}\b", str(line)) is not None


def _span(lines: Sequence[str], start: int, key: str) -> tuple[int, int] | None:
    """The lines of a key's value in a section, from its own to the one after its last."""
    for at in range(start + 1, len(lines)):
        if lines[at].startswith("["):
            return None
        if re.match(rf"{key}\s*[=:]", lines[at]):
            end = at + 1
            while end < len(lines) and (lines[end][:1] in " \t" and lines[end].strip()):
                end += 1
            return at, end
    return None


def _value(lines: Sequence[str], start: int, key: str) -> list[str]:
    span = _span(lines, start, key)
    if span is None:
        return []
    first = re.split(r"[=:]", lines[span[0]], maxsplit=1)[1]
    return [first, *lines[span[0] + 1 : span[1]]]


def _extend(lines: list[str], start: int, key: str, value: str, newline: str) -> None:
    span = _span(lines, start, key)
    if span is None:
        lines[start + 1 : start + 1] = [f"{key} = {value}{newline}"]
        return
    first, end = span
    if end == first + 1 and key == "addopts":  # on its own line: words go on behind it
        lines[first] = f"{lines[first].rstrip()} {value}{newline}"
        return
    indent = re.match(r"\s*", lines[end - 1])
    indented = indent.group() if indent and end > first + 1 else "    "
    lines[end:end] = [f"{indented}{value}{newline}"]
