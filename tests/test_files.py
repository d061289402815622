"""Bytes on disk are replaced whole, and never over somebody else's."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from orchestrator import files
from orchestrator.errors import ChangedMeanwhile, DiskError


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / "file.py"
    path.write_bytes(b"old")
    path.chmod(0o754)
    return path


def test_the_mode_stays_and_nothing_else_is_left(target: Path) -> None:
    files.replace(target, b"new", expected=b"old")
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o754
    assert names_in(target.parent) == ["file.py"]


def test_the_modification_time_moves_by_a_second_at_least(target: Path) -> None:
    before = int(target.stat().st_mtime)
    for old, new in ((b"old", b"new"), (b"new", b"old")):
        files.replace(target, new, expected=old)
        after = int(target.stat().st_mtime)
        assert after != before
        before = after


def test_bytes_of_somebody_else_are_left_alone(target: Path) -> None:
    with pytest.raises(ChangedMeanwhile, match="left alone"):
        files.replace(target, b"new", expected=b"other")
    assert target.read_bytes() == b"old"
    assert names_in(target.parent) == ["file.py"]


@pytest.mark.parametrize("call", ["fsync", "fchmod", "replace"])
def test_a_full_disk_leaves_the_old_bytes(
    call: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    places = {"fsync": (os, "fsync"), "fchmod": (Path, "chmod"), "replace": (Path, "replace")}
    monkeypatch.setattr(*places[call], full)
    with pytest.raises(DiskError, match="No space left"):
        files.replace(target, b"new", expected=b"old")
    assert target.read_bytes() == b"old"
    assert names_in(target.parent) == ["file.py"]


def test_a_file_of_ours_goes_with_the_folders_it_leaves_empty(tmp_path: Path) -> None:
    files.create(tmp_path / "a/b/c.json", b"{}")
    files.create(tmp_path / "a/kept.json", b"{}")
    files.remove(tmp_path / "a/b/c.json", up_to=tmp_path)
    assert names_in(tmp_path / "a") == ["kept.json"]


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="cannot read"):
        files.read(tmp_path / "none")
