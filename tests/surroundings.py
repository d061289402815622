"""The environment in which tests work: made here, whatever that of the suite's own caller holds."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
import warnings
from pathlib import Path

_PROGRAMS = (
    "basename bash cat chmod chromium chromium-browser cp cut date dirname echo env false find git "
    "grep head ln ls mkdir mktemp mv printf pwd rm rmdir sed sh sleep sort tail tee test touch tr "
    "true uname uniq wc xargs"
)
"""What tests may start by its name; a program that is missing here is missing in every test."""

_KEPT = {"TMPDIR", "LD_LIBRARY_PATH", "ORCHESTRATE_TEST_PYTHONS"}


def lay_out(pythons: Path, folder: Path) -> None:
    """Give this process, and so all it starts, the same surroundings wherever it is started.

    PATH holds `python` and `python3` of `pythons` and links in `folder` to the programs above.
    """
    programs, home = folder / "programs", folder / "home"
    home.mkdir()
    programs.mkdir()
    for name in _PROGRAMS.split():
        if found := shutil.which(name):
            (programs / name).symlink_to(found)
    for name in set(os.environ) - _KEPT:
        del os.environ[name]
    os.environ |= {
        "HOME": str(home),
        "PATH": f"{pythons}{os.pathsep}{programs}",
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "TZ": "UTC",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    time.tzset()
    os.umask(0o022)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGCHLD):
        if signal.getsignal(number) is signal.SIG_IGN:  # as in what a shell starts with `&`
            own = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
            signal.signal(number, own)
    sys.dont_write_bytecode = False
    if sys.warnoptions:
        sys.warnoptions.clear()
        warnings.resetwarnings()


def programs_alone() -> str:
    """A PATH with the programs above and no Python."""
    return os.environ["PATH"].split(os.pathsep)[-1]
