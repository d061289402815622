"""The N-th thing that is done to a file fails, for every N: nothing is lost, and the next run is whole."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from support import FILES, PLAN, SampleRepo, make_repo, patches

from orchestrator.base.disk_errors import disk_error
from orchestrator.engine.results import Landed
from orchestrator.errors import DiskError, OrchestrateError
from orchestrator.plan.model import Worktree
from orchestrator.worktrees.checkout import Checkout

QUICK = PLAN.replace("phases:", "verify: {gates: [compile]}\nphases:")


WRITES = ((os, "link"), (os, "fsync"), (Path, "replace"), (Path, "mkdir"))
MORE_WRITES = (*WRITES, (Path, "write_text"), (Path, "write_bytes"), (Path, "rename"))


@contextlib.contextmanager
def failing(
    number: int, writes: Sequence[tuple[Any, str]] = WRITES, code: int = errno.ENOSPC
) -> Iterator[list[int]]:
    """The disk is full once, at the `number`-th write, link, rename or folder of this process."""
    seen = [0]

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def instead(*arguments: Any, **named: Any) -> Any:
            seen[0] += 1
            if seen[0] == number:
                raise OSError(code, os.strerror(code))
            return real(*arguments, **named)

        return instead

    with pytest.MonkeyPatch.context() as patch:
        patches.append(patch)
        for owner, name in writes:
            patch.setattr(owner, name, counted(getattr(owner, name)))
        yield seen
        patches.remove(patch)


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
        assert_whole(repo, base, lands=number % 3 == 0)
        if seen[0] < number:
            break
        number += 1
    assert failed > 10, "the writes of a run are many"


def assert_whole(repo: SampleRepo, base: str, *, lands: bool = True) -> None:
    """Whatever was there is there, and the same once more ends as it should."""
    if repo.head == base and not repo.leftovers:
        assert repo.changes == ""
        for path in ("tests/test_a.py", "tests/test_b.py"):
            assert repo.read(path) == FILES[path]
    repo.run("recover")
    if repo.head == base and lands:
        assert isinstance(repo.next_batch(), Landed)
    assert repo.head == base or repo.git.parents("HEAD") == [base]
    assert (repo.changes, repo.leftovers) == ("", [])
    repo.git.run("fsck", "--strict", "--no-progress")


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES], ids=["full", "read-only"])
def test_a_work_tree_of_ours_that_cannot_be_made_leaves_nothing(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    folder = repo.top / ".git/orchestrate"
    for number in range(1, 30):
        with failing(number, MORE_WRITES, code) as seen:
            try:
                made = Checkout.make(
                    repo.git, folder, repo.head, Worktree(), python=None, say=lambda what: None
                )
            except DiskError as error:
                assert error.next_step, number
            else:
                made.close()
        assert list(temporary.iterdir()) == [], number
        assert repo.leftovers == [], number
        assert len(repo.git.text("worktree", "list").splitlines()) == 1, number
        assert list((repo.top / ".git").glob("*.aside")) == [], number
        if seen[0] < number:
            break
    assert number > 5, "the writes are many"


IN_THE_WAY = (".git/orchestrate", ".git/worktrees", "objects")


@pytest.mark.parametrize("way", [[], ["--isolated"], ["--all", "--jobs", "2"]])
@pytest.mark.parametrize("place", IN_THE_WAY)
def test_a_folder_that_cannot_be_used_is_named(place: str, way: list[str], tmp_path: Path) -> None:
    """A file stands in its place: permissions do not bite where tests run as root."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    repo = make_repo(tmp_path / "repo", plan=QUICK)
    if place == "objects":
        for number in range(256):
            with contextlib.suppress(FileExistsError):
                (repo.top / f".git/objects/{number:02x}").touch(exist_ok=False)
    else:
        (repo.top / place).touch()
    ran = repo.run("next-batch", *way, "--python", sys.executable, env={"TMPDIR": str(temporary)})
    if place == ".git/worktrees" and not way:
        assert ran.code == 0, ran
        return
    assert ran.code == 7, ran
    assert "Traceback" not in ran.err
    assert f"{place}" in ran.err.partition("next: ")[2]
    assert repo.changes == ""
    assert list(temporary.glob("orchestrate-*")) == []


def test_what_is_no_fault_of_the_disk_stays_a_bug() -> None:
    assert disk_error(OSError(errno.ENOENT, "No such file or directory", "/a/b")) is None
    refused = disk_error(OSError(errno.EACCES, "Permission denied", "/a/b c"))
    assert refused is not None
    assert refused.what == "cannot use '/a/b c': Permission denied"
    assert refused.next_step == "ls -ld /a '/a/b c'"
