"""Takes the secrets of the machine that judged out of what it answers, before it answers.

Only what is there to be read is looked at; paths and ids decide things, and stay what they are. The
landing side hides what its own environment holds, wherever it keeps or shows a text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

from orchestrator.base.redact import redacted, redacted_id
from orchestrator.engine.context.events import Event
from orchestrator.errors import CannotJudge, OrchestrateError
from orchestrator.parallel.task import Answer, Judged, TaskFailed

T = TypeVar("T", Answer, Judged, TaskFailed, Event)

_Write = Callable[[str], str]
_TEXTS: Mapping[str, _Write] = {
    **dict.fromkeys(
        ("what", "text", "raised", "why", "notes", "reason", "detail", "sentence"), redacted
    ),
    **dict.fromkeys(
        ("test_id", "known", "failed_before", "flaky", "reproduce", "commands", "current"),
        redacted_id,
    ),
}
"""The fields of verdicts, refusals, edits and events that hold words, and those that hold ids."""


def without_secrets(said: T) -> T:
    """The same answer or event, without a value of the environment here in its texts."""
    return _of(said, None)  # type: ignore[no-any-return]  # as it came


def _of(value: Any, write: _Write | None) -> Any:
    if isinstance(value, str) and not isinstance(value, Enum):
        return write(value) if write else value
    if isinstance(value, OrchestrateError):
        return _error(value)
    if isinstance(value, Mapping):
        return {key: _of(one, write) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_of(one, write) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        held = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        now = {name: _of(one, _TEXTS.get(name, write)) for name, one in held.items()}
        return value if now == held else replace(value, **now)
    return value


def _error(error: OrchestrateError) -> OrchestrateError:
    """The same error; one that says a secret is another one, of the same exit code."""
    what = redacted(error.what)
    if what == error.what:
        return error
    hidden = CannotJudge(what, next_step=error.next_step)
    hidden.exit_code = error.exit_code
    return hidden
