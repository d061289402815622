"""A second environment for what tests start: this one, as links, without Hypothesis.

Its plugin for pytest loads all of Hypothesis when a run ends, whether or not a test uses it: half a
second for each of the thousands of runs that these tests start.
"""

from __future__ import annotations

import re
import shutil
import sys
import sysconfig
from pathlib import Path

_HERE = Path(sys.prefix)
_MADE = _HERE / "without-hypothesis"
_LEFT_OUT = re.compile(r"_?hypothesis|platformdirs-.*\.dist-info")
"""And the plugin of another package, which no run of pytest here needs to load."""

ON_PATH = _MADE / "on-path"
"""Its interpreter alone, under the names by which one is looked for on PATH."""


def python() -> Path:
    """Its interpreter; the environment is made anew where this one has other packages by now."""
    packages = Path(sysconfig.get_path("purelib"))
    wanted = {
        _MADE / folder.relative_to(_HERE) / entry.name: entry
        for folder in (packages, _HERE / "bin")
        for entry in folder.iterdir()
        if not _LEFT_OUT.match(entry.name)
    }
    wanted[_MADE / "pyvenv.cfg"] = _HERE / "pyvenv.cfg"
    wanted |= {ON_PATH / name: _HERE / "bin" / "python" for name in ("python", "python3")}
    made = {link: link.readlink() for link in _MADE.rglob("*") if link.is_symlink()}
    if made != wanted:
        shutil.rmtree(_MADE, ignore_errors=True)
        for link, entry in wanted.items():
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(entry)
    return _MADE / "bin" / "python"
