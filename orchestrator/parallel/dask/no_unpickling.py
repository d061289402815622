"""Keeps this process from unpickling what a Dask scheduler or worker sends it.

A client of Dask unpickles the type of every result, the exception of every task that failed, and
whatever a peer marks as pickled, and has no setting against it. All of that passes one function.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

from orchestrator.errors import CannotJudge


@contextmanager
def refuse_pickles() -> Iterator[None]:
    """Let Dask load no pickle in this process but that of the type `bytes`, while the block runs.

    Raises:
        CannotJudge: this version of Dask loads pickles in another way.
    """
    import distributed.client
    import distributed.protocol.pickle

    theirs: Any = distributed.protocol.pickle
    standard: Any = theirs.pickle
    known: Mapping[bytes, type] = {
        standard.dumps(bytes, protocol=number): bytes
        for number in range(standard.HIGHEST_PROTOCOL + 1)
    }

    def loads(data: Any, *, buffers: Any = ()) -> type:
        if (found := known.get(bytes(data))) is None:
            raise TypeError("a pickle from the cluster is not loaded here")
        return found

    narrow = SimpleNamespace(**{**vars(standard), "loads": loads})
    modules: list[Any] = [theirs, distributed.client]
    try:
        for module in modules:
            module.pickle = narrow
        _prove(theirs)
        yield
    finally:
        for module in modules:
            module.pickle = standard


def _prove(theirs: Any) -> None:
    """Make sure that the function Dask calls is behind the door."""
    try:
        theirs.loads(theirs.dumps(KeyError("inside")))
    except TypeError:
        return
    raise CannotJudge(
        "this version of distributed loads pickles in a way that is not known here",
        next_step="pip install 'orchestrate-migration[dask]'",
    )
