"""A pytest plugin that writes down how the project's configuration came out, as one JSON object.

It runs inside the interpreter of the project: standard library only, Python 3.8 and pytest 7.4 or
newer. `ORCHESTRATE_DOCTOR` names the file it writes. Tests are collected in one process, and not
run unless `ORCHESTRATE_DOCTOR_TIMED` is set.
"""

from __future__ import annotations

import gc
import json
import os
import time
from importlib import metadata
from typing import Any, Dict, Iterator, List, Optional

import pytest

_TIMES = 3
_HOLDERS = {
    "cov_source": "coverage (--cov)",
    "htmlpath": "pytest-html (--html)",
    "json_report": "pytest-json-report (--json-report)",
    "allure_report_dir": "allure (--alluredir)",
    "xmlpath": "JUnit (--junitxml)",
    "profile": "pytest-profiling (--profile)",
}
"""Options that make a plugin keep something of every test, or trace every line."""

_facts: Dict[str, Any] = {}
_seconds: Dict[str, float] = {}


@pytest.hookimpl(hookwrapper=True)
def pytest_cmdline_main(config: Any) -> Iterator[None]:
    """Remember what is asked for, then stay in one process; a wrapper runs before xdist's own."""
    if hasattr(config, "workerinput"):
        yield
        return
    option = config.option
    is_load = getattr(option, "distload", False)
    _facts["dist"] = "load" if is_load else config.getoption("dist", None)
    _facts["workers"] = _words(config.getoption("numprocesses", None))
    _facts["holders"] = [what for name, what in _HOLDERS.items() if getattr(option, name, None)]
    wanted = {
        "numprocesses": 0, "dist": "no", "distload": False, "tx": [], "maxfail": 0,
        "collectonly": "ORCHESTRATE_DOCTOR_TIMED" not in os.environ, "usepdb": False,
        "continue_on_collection_errors": True, "xmlpath": None,
    }  # fmt: skip
    for name, value in wanted.items():
        if hasattr(option, name):
            setattr(option, name, value)
    yield


@pytest.hookimpl(trylast=True)
def pytest_collection_finish(session: Any) -> None:
    """What tests import is there by now: what a worker holds, what a collection costs."""
    _facts["items"] = [{"id": item.nodeid, "group": _group(item)} for item in session.items]
    _weigh()


def pytest_collectreport(report: Any) -> None:
    """Files that cannot be imported are told."""
    if report.failed:
        _facts.setdefault("not_collected", []).append(report.nodeid)


def pytest_runtest_logreport(report: Any) -> None:
    """How long each test took, over its phases."""
    _seconds[report.nodeid] = _seconds.get(report.nodeid, 0.0) + report.duration


@pytest.hookimpl(tryfirst=True)
def pytest_unconfigure(config: Any) -> None:
    """Every plugin has configured itself by now, whatever it registers."""
    if hasattr(config, "workerinput"):
        return
    if "collect_s" not in _facts:
        _weigh()
    facts = dict(
        _facts,
        pytest=pytest.__version__,
        xdist=_version_of_xdist(config),
        configured=str(config.inipath) if config.inipath else None,
        markers=sorted({line.split(":")[0].split("(")[0] for line in config.getini("markers")}),
        schedulers=_schedulers(config),
        freezes=_freezes(config),
        seconds=_seconds,
    )
    with open(os.environ["ORCHESTRATE_DOCTOR"], "w", encoding="ascii") as out:
        json.dump(facts, out)


def _weigh() -> None:
    _facts["collect_s"] = min(_seconds_of_a_collection() for _ in range(_TIMES))
    _facts["objects"] = len(gc.get_objects())
    _facts["rss_mib"] = _rss_mib()


def _group(item: Any) -> Optional[str]:
    """The group as xdist makes it: several marks of a test are joined."""
    names = [
        mark.args[0] if mark.args else mark.kwargs.get("name", "default")
        for mark in item.iter_markers("xdist_group")
    ]
    return "_".join(sorted(set(map(str, names)))) or None


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


def _freezes(config: Any) -> bool:
    """Whether a conftest, or another plugin of the project, calls `gc.freeze()`."""
    root = str(config.rootpath)
    for plugin in config.pluginmanager.get_plugins():
        path = getattr(plugin, "__file__", None) or ""
        if path.startswith(root) and "site-packages" not in path:
            with open(path, encoding="utf-8", errors="replace") as source:
                if "gc.freeze(" in source.read():
                    return True
    return False


def _rss_mib() -> Optional[float]:
    try:
        with open("/proc/self/statm", "rb") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    except OSError:
        return None


def _words(value: Any) -> Optional[str]:
    return None if value is None else str(value)


def _seconds_of_a_collection() -> float:
    started = time.perf_counter()
    gc.collect()
    return time.perf_counter() - started
