"""The options that a command and an agent have in common, read from a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.base import commandline
from orchestrator.fixers.outcome import Options

COMMON = {
    "run": "the command, or a list of commands in order; no shell; {files} and {python} are known",
    "may_touch": "patterns of files beside the targets it may change, make or remove",
    "per": "batch: started once for all files; file: once for each",
    "together": "true: all files of the batch stand or fall together",
    "twice": "run again, and refuse what a second run still changes; default: true",
    "exit_codes": "exit codes that are no failure; default: [0]",
    "minutes": "how long one run may take; default: 10",
    "check": "a command that ends with 0 where nothing is left to do, for `check --phase`",
}


@dataclass(frozen=True, slots=True)
class Running:
    """How a program is run over the files of a batch."""

    commands: Sequence[str]
    may_touch: Sequence[str]
    per_file: bool
    together: bool
    twice: bool
    exit_codes: frozenset[int]
    minutes: float


def running(options: Options, *, per_file: bool, twice: bool, minutes: float) -> Running:
    """What checked options say; the keywords are what holds where they say nothing."""
    per = options.get("per", "file" if per_file else "batch")
    given = options.get("minutes", minutes)
    return Running(
        texts(options.get("run")),
        texts(options.get("may_touch")),
        per == "file",
        bool(options.get("together", False)),
        bool(options.get("twice", twice)),
        frozenset(
            code for code in _listed(options.get("exit_codes", [0])) if isinstance(code, int)
        ),
        float(given) if isinstance(given, int | float) else minutes,
    )


def texts(value: object) -> list[str]:
    """One text or a list of them, as a list."""
    return [item for item in _listed(value) if isinstance(item, str)]


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def problems(options: Options, known: frozenset[str]) -> Iterator[str]:
    """What is wrong with the common options; `known` are the placeholders of `run`."""
    if not texts(options.get("run")):
        yield "`run:` is missing: the command, or a list of commands"
    for name, names in (("run", known), ("check", frozenset({"files", "python"}))):
        yield from _commands(name, options.get(name), names)
    for name, what, is_right in _FORMS:
        if name in options and not is_right(options[name]):
            yield f"{name} is {options[name]!r}; it can be {what}"


def _commands(name: str, value: object, known: frozenset[str]) -> Iterator[str]:
    for item in _listed(value):
        if not isinstance(item, str):
            yield f"{name} is {value!r}; it can be a command, or a list of commands"
            continue
        for message in commandline.problems(item, known):
            yield f"{name}: {message}"


def is_number(value: object) -> bool:
    """Whether it is a number above 0."""
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_texts(value: object) -> bool:
    return bool(_listed(value)) and len(texts(value)) == len(_listed(value))


def _is_codes(value: object) -> bool:
    codes = _listed(value)
    return bool(codes) and all(isinstance(c, int) and not isinstance(c, bool) for c in codes)


_FORMS: Sequence[tuple[str, str, Callable[[object], bool]]] = (
    ("may_touch", "a list of patterns", _is_texts),
    ("per", "'batch' or 'file'", lambda value: value in {"batch", "file"}),
    ("together", "true or false", lambda value: isinstance(value, bool)),
    ("twice", "true or false", lambda value: isinstance(value, bool)),
    ("exit_codes", "a list of numbers", _is_codes),
    ("minutes", "a number above 0", is_number),
)


def commands(options: Options) -> list[str]:
    """The lines that a person has to trust: the commands of `run`, then those of `check`."""
    return [*texts(options.get("run")), *(f"check: {c}" for c in texts(options.get("check")))]


def with_defaults(known: Mapping[str, str], **own: str) -> dict[str, str]:
    """The meaning of each option, in order; `own` are added or say more."""
    return {**known, **own}
