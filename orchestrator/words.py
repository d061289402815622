"""Puts numbers and nouns together."""

from __future__ import annotations


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`, `3 batches`."""
    if count == 1:
        return f"1 {noun}"
    ending = "es" if noun.endswith(("s", "ch", "x")) else "s"
    return f"{count:,} {noun}{ending}"
