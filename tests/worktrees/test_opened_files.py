"""Which files are opened, by whatever program, is heard of where nobody else is at work."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.worktrees.opened_files import OpenedFilesWatcher

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is of Linux")


@pytest.fixture
def opens(tmp_path: Path) -> Iterator[OpenedFilesWatcher]:
    (tmp_path / "sub" / "ünter").mkdir(parents=True)
    for name in ("a.py", "sub/b.py", "sub/ünter/c d.txt"):
        (tmp_path / name).write_text("x = 1\n")
    heard = OpenedFilesWatcher(tmp_path, ["", "sub", "sub/ünter"])
    yield heard
    heard.close()


def run(*command: str, cwd: Path) -> None:
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL)


def test_any_program_is_heard(opens: OpenedFilesWatcher, tmp_path: Path) -> None:
    run("cat", "sub/b.py", "sub/ünter/c d.txt", cwd=tmp_path)
    assert opens.seen() == {"sub/b.py", "sub/ünter/c d.txt"}
    opens.forget()
    assert opens.seen() == set()
    run("head", "-c1", "a.py", cwd=tmp_path)
    assert opens.seen() == {"a.py"}


def test_looking_at_a_folder_or_a_status_is_no_reading(
    opens: OpenedFilesWatcher, tmp_path: Path
) -> None:
    run("ls", "-lR", ".", cwd=tmp_path)
    assert opens.seen() == set()


def test_compiled_code_is_its_source(opens: OpenedFilesWatcher, tmp_path: Path) -> None:
    for _ in range(2):  # the second time, only what is kept of it is opened
        opens.forget()
        run(sys.executable, "-c", "import a, sub.b", cwd=tmp_path)
        seen = opens.seen()
        assert seen is not None
        assert {"a.py", "sub/b.py"} <= seen


def test_folders_made_later_are_listened_to(opens: OpenedFilesWatcher, tmp_path: Path) -> None:
    (tmp_path / "later").mkdir()
    opens.forget()
    (tmp_path / "later/d.txt").write_text("")
    run("cat", "later/d.txt", cwd=tmp_path)
    assert "later/d.txt" in (opens.seen() or ())


def test_folders_in_folders_made_at_once_are_listened_to(
    opens: OpenedFilesWatcher, tmp_path: Path
) -> None:
    for number in range(20):
        deep = tmp_path / f"new{number}/b/c"
        deep.mkdir(parents=True)
        (deep / "d.txt").write_text("")
    opens.forget()
    run("cat", *(f"new{number}/b/c/d.txt" for number in range(20)), cwd=tmp_path)
    assert {f"new{number}/b/c/d.txt" for number in range(20)} <= (opens.seen() or set())


def test_what_cannot_be_listened_to_is_no_silence(opens: OpenedFilesWatcher) -> None:
    with pytest.raises(OSError, match="gone"):
        opens.renew(["gone"])
    opens.forget()
    assert opens.seen() is None
    opens.renew(["sub"])
    assert opens.seen() == set()


def test_more_than_can_be_heard_is_told(opens: OpenedFilesWatcher, tmp_path: Path) -> None:
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    with opens._lock:  # nobody takes anything in meanwhile
        for number in range(limit + 10):
            with (tmp_path / ("a.py" if number % 2 else "sub/b.py")).open():
                pass
    assert opens.seen() is None
    opens.forget()
    assert opens.seen() == set()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-folder"):
        OpenedFilesWatcher(tmp_path, ["", "no-such-folder"])
