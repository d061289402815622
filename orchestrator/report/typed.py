"""Repeats in the commands that are printed what the person typed: which plan, which interpreter.

Without that, following a `next:` line would work on another plan than the one it is about.
"""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.foreign import as_argument

_COMMAND = re.compile(
    r"(?<![\w/.-])orchestrate "
    r"(?P<command>next-batch|status|show|unresolved|history|report|retry|adopt|skip|undo|resolve|"
    r"recover|validate|plan|doctor|memory|check)\b"
    r"(?P<rest>(?:(?!orchestrate )[^\n;|&()])*)"
)
_WITH_PYTHON = frozenset({"next-batch", "retry", "adopt", "undo", "doctor", "memory"})

_typed: dict[str, str] = {}


def remember(name: str, value: str | Path | None) -> None:
    """From now on, printed commands have the option `name` with this value; None: they have not."""
    _typed.pop(name, None)
    if value is not None:
        _typed[name] = as_argument(str(value))


def repeated(text: str) -> str:
    """`text` with the options that were typed in each command of ours that it holds."""
    return _COMMAND.sub(_with_options, text) if _typed else text


def _with_options(found: re.Match[str]) -> str:
    command, rest = found["command"], found["rest"]
    plan, python = _typed.get("plan"), _typed.get("python")
    before = f"--plan {plan} " if plan and "--plan " not in rest else ""
    if python and command in _WITH_PYTHON and "--python " not in rest:
        rest = f" --python {python}{rest}"
    return f"orchestrate {before}{command}{rest}"
