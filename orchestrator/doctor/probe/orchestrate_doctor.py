"""A pytest plugin that writes down how the project's configuration came out, as one JSON object.

It runs inside the interpreter of the project: standard library only, Python 3.8 and pytest 7.4 or
newer. `ORCHESTRATE_DOCTOR` names the file it writes; pytest is started with `--markers`, so that it
configures itself, loads the conftest files and ends.
"""

from __future__ import annotations

import gc
import json
import os
import time
from importlib import metadata
from typing import Any, List, Optional

import pytest

_TIMES = 3


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: Any) -> None:
    """Every plugin has configured itself by now, whatever it registers."""
    if hasattr(config, "workerinput"):
        return
    facts = {
        "pytest": pytest.__version__,
        "xdist": _version_of_xdist(config),
        "dist": config.getoption("dist", None),
        "workers": _words(config.getoption("numprocesses", None)),
        "configured": str(config.inipath) if config.inipath else None,
        "markers": sorted({line.split(":")[0].split("(")[0] for line in config.getini("markers")}),
        "schedulers": _schedulers(config),
        "collect_s": min(_seconds_of_a_collection() for _ in range(_TIMES)),
        "objects": len(gc.get_objects()),
    }
    with open(os.environ["ORCHESTRATE_DOCTOR"], "w", encoding="ascii") as out:
        json.dump(facts, out)


def _version_of_xdist(config: Any) -> Optional[str]:
    """None where it is not installed, or switched off."""
    if not config.pluginmanager.hasplugin("xdist"):
        return None
    return metadata.version("pytest-xdist")


def _schedulers(config: Any) -> List[str]:
    """The plugins that answer xdist's question for a scheduler, xdist itself left out."""
    hook = getattr(config.hook, "pytest_xdist_make_scheduler", None)
    names = [one.plugin_name for one in hook.get_hookimpls()] if hook else []
    return [os.path.basename(name) for name in names if not name.startswith("xdist")]


def _words(value: Any) -> Optional[str]:
    return None if value is None else str(value)


def _seconds_of_a_collection() -> float:
    started = time.perf_counter()
    gc.collect()
    return time.perf_counter() - started
