"""What the project's own pytest configuration says about which files, classes and tests count."""

from __future__ import annotations

import fnmatch
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from orchestrator.base.reading import read_text_of

_FILES = (
    ("pytest.toml", "pytest"),
    (".pytest.toml", "pytest"),
    ("pytest.ini", "pytest"),
    (".pytest.ini", "pytest"),
    ("pyproject.toml", ""),
    ("tox.ini", "pytest"),
    ("setup.cfg", "tool:pytest"),
)
"""Where pytest looks, in its order, with the section that makes a file a pytest configuration."""

CONFIGURATIONS = tuple(name for name, _ in _FILES)
"""The names of all of them."""

_OWN = {"pytest.ini", ".pytest.ini"}
"""Configurations of pytest even without a section."""


@dataclass(frozen=True, slots=True)
class PytestSettings:
    """What pytest is told to take for tests, with its defaults."""

    files: tuple[str, ...] = ("test_*.py", "*_test.py")
    classes: tuple[str, ...] = ("Test",)
    functions: tuple[str, ...] = ("test",)
    testpaths: tuple[str, ...] = ()
    imported: bool = True
    """Whether classes that a test file imports are collected there as well."""
    plugins: tuple[str, ...] = ()
    """What `-p` of `addopts` names."""
    usefixtures: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    """What `--ignore` and `--ignore-glob` of `addopts` name, as patterns of paths."""
    folders_left_out: tuple[str, ...] = (
        "*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}",
    )  # fmt: skip
    """Patterns of folder names that pytest does not go into, unless it is told to."""

    def collects_file(self, path: str) -> bool:
        """Whether a plain `pytest` run would collect `path`."""
        pure = PurePosixPath(path)
        return any(
            fnmatch.fnmatch(f"/{path}" if "/" in glob else pure.name, _anchored(glob))
            for glob in self.files
        )

    def collects_class(self, name: str) -> bool:
        """Whether a class of this name is a test class by its name alone."""
        return _matches(name, self.classes)

    def collects_function(self, name: str) -> bool:
        """Whether a method of this name is a test."""
        return _matches(name, self.functions)


def settings_for(top: Path, path: str) -> PytestSettings:
    """The settings that hold for the file `path`: the nearest configuration at or below `top`."""
    return _nearest(top, path.rpartition("/")[0])


@cache
def _nearest(top: Path, folder: str) -> PytestSettings:
    start = top / folder
    for at in (start, *start.parents):
        if found := _settings_in(at):
            return found
        if at == top:
            break
    return PytestSettings()


def is_configured(folder: Path) -> bool:
    """Whether a folder holds a configuration of pytest."""
    return _settings_in(folder) is not None


def configuration_of(folder: Path) -> str | None:
    """The name of the file that pytest reads its configuration from, in a folder that has one."""
    return next(
        (name for name, section in _FILES if _read(folder / name, section) is not None), None
    )


def _read(file: Path, section: str) -> Mapping[str, Any] | None:
    return _section(file, section) if file.is_file() else None


@cache
def _settings_in(folder: Path) -> PytestSettings | None:
    for name, section in _FILES:
        if (values := _read(folder / name, section)) is not None:
            return _settings(values)
    return None


def _section(file: Path, section: str) -> Mapping[str, Any] | None:
    try:
        text = read_text_of(file)
        if file.suffix == ".toml":
            import tomllib

            return _toml_section(tomllib.loads(text), section) if "pytest" in text else None
    except (OSError, ValueError):
        return None  # pytest itself reports a broken configuration, at the collect gate
    if section not in text and file.name not in _OWN:
        return None
    import configparser

    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        return None
    if parser.has_section(section):
        return dict(parser.items(section))
    return {} if file.name in _OWN else None


def _toml_section(document: Mapping[str, Any], section: str) -> Mapping[str, Any] | None:
    if section:
        return _table(document, section) or {}
    tool = _table(_table(document, "tool") or {}, "pytest")
    return None if tool is None else _table(tool, "ini_options") or tool


def _table(document: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """A table of a document; None where there is none, or something else is called so."""
    value = document.get(name)
    return value if isinstance(value, dict) else None


def _settings(given: Mapping[str, Any]) -> PytestSettings:
    default = PytestSettings()
    arguments = _words(given.get("addopts"))
    values = {**given, **dict(_overridden(arguments))}

    def words(name: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
        return _words(values[name]) if name in values else otherwise

    return PytestSettings(
        files=words("python_files", default.files),
        classes=words("python_classes", default.classes),
        functions=words("python_functions", default.functions),
        testpaths=words("testpaths", default.testpaths),
        imported=str(values.get("collect_imported_tests", True)).lower() not in _NO,
        plugins=tuple(_plugins(arguments)),
        usefixtures=words("usefixtures", ()),
        left_out=tuple(_ignored(arguments)),
        folders_left_out=words("norecursedirs", default.folders_left_out),
    )


_NO = {"0", "false", "no", "off"}


def _ignored(arguments: Sequence[str]) -> Iterator[str]:
    """The patterns behind `--ignore PATH` and `--ignore-glob PATTERN`."""
    for word, following in zip(arguments, (*arguments[1:], ""), strict=False):
        option, equals, value = word.partition("=")
        if option in {"--ignore", "--ignore-glob"}:
            path = (value if equals else following).rstrip("/").removeprefix("./")
            yield path
            if option == "--ignore":
                yield f"{path}/*"


def _plugins(arguments: Sequence[str]) -> Iterator[str]:
    """The modules behind `-p NAME`; `no:NAME` switches one off."""
    for word, following in zip(arguments, (*arguments[1:], ""), strict=False):
        name = following if word == "-p" else word.removeprefix("-p")
        if word.startswith("-p") and not name.startswith("no:"):
            yield name.strip()


def _overridden(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The settings that `-o NAME=VALUE` in `addopts` puts over the others."""
    for before, word in zip(("", *arguments), arguments, strict=False):
        text = word.removeprefix("--override-ini=").removeprefix("-o")
        if before in {"-o", "--override-ini"} or text != word:
            name, equals, value = (word if text == word else text).partition("=")
            if equals:
                yield name, value


def _words(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        try:
            return tuple(shlex.split(value))
        except ValueError:  # an unclosed quote: pytest itself says so
            return tuple(value.split())
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _matches(name: str, options: Sequence[str]) -> bool:
    """As pytest does it: a prefix, or a glob where the option holds `*`, `?` or `[`."""
    return any(
        name.startswith(option)
        or (any(c in option for c in "*?[") and fnmatch.fnmatch(name, option))
        for option in options
    )


def _anchored(glob: str) -> str:
    return f"*/{glob}" if "/" in glob else glob
