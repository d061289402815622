"""Repeats in the commands that are printed what the person typed: which plan, which phase, how.

Without that, following a `next:` line would work on another plan than the one it is about.
"""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.base.escape import as_argument

_COMMAND = re.compile(
    r"(?<![\w/.-])orchestrate "
    r"(?P<command>next-batch|status|show|unresolved|history|report|retry|adopt|skip|undo|resolve|"
    r"recover|validate|plan|doctor|memory|check)\b"
    r"(?P<rest>(?:(?!orchestrate )[^\n;|&(),])*)"
)
_DECIDE = frozenset({"retry", "adopt", "undo"})
_NEXT_BATCH = frozenset({"next-batch"})
_TAKEN_BY = {
    "python": _NEXT_BATCH | _DECIDE | {"doctor", "memory"},
    "strict": _NEXT_BATCH | _DECIDE,
    "signoff": _NEXT_BATCH | _DECIDE | {"skip"},
    "phase": _NEXT_BATCH,
    "all": _NEXT_BATCH,
    "isolated": _NEXT_BATCH,
    "jobs": _NEXT_BATCH,
    "engine": _NEXT_BATCH,
    "scheduler": _NEXT_BATCH,
}
"""Which commands take an option, in the order in which they are printed; all take `--plan`."""

_NOT_BESIDE = {
    "phase": ("--phase", "--batch"),
    "all": ("--all", "--limit", "--batch", "--dry-run"),
    "isolated": ("--isolated", "--jobs", "--engine", "--dry-run"),
    "jobs": ("--jobs", "--engine", "--isolated", "--batch", "--dry-run"),
    "engine": ("--jobs", "--engine", "--isolated", "--batch", "--dry-run"),
    "scheduler": ("--jobs", "--engine", "--isolated", "--batch", "--dry-run"),
}
"""An option is left out where a command names one of these: they say otherwise."""

_typed: dict[str, str] = {}


def remember(name: str, value: str | Path | None) -> None:
    """From now on, printed commands have the option `name` with this value; None: they have not.

    A flag has the value "".
    """
    _typed.pop(name, None)
    if value is not None:
        _typed[name] = as_argument(str(value)) if value != "" else ""


def flag(name: str, *, is_set: bool) -> None:
    """Remember an option that takes no value, where it is set."""
    remember(name, "" if is_set else None)


def repeated(text: str) -> str:
    """`text` with the options that were typed in each command of ours that it holds."""
    return _COMMAND.sub(_with_options, text) if _typed else text


def _with_options(found: re.Match[str]) -> str:
    command, rest = found["command"], found["rest"]
    plan = _typed.get("plan")
    before = f"--plan {plan} " if plan and "--plan " not in rest else ""
    words = rest.split()
    options = "".join(
        f" --{name} {_typed[name]}".rstrip()
        for name, commands in _TAKEN_BY.items()
        if name in _typed
        and command in commands
        and not {f"--{name}", *_NOT_BESIDE.get(name, ())}.intersection(words)
    )
    return f"orchestrate {before}{command}{options}{rest}"
