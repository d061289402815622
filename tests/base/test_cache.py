"""The user's cache and temporary folders are believed only where nobody else can write to them."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support import SampleRepo

from orchestrator.base import tempdirs
from orchestrator.base.cache import cache_folder, kept, recalled


@pytest.fixture
def file() -> Path:
    return cache_folder() / "plan-1.json"


def test_only_the_user_reads_and_writes_what_is_kept(file: Path) -> None:
    kept(file, b"data")
    assert recalled(file) == b"data"
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_folder_of_an_older_version_is_closed_to_others(file: Path) -> None:
    file.parent.mkdir(parents=True)
    file.parent.chmod(0o775)
    file.write_bytes(b"planted")
    assert recalled(file) is None
    kept(file, b"data")
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert recalled(file) == b"data"


def others_may_write_the_file(file: Path) -> None:
    file.chmod(0o666)


def a_link(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to(file.with_name("elsewhere"))


def a_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def a_link_to_the_folder(file: Path) -> None:
    file.parent.rename(file.parent.with_name("elsewhere"))
    file.parent.symlink_to(file.parent.with_name("elsewhere"))


def others_may_replace_the_folder(file: Path) -> None:
    file.parent.parent.chmod(0o777)


def endless(file: Path) -> None:
    with file.open("r+b") as stream:
        stream.truncate(2**40)


@pytest.mark.parametrize(
    "spoil",
    [
        others_may_write_the_file,
        a_link,
        a_pipe,
        a_folder,
        endless,
        a_link_to_the_folder,
        others_may_replace_the_folder,
    ],
)
def test_what_others_may_have_written_is_not_read(
    file: Path, spoil: Callable[[Path], None]
) -> None:
    kept(file, b"data")
    spoil(file)
    assert recalled(file) is None


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("whose", ["folder", "file"])
def test_what_belongs_to_another_user_is_neither_read_nor_written(file: Path, whose: str) -> None:
    kept(file, b"data")
    os.chown(file.parent if whose == "folder" else file, 12_345, -1)
    assert recalled(file) is None
    if whose == "folder":
        with pytest.raises(PermissionError):
            kept(file, b"mine")
        assert file.read_bytes() == b"data"


@pytest.mark.parametrize("spoil", [a_link_to_the_folder, others_may_replace_the_folder])
def test_nothing_is_written_where_others_may_look(
    file: Path, spoil: Callable[[Path], None]
) -> None:
    kept(file, b"data")
    spoil(file)
    with pytest.raises(PermissionError):
        kept(file, b"more")


def test_a_cache_that_is_not_believed_costs_only_time(repo: SampleRepo) -> None:
    assert repo.run("status").code == 0
    (snapshot,) = cache_folder().glob("plan-*.json")
    planted = snapshot.read_bytes().replace(b"Batch one", b"Batch bad")
    assert planted != snapshot.read_bytes()
    snapshot.write_bytes(planted)
    assert "Batch bad" in repo.run("show", "first/one").out  # the test would see it
    snapshot.chmod(0o666)
    assert "Batch one" in repo.run("show", "first/one").out
    snapshot.write_bytes(b"[" * 1_000_000)
    snapshot.chmod(0o600)
    assert "Batch one" in repo.run("show", "first/one").out


def dead_pid() -> int:
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    return ended.pid


@pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="nothing is swept elsewhere")
def test_only_own_folders_of_the_dead_are_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    space, dead = Path("/proc/self/ns/pid").stat().st_ino, dead_pid()
    (tmp_path / "precious").mkdir()
    gone = tmp_path / f"orchestrate-gate-{space}.{dead}-a"
    gone.mkdir()
    stay = {
        "alive": tmp_path / f"orchestrate-gate-{space}.{os.getpid()}-a",
        "elsewhere": tmp_path / f"orchestrate-gate-{space + 1}.{dead}-a",
        "no process": tmp_path / f"orchestrate-gate-{space}.{'9' * 30}-a",
        "link": tmp_path / f"orchestrate-gate-{space}.{dead}-link",
    }
    for name, path in stay.items():
        path.symlink_to(tmp_path / "precious") if name == "link" else path.mkdir()
    tempdirs.sweep()
    assert not gone.exists()
    assert all(path.exists() for path in stay.values())
    assert (tmp_path / "precious").exists()
