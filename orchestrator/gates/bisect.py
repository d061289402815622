"""Finds the file whose edit turns a check red, in as few runs as it takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence


def first_bad(paths: Sequence[str], is_red: Callable[[Sequence[str]], bool]) -> str | None:
    """The first of `paths` whose edit makes the check red, the ones before it being edited as well.

    `is_red` answers for a set of edited files; it is asked about log2(n) + 1 times. None: not even
    all edits together are red now, so that nothing can be said.
    """
    if not paths or not is_red(paths):
        return None
    good, bad = 0, len(paths)  # without any edit it is green; with all of them it is red
    while bad - good > 1:
        middle = (good + bad) // 2
        if is_red(paths[:middle]):
            bad = middle
        else:
            good = middle
    return paths[bad - 1]
