"""The script a repository runs as its validator: it starts orchestrate-check, wherever that is."""

from __future__ import annotations

from pathlib import PurePosixPath

from orchestrator.memory_safety.guard.parts import Cannot, GuardSettings

_MARK = "orchestrate-check"
_INSTALL = "python -m pip install PATH-OR-URL-OF-ORCHESTRATE"
_SCRIPT = '''\
"""Checks that test classes keep to the pytest-xdist memory safety pattern.

Alone: this script with files or folders, or nothing for every test file. As a hook: with the files
of a commit. Exit 0: all is well, 1: a class lacks something, 2: the check could not be started.

It starts `orchestrate-check`: of this Python, on PATH, or of the environment of the repository.
"""

import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

TOP = Path(__file__).resolve().parents[@UP@]


def command() -> "list[str] | None":
    """The words that start the check; None where orchestrate is nowhere."""
    try:
        metadata.version("orchestrate-migration")
        return [sys.executable, "-c", "from orchestrator.cli import main_check; main_check()"]
    except metadata.PackageNotFoundError:
        pass
    for folder in (None, TOP / ".venv" / "bin", TOP / "venv" / "bin"):
        found = shutil.which("orchestrate-check", path=folder)
        if found is not None:
            return [found]
    return None


if __name__ == "__main__":
    words = command()
    if words is None:
        sys.stderr.write("orchestrate is not installed: test classes cannot be checked\\n")
        sys.stderr.write(@INSTALL@)
        sys.exit(2)
    sys.exit(subprocess.call([*words, *sys.argv[1:]]))
'''


def script(text: str, path: str, wishes: GuardSettings) -> str | None:
    """The script; None where it is there already.

    Raises:
        Cannot: there is another one of that name.
    """
    if _MARK in text:
        return None
    if text.strip():
        raise Cannot(f"{path} is a script of yours; leave it, or give this one another name")
    up = len(PurePosixPath(path).parts) - 1
    install = repr(f"next: {wishes.installing or _INSTALL}\n").replace("'", '"')
    if '\\"' in install or install.count('"') > 2:  # noqa: PLR2004 - a pair of quotes
        install = repr(f"next: {wishes.installing}\n")
    return _SCRIPT.replace("@UP@", str(up)).replace("@INSTALL@", install)
