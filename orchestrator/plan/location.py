"""Says where something stands: in a document, and in its text."""

from __future__ import annotations

from typing import NamedTuple

Location = tuple[str | int, ...]
"""Where a value stands in a document: keys and indexes from the top, as pydantic reports them."""


class Position(NamedTuple):
    """A place in a text, both counted from 1."""

    line: int
    column: int
