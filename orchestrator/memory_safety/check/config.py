"""What `[tool.orchestrate]` in a project's pyproject.toml says about checking and fixing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.base.escape import as_argument
from orchestrator.base.reading import read_text_of
from orchestrator.base.text import suggestion
from orchestrator.errors import BadInput
from orchestrator.memory_safety.fixer.values.options import NAMES, Require, problems

if TYPE_CHECKING:
    from orchestrator.plan.base import OptionValue

_KEYS = ("exclude", "memory", *(name for name in NAMES if name != "group"))
_ENDLESS = 1e9
_OF_MEMORY = ("expected_mib", "problem_mib", "limit_mib", "workers")


@dataclass(frozen=True, slots=True)
class Config:
    """`exclude` are folders or patterns of paths from the top ('*' matches '/' too)."""

    options: dict[str, OptionValue] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    memory: dict[str, float] = field(default_factory=dict)
    """What `orchestrate memory` is to expect: limits in MiB, and how many workers."""


def read_config(top: Path) -> Config:
    """The settings of the project at `top`; without any, `require` is `mocks`.

    Raises:
        BadInput: the file is no TOML, or what is wrong with its table.
    """
    file = top / "pyproject.toml"
    try:
        text = read_text_of(file)
    except FileNotFoundError:
        text = ""
    except (OSError, ValueError) as error:
        raise BadInput(
            f"{file.name}: {error}", next_step=f"correct {as_argument(str(file))}"
        ) from error
    try:
        document = _parsed(text)
    except ValueError as error:
        raise BadInput(
            f"{file.name}: {error}", next_step=f"correct {as_argument(str(file))}"
        ) from error
    tool = document.get("tool", {})
    table = tool.get("orchestrate", {}) if isinstance(tool, dict) else {}
    if not isinstance(table, dict):
        what = f"[tool] of {file.name}: orchestrate is a table, not {table!r}"
        raise BadInput(what, next_step=f"correct {as_argument(str(file))}")
    for key in table:
        if key not in _KEYS:
            hint = suggestion(key, _KEYS)
            what = f"[tool.orchestrate] of {file.name} has no key {key!r}{hint}"
            raise BadInput(what, next_step=f"correct {as_argument(str(file))}")
    exclude = table.get("exclude", [])
    if not isinstance(exclude, list) or not all(isinstance(item, str) for item in exclude):
        what = f"[tool.orchestrate] of {file.name}: exclude is a list of patterns"
        raise BadInput(what, next_step=f"correct {as_argument(str(file))}")
    memory = table.get("memory", {})
    if not isinstance(memory, dict) or any(key not in _OF_MEMORY for key in memory):
        what = f"[tool.orchestrate.memory] of {file.name} can have {', '.join(_OF_MEMORY)}"
        raise BadInput(what, next_step=f"correct {as_argument(str(file))}")
    for key, value in memory.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        least = 0 if key == "workers" else 1
        if not is_number or not least <= value < _ENDLESS:
            of = f"[tool.orchestrate.memory] of {file.name}"
            what = f"{of}: {key} is {value!r}, and no number from {least} on"
            raise BadInput(what, next_step=f"correct {as_argument(str(file))}")
    given = {key: value for key, value in table.items() if key not in {"exclude", "memory"}}
    for problem in problems("test_it.py", given):
        what = f"[tool.orchestrate] of {file.name}: {problem}"
        raise BadInput(what, next_step=f"correct {as_argument(str(file))}")
    return Config({"require": Require.MOCKS.value, **given}, tuple(exclude), memory)


def _parsed(text: str) -> dict[str, Any]:
    """The document, or nothing where it cannot hold the table: the check is a hook, and starts."""
    if "orchestrate" not in text:
        return {}
    import tomllib

    return tomllib.loads(text)
