"""Takes the paths of one machine out of an answer, and puts those of another in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from typing import Any, TypeVar

T = TypeVar("T")

TOP = "\0the top of the work tree\0"
"""Stands for the top of the work tree in the texts of an answer that is on its way."""


def relocated(value: T, words: Mapping[str, str]) -> T:
    """The same value with each of `words` replaced in every text it holds; bytes are left alone."""
    return _rewritten(value, words)  # type: ignore[no-any-return]  # as it came


def _rewritten(value: Any, words: Mapping[str, str]) -> Any:  # noqa: PLR0911 - a case each
    if isinstance(value, str) and not isinstance(value, Enum):
        for old, new in words.items():
            value = value.replace(old, new)
        return value
    if isinstance(value, Mapping):
        return {_rewritten(k, words): _rewritten(v, words) for k, v in value.items()}
    if isinstance(value, tuple):
        return tuple(_rewritten(one, words) for one in value)
    if isinstance(value, list):
        return [_rewritten(one, words) for one in value]
    if isinstance(value, set | frozenset):
        return type(value)(_rewritten(one, words) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        held = {field.name: getattr(value, field.name) for field in fields(value) if field.init}
        now = {name: _rewritten(one, words) for name, one in held.items()}
        return value if now == held else replace(value, **now)
    return value
