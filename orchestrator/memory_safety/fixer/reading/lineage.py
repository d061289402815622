"""The bases of a class in the order Python asks them, across the files of the repository."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.memory_safety.fixer.reading.module import Base, Inside, Module
from orchestrator.memory_safety.fixer.reading.syntax import ClassNode
from orchestrator.memory_safety.fixer.reading.teardown import (
    calls_some_base,
    does_more_than_collect,
)


def linearized(start: Inside) -> list[Base]:
    """The classes Python asks for an attribute, in its order, `start` first.

    Where the order is not consistent (Python would refuse the class), bases in the order written.
    """
    orders = start.module.orders
    if start.at not in orders:
        orders[start.at] = _linearized(start, ())
    return orders[start.at]


def _linearized(start: Inside, path: tuple[ClassNode, ...]) -> list[Base]:
    if start.at in path:
        return [start]
    bases = start.module.bases(start.at)
    below: list[list[Base]] = [
        _known_order(base, (*path, start.at)) if isinstance(base, Inside) else [base]
        for base in bases
    ]
    return [start, *_merged([*below, list(bases)])]


def loses_a_teardown(module: Module, at: ClassNode, name: str) -> bool:
    """Whether two direct bases come to different definitions, and one with work to do is not run.

    Python calls the first in its order, and the next one only where that calls it.
    """
    direct = [base for base in module.bases(at) if isinstance(base, Inside)]
    owners = {_definer(base, name) for base in direct}
    order = [base.at for base in linearized(Inside(module, at)) if isinstance(base, Inside)]
    functions = [owner.definitions(name)[-1] for owner in order if owner in owners]
    last = next((i for i, f in enumerate(functions) if not calls_some_base(f)), len(functions))
    return any(map(does_more_than_collect, functions[last + 1 :]))


def _definer(start: Inside, name: str) -> ClassNode | None:
    """The class whose method of that name an instance of `start` has."""
    lineage = (base.at for base in linearized(start) if isinstance(base, Inside))
    return next((at for at in lineage if at.definitions(name)), None)


def _known_order(start: Inside, path: tuple[ClassNode, ...]) -> list[Base]:
    """As worked out before, or now; a class that derives from itself ends the walk."""
    if start.at in path:
        return [start]
    orders = start.module.orders
    if start.at not in orders:
        orders[start.at] = _linearized(start, path)
    return orders[start.at]


def _merged(sequences: Sequence[Sequence[Base]]) -> list[Base]:
    """C3, the merge behind Python's method resolution order."""
    rest = [list(sequence) for sequence in sequences if sequence]
    merged: list[Base] = []
    while rest:
        heads = (s[0] for s in rest if not any(s[0] in other[1:] for other in rest))
        head = next(heads, rest[0][0])
        merged.append(head)
        rest = [kept for s in rest if (kept := [base for base in s if base != head])]
    return merged
