"""Puts numbers and nouns together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def plural(count: int, noun: str) -> str:
    """`1 file`, `2 files`, `3 batches`."""
    if count == 1:
        return f"1 {noun}"
    ending = "es" if noun.endswith(("s", "ch", "x")) else "s"
    return f"{count:,} {noun}{ending}"


def listed(names: Sequence[str], most: int = 5) -> str:
    """`'a', 'b' and 3 more`: some names, as they are quoted in messages."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(map(repr, names[:most])) + more


def suggestion(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the known word nearest to `word`, or nothing."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def counts_in_words(counts: Mapping[str, int]) -> str:
    """`9 edits, 1 import`: what was done, zeros left out."""
    named = [f"{n} {_singular(name) if n == 1 else name}" for name, n in counts.items() if n]
    return ", ".join(named) or "nothing added"


def _singular(name: str) -> str:
    """`lines` → `line`, `branches` → `branch`: the inverse of `plural`."""
    return name[:-2] if name.endswith(("sses", "ches", "xes")) else name.removesuffix("s")


def duration(seconds: float) -> str:
    """`40 s`, `12 min`, `3.5 h`: as exact as an estimate is worth."""
    if seconds < 90:  # noqa: PLR2004 - a minute and a half
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
