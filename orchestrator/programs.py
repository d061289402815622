"""Reads the commands of a plan: words with placeholders, and no shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.words import suggestion

_NAME = re.compile(r"\{(\w+)\}")
_FROM_THE_OUTSIDE = ("ORCHESTRATE_PROBE", "PYTEST_CURRENT_TEST", "OLDPWD")


def problems(run: str, known: Collection[str]) -> Iterator[str]:
    """What keeps `run` from being a command with these placeholders."""
    try:
        words = shlex.split(run)
    except ValueError as error:
        yield f"cannot be split into words: {error}"
        return
    if not words:
        yield "names no program"
    for name in _NAME.findall(" ".join(words)):
        if name not in known:
            listed = ", ".join(f"{{{name}}}" for name in sorted(known))
            yield f"{{{name}}} means nothing{suggestion(name, known)}; known: {listed}"


def placeholders(run: str) -> set[str]:
    """The names in braces that a command holds."""
    return set(_NAME.findall(run))


def words(run: str, files: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """The command with its placeholders filled in; the word `{files}` becomes one word per file."""
    found: list[str] = []
    for word in shlex.split(run):
        if word == "{files}":
            found += files
            continue
        for name, value in values.items():
            word = word.replace(f"{{{name}}}", value)  # noqa: PLW2901 - one after the other
        found.append(word)
    return found


def environment(folder: Path, python: Path | None) -> dict[str, str]:
    """The environment of a command that works in `folder`.

    Programs beside the project's interpreter come first, as where its environment is active.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _FROM_THE_OUTSIDE}
    kept["PWD"] = str(folder)
    if python is not None and python.is_absolute():
        kept["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    return kept
