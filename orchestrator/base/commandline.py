"""Reads the commands of a plan: words with placeholders, and no shell."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

from orchestrator.base.text import suggestion
from orchestrator.errors import CannotJudge, NoPython

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


def words(
    run: str, files: Sequence[str], python: Path | str | None, more: Mapping[str, str] | None = None
) -> list[str]:
    """The command with its placeholders filled in; the word `{files}` becomes one word per file.

    `python` stands for `{python}`, and `more` says what stands for other names.

    Raises:
        NoPython: it needs the project's interpreter, and there is none.
    """
    values = {"python": str(python), **(more or {})}
    if python is None and "python" in placeholders(run):
        raise NoPython(
            f"`{run}` needs this project's Python, and none was found",
            next_step="name it with --python PATH, or with `verify: {python: PATH}` in the plan",
        )
    found: list[str] = []
    for word in shlex.split(run):
        if word == "{files}":
            found += files
            continue
        for name, value in values.items():
            word = word.replace(f"{{{name}}}", value)  # noqa: PLW2901 - one after the other
        found.append(word)
    return found


def missing(error: CannotJudge, where: str, program: str) -> CannotJudge:
    """That there is no such program as the plan names, and where it would be looked for."""
    next_step = (
        f"install {program}; it is looked for beside the project's interpreter "
        "(`--python`, or `verify: {python: PATH}`) and on PATH"
    )
    if re.fullmatch(r"python[\d.]*", program):
        next_step = f"write {{python}} for {program} in the plan: it is the project's interpreter"
    return CannotJudge(f"{error.what}; the plan names it in `{where}`", next_step=next_step)


def environment(folder: Path, python: Path | None) -> dict[str, str]:
    """The environment of a command that works in `folder`.

    Programs beside the project's interpreter come first, as where its environment is active.
    """
    kept = {name: value for name, value in os.environ.items() if name not in _FROM_THE_OUTSIDE}
    kept["PWD"] = str(folder)
    if python is not None and python.is_absolute():
        kept["PATH"] = os.pathsep.join([str(python.parent), os.environ.get("PATH", os.defpath)])
    return kept
