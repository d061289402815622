"""Bytes on disk are replaced whole, never over somebody else's, and never through a link."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.base import files, state_files
from orchestrator.base.paths import RepoPath
from orchestrator.base.reading import read_regular
from orchestrator.errors import ChangedMeanwhile, DiskError

FILE = RepoPath("file.py")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def target(tmp_path: Path) -> Path:
    path = tmp_path / FILE
    path.write_bytes(b"old")
    path.chmod(0o754)
    return path


def test_the_mode_stays_and_nothing_else_is_left(target: Path) -> None:
    files.replace(target.parent, FILE, b"new", expected=b"old")
    assert target.read_bytes() == b"new"
    assert target.stat().st_mode & 0o777 == 0o754
    assert names_in(target.parent) == ["file.py"]


def test_the_modification_time_moves_on_by_a_second_at_least(target: Path) -> None:
    """Also past what was there before: bytecode of the first try is not that of the second."""
    before = int(target.stat().st_mtime)
    for old, new in ((b"old", b"new"), (b"new", b"old"), (b"old", b"two")):
        files.replace(target.parent, FILE, new, expected=old)
        after = int(target.stat().st_mtime)
        assert after > before
        before = after


def test_bytes_of_somebody_else_are_left_alone(target: Path) -> None:
    with pytest.raises(ChangedMeanwhile, match="left alone"):
        files.replace(target.parent, FILE, b"new", expected=b"other")
    assert target.read_bytes() == b"old"
    assert names_in(target.parent) == ["file.py"]


@pytest.mark.parametrize("call", ["fsync", "chmod", "link", "rename", "swap"])
def test_a_full_disk_leaves_the_old_bytes(
    call: str, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **kwargs: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    top, new = target.parent, RepoPath("new.py")
    if call == "swap":
        monkeypatch.setattr(files, "_swapped", full)
    else:
        monkeypatch.setattr(os, call, full)
    if call == "rename":
        monkeypatch.setattr(files, "_swapped", lambda *names: False)
    path, expected = (new, None) if call == "link" else (FILE, b"old")
    with pytest.raises(DiskError, match="No space left"):
        files.compare_and_swap(top, path, expected=expected, data=b"new", mode=0o644)
    assert target.read_bytes() == b"old"
    assert names_in(top) == ["file.py"]


@pytest.mark.parametrize("swaps", [True, False], ids=["exchanged", "renamed"])
def test_either_way_to_replace_gives_the_same(
    swaps: bool, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not swaps:
        monkeypatch.setattr(files, "_renameat2", lambda: None)
    files.replace(target.parent, FILE, b"new", expected=b"old")
    assert (target.read_bytes(), stat.S_IMODE(target.stat().st_mode)) == (b"new", 0o754)
    assert names_in(target.parent) == ["file.py"]


def before_each_swap(monkeypatch: pytest.MonkeyPatch, *deeds: Callable[[], object]) -> None:
    """Do one more of `deeds` right before each time two files change places."""
    real, left = files._swapped, list(deeds)

    def swapped(*names: Any) -> bool:
        if left:
            left.pop(0)()
        return real(*names)

    monkeypatch.setattr(files, "_swapped", swapped)


def test_what_is_written_between_the_last_look_and_the_rename_stays(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_each_swap(monkeypatch, lambda: target.write_bytes(b"the user's"))
    with pytest.raises(ChangedMeanwhile, match="left alone"):
        files.replace(target.parent, FILE, b"new", expected=b"old")
    assert target.read_bytes() == b"the user's"
    assert names_in(target.parent) == ["file.py"]


def test_of_two_versions_written_in_the_last_moment_both_stay(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before_each_swap(
        monkeypatch, lambda: target.write_bytes(b"first"), lambda: target.write_bytes(b"second")
    )
    with pytest.raises(ChangedMeanwhile, match="twice"):
        files.replace(target.parent, FILE, b"new", expected=b"old")
    assert target.read_bytes() == b"second"
    (kept,) = set(names_in(target.parent)) - {"file.py"}
    assert (target.parent / kept).read_bytes() == b"first"
    assert kept.startswith("file.py.orchestrate-")


@pytest.mark.parametrize("again", [False, True], ids=["once", "and again"])
def test_what_is_written_right_before_a_removal_stays(
    again: bool, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.rename

    def rename(*names: Any, **folders: Any) -> None:
        if names[0] == FILE:
            target.write_bytes(b"the user's")
        real(*names, **folders)
        if names[0] == FILE and again:
            target.write_bytes(b"newer")

    monkeypatch.setattr(os, "rename", rename)
    with pytest.raises(ChangedMeanwhile):
        files.compare_and_swap(target.parent, FILE, expected=b"old", data=None, mode=0o644)
    held = {path.read_bytes() for path in target.parent.iterdir()}
    assert held == ({b"the user's", b"newer"} if again else {b"the user's"})
    assert target.read_bytes() == (b"newer" if again else b"the user's")


def test_a_file_of_ours_goes_with_the_folders_it_leaves_empty(tmp_path: Path) -> None:
    files.write(tmp_path, RepoPath("a/b/c.json"), b"{}")
    files.write(tmp_path, RepoPath("a/kept.json"), b"{}")
    files.remove(tmp_path, RepoPath("a/b/c.json"))
    files.remove(tmp_path, RepoPath("a/b/never.json"))
    assert names_in(tmp_path / "a") == ["kept.json"]


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DiskError, match="cannot read"):
        files.read(tmp_path, RepoPath("none"))
    assert files.contents(tmp_path, RepoPath("none")) is None
    with pytest.raises(ChangedMeanwhile):
        files.replace(tmp_path, RepoPath("none"), b"new", expected=b"old")


DEEDS = {
    "read": files.read,
    "replace": lambda top, path: files.replace(top, path, b"new", expected=b"old"),
    "make": lambda top, path: files.compare_and_swap(
        top, path, expected=None, data=b"new", mode=0o644
    ),
    "take away": lambda top, path: files.compare_and_swap(
        top, path, expected=b"old", data=None, mode=0o644
    ),
    "set mode": lambda top, path: files.set_mode(top, path, 0o777),
    "write": lambda top, path: files.write(top, path, b"new"),
    "remove": files.remove,
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
@pytest.mark.parametrize("where", ["a/link/file.py", "link/file.py", "link/deep/file.py"])
def test_no_link_is_followed_on_the_way(
    deed: Callable[[Path, RepoPath], object], where: str, tmp_path: Path
) -> None:
    outside, top = tmp_path / "outside", tmp_path / "top"
    (outside / "deep").mkdir(parents=True)
    (top / "a").mkdir(parents=True)
    for folder in (outside, outside / "deep"):
        (folder / "file.py").write_bytes(b"old")
    for link in (top / "link", top / "a/link"):
        link.symlink_to(outside)
    before = {p: (p.read_bytes(), p.stat().st_mode) for p in outside.rglob("*.py")}
    with pytest.raises((DiskError, ChangedMeanwhile), match="link"):
        deed(top, RepoPath(where))
    assert {p: (p.read_bytes(), p.stat().st_mode) for p in outside.rglob("*.py")} == before
    assert names_in(outside) == ["deep", "file.py"]
    assert not files.is_file(top, RepoPath(where))


@pytest.mark.parametrize("deed", [d for n, d in DEEDS.items() if n != "remove"])
def test_a_link_in_the_place_of_the_file_is_neither_read_nor_replaced(
    deed: Callable[[Path, RepoPath], object], tmp_path: Path
) -> None:
    outside = tmp_path / "outside.py"
    outside.write_bytes(b"old")
    (tmp_path / "top").mkdir()
    (tmp_path / "top" / FILE).symlink_to(outside)
    with pytest.raises((DiskError, ChangedMeanwhile)):
        deed(tmp_path / "top", FILE)
    assert outside.read_bytes() == b"old"
    assert (tmp_path / "top" / FILE).is_symlink()


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
def test_a_text_that_was_not_checked_reaches_no_file(
    deed: Callable[[Path, Any], object], target: Path
) -> None:
    with pytest.raises(TypeError, match="not checked"):
        deed(target.parent, "file.py")
    assert target.read_bytes() == b"old"


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
        (lambda path: path.mkdir(), "directory"),
        (lambda path: path.write_bytes(b"x" * (2**20 + 1)), "larger than 1 MiB"),
    ],
    ids=["a pipe", "a link to a device", "a folder", "a large file"],
)
def test_what_is_no_regular_file_within_the_limit_is_not_read(
    make: Callable[[Path], object], why: str, tmp_path: Path
) -> None:
    make(tmp_path / "odd")
    with pytest.raises(OSError, match=why):
        read_regular(tmp_path / "odd", most_mib=1)


def test_files_of_our_own_are_for_the_user_alone(tmp_path: Path) -> None:
    state_files.write(tmp_path / "ours/deep/log", b"a password")
    for path, mode in (("ours", 0o700), ("ours/deep", 0o700), ("ours/deep/log", 0o600)):
        assert stat.S_IMODE((tmp_path / path).stat().st_mode) == mode, path
    assert state_files.read(tmp_path / "ours/deep/log") == b"a password"
