"""Decides which batches are judged beside the one that lands next; nothing is run here."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

WINDOW = 2
"""How far the judging may be ahead of the landing, in batches for each that runs at a time."""


@dataclass(frozen=True, slots=True)
class QueuedBatch:
    """A batch that may be judged: its name, and the files it would work on."""

    name: str
    paths: frozenset[str]


def to_start(
    queue: Sequence[QueuedBatch], at_work: Collection[str], *, free: int, jobs: int
) -> Iterator[QueuedBatch]:
    """The batches of `queue`, in the order in which they land, that may begin now.

    `at_work` are those that are being judged, or were and have not landed. No batch begins before
    one that works on the same file has landed.
    """
    taken: set[str] = set()
    for waiting in queue[: WINDOW * jobs]:
        if free <= 0:
            return
        if waiting.name not in at_work and taken.isdisjoint(waiting.paths):
            free -= 1
            yield waiting
        taken |= waiting.paths
