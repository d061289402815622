"""Pytest's configuration: the mark registered, and `--dist loadgroup`, where groups count."""

from __future__ import annotations

import configparser
import re
import shlex
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.base.reading import read_text_of
from orchestrator.memory_safety.guard.parts import Cannot, GuardSettings
from orchestrator.project.pytest_config import configuration_of

MARK = "xdist_group"
_REGISTERED = "xdist_group(name): tests that run in one worker of pytest-xdist"
_DIST = "--dist loadgroup"
_REQUIREMENTS = (
    "pyproject.toml", "setup.cfg", "setup.py", "tox.ini", "Pipfile", "requirements*.txt",
    "requirements/*.txt", "requirements/*.in", "requirements*.in", "*requirements*.txt",
)  # fmt: skip
_SECTIONS = {"setup.cfg": "tool:pytest"}
_INI_OPTIONS = ["tool", "pytest", "ini_options"]


def configured(text: str, path: str, top: Path, wishes: GuardSettings) -> str | None:
    """The configuration with what is missing; None where nothing is.

    Raises:
        Cannot: pytest reads another file, or this one cannot be read.
    """
    folder = top / PurePosixPath(path).parent
    used = configuration_of(folder)
    name = PurePosixPath(path).name
    if used is not None and used != name:
        raise Cannot(f"pytest reads its configuration from {used}, and not from {path}")
    is_toml = name.endswith(".toml")
    make, read = (_toml, tomllib.loads) if is_toml else (_ini, _read_ini)
    try:
        edited = make(text, path, _Wanted(wishes.dist, needs_xdist(top)))
        read(edited)
    except (ValueError, configparser.Error) as error:
        raise Cannot(f"{path} cannot be edited so that pytest reads it: {error}") from error
    return None if edited == text else edited


def needs_xdist(top: Path) -> bool:
    """Whether the project asks for pytest-xdist: without it `--dist` would be an error."""
    for pattern in _REQUIREMENTS:
        for file in top.glob(pattern):
            if file.is_file() and re.search(
                r"pytest[-_]xdist", read_text_of(file, errors="replace")
            ):
                return True
    return False


@dataclass(frozen=True, slots=True)
class _Wanted:
    """Whether `--dist` is wanted, and whether xdist is there wherever the tests run."""

    dist: bool
    has_xdist: bool

    def by(self, words: Sequence[str]) -> bool:
        """Whether arguments of pytest are to get it: another distribution is somebody's choice."""
        needs = self.has_xdist or any(word.startswith(("-n", "--numproc")) for word in words)
        names_one = any(word == "--dist" or word.startswith("--dist=") for word in words)
        return self.dist and needs and not names_one


def _toml(text: str, path: str, wanted: _Wanted) -> str:
    import tomlkit

    document: Any = tomlkit.parse(text)
    *outer, inner = _tables(document, path)
    table: Any = document
    for key in (*outer, inner):
        if key not in table:
            table[key] = tomlkit.table(is_super_table=key != inner)
        table = table[key]
    markers = table.get("markers")
    if isinstance(markers, str):
        if not any(_names_mark(line) for line in markers.splitlines()):
            table["markers"] = [*filter(None, map(str.strip, markers.splitlines())), _REGISTERED]
    elif not any(_names_mark(line) for line in markers or []):
        if markers is None:
            table["markers"] = [_REGISTERED]
        else:
            markers.append(_REGISTERED)
    is_native = inner != "ini_options"
    addopts = table.get("addopts", [] if is_native else "")
    if wanted.by(shlex.split(addopts) if isinstance(addopts, str) else addopts):
        if isinstance(addopts, str):
            added = f"{addopts.rstrip()} {_DIST}".strip()
            table["addopts"] = tomlkit.string(added, multiline="\n" in added)
        else:
            table["addopts"] = addopts
            for word in _DIST.split():
                table["addopts"].append(word)
    made = str(tomlkit.dumps(document))
    return made.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else made


def _tables(document: Any, path: str) -> list[str]:
    """Where pytest's own table is: in pyproject.toml also the native one of pytest 9."""
    if not path.endswith("pyproject.toml"):
        return ["pytest"]
    native = document.get("tool", {}).get("pytest")
    return ["tool", "pytest"] if native and "ini_options" not in native else _INI_OPTIONS


def _read_ini(text: str) -> None:
    configparser.RawConfigParser(allow_no_value=True).read_string(text)


def _ini(text: str, path: str, wanted: _Wanted) -> str:
    lines = text.splitlines(keepends=True)
    newline = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += newline
    section = _SECTIONS.get(PurePosixPath(path).name, "pytest")
    head = re.compile(rf"\[{re.escape(section)}\]\s*([#;].*)?$")
    start = next((n for n, line in enumerate(lines) if head.match(line)), None)
    if start is None:
        lines += [*([newline] if lines else []), f"[{section}]{newline}"]
        start = len(lines) - 1
    if not any(_names_mark(line) for line in _value(lines, start, "markers")):
        _extend(lines, start, "markers", _REGISTERED, newline)
    if wanted.by([word for line in _value(lines, start, "addopts") for word in line.split()]):
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
            end = following = at + 1
            while following < len(lines) and (
                not lines[following].strip() or lines[following][:1] in " \t"
            ):
                following += 1
                end = following if lines[following - 1].strip() else end
            return at, end
    return None


def _value(lines: Sequence[str], start: int, key: str) -> list[str]:
    span = _span(lines, start, key)
    if span is None:
        return []
    first = re.split(r"[=:]", lines[span[0]], maxsplit=1)[1]
    rest = [line for line in lines[span[0] + 1 : span[1]] if line.lstrip()[:1] not in {"#", ";"}]
    return [first, *rest]


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
