"""Finds the file whose edit turns a check red, in as few runs as it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")


def first_bad(edits: Sequence[T], is_red: Callable[[Sequence[T]], bool]) -> T | None:
    """The first of `edits` that makes the check red, the ones before it being made as well.

    `is_red` answers for some edits; it is asked about log2(n) + 1 times. None: not even
    all edits together are red now, so that nothing can be said.
    """
    if not edits or not is_red(edits):
        return None
    good, bad = 0, len(edits)  # without any edit it is green; with all of them it is red
    while bad - good > 1:
        middle = (good + bad) // 2
        if is_red(edits[:middle]):
            bad = middle
        else:
            good = middle
    return edits[bad - 1]
