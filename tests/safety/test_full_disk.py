"""The N-th thing that is done to a file fails, for every N: nothing is lost, and the next run is whole."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import FILES, PLAN, SampleRepo, make_repo

from orchestrator.batch.settle import Landed
from orchestrator.errors import OrchestrateError

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")


@contextlib.contextmanager
def failing(number: int) -> Iterator[list[int]]:
    """The disk is full once, at the `number`-th write, link, rename or folder of this process."""
    seen = [0]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any, **named: Any) -> Any:
            seen[0] += 1
            if seen[0] == number:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return real(*arguments, **named)

        return instead

    with pytest.MonkeyPatch.context() as patch:
        for owner, name in ((os, "link"), (os, "fsync"), (Path, "replace"), (Path, "mkdir")):
            patch.setattr(owner, name, counted(getattr(owner, name)))
        yield seen


def test_fault_110_the_disk_is_full_at_the_nth_write_for_every_n(tmp_path: Path) -> None:
    number, failed = 1, 0
    while True:
        repo = make_repo(tmp_path / str(number), plan=QUICK)
        base = repo.head
        with failing(number) as seen:
            try:
                result = repo.next_batch()
            except OrchestrateError as error:
                failed += 1
                assert error.exit_code == 7, (number, error)
            else:
                assert isinstance(result, Landed), number
        assert_whole(repo, base)
        if seen[0] < number:
            break
        number += 1
    assert failed > 10, "the writes of a run are many"


def assert_whole(repo: SampleRepo, base: str) -> None:
    """Whatever was there is there, and the same once more ends as it should."""
    if repo.head == base and not repo.leftovers:
        assert repo.changes == ""
        for path in ("tests/test_a.py", "tests/test_b.py"):
            assert repo.read(path) == FILES[path]
    repo.run("recover")
    if repo.head == base:
        assert isinstance(repo.next_batch(), Landed)
    assert repo.git.parents("HEAD") == [base]
    assert (repo.changes, repo.leftovers) == ("", [])
    repo.git.run("fsck", "--strict", "--no-progress")
