"""A pytest plugin that writes down, as JSON lines, what a test run really did.

It runs inside the interpreter of the project under migration: standard library only, Python 3.8 and
pytest 7.4 or newer. `ORCHESTRATE_PROBE` names the JSON file with its settings:

    out      the file the lines are appended to
    files    what is collected, whatever positional arguments `addopts` may hold
    wanted   the files and folders of those that are collected, from where pytest is started; null
             for all
    workers  processes of pytest-xdist; 0 for this one only
    freeze   whether imported objects are kept out of every later `gc.collect()`
    only_collect  whether no test is run
    only     the ids to run, with paths from `top`; null for all
    top      the top of the repository
    folder   that of the project pytest is started in, from top; empty for top itself
    edited   files of the batch, from top: which of them is imported from somewhere else is told
    touched  the file that is told which files below top are written to by which test, and read
    imports  the file that is told what was imported; null for none

Lines: start, collecting, collected, collect_error, collect_skip, ids, deselected, running, phase,
variables, worker_lost, finish. Only the controlling process writes them; workers of xdist report
through it.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Dict, Generator, Iterator, List, Optional

import orchestrate_raised as failing  # type: ignore[import-not-found]  # beside this file
import pytest
from orchestrate_files import Files  # type: ignore[import-not-found]  # beside this file
from orchestrate_freezer import Freezer  # type: ignore[import-not-found]  # beside this file
from orchestrate_imports import Imports  # type: ignore[import-not-found]  # beside this file

_TO_THE_END: Dict[str, Any] = {
    "maxfail": 0,
    "stepwise": False,
    "stepwise_skip": False,
    "lf": False,
    "failedfirst": False,
    "newfirst": False,
    "last_failed_no_failures": "all",
    "testmon": False,
    "testmon_forceselect": False,
    "picked": None,
}
"""What ends a run early, or leaves tests out by what an earlier run did, switched off."""

_ENDLESS_S = 1e9
"""What pytest-timeout is given where it was to end the session: it takes 0 for no time at all."""

_COLLECTED = (0, 1, 5)
"""Exit codes of pytest that say how tests went, or that there were none."""
# a test may replace them
_dumps = json.dumps


def _settings() -> Dict[str, Any]:
    with open(os.environ["ORCHESTRATE_PROBE"], encoding="ascii") as stream:
        settings: Dict[str, Any] = json.load(stream)
    return settings


def pytest_configure(config: Any) -> None:
    """Register what this process needs: the controller writes, every process may freeze."""
    settings = _settings()
    imports = _IMPORTS
    if imports is not None:
        config.pluginmanager.register(_Learner(config, imports), "orchestrate-learner")
    files = _FILES
    config.add_cleanup(lambda: files.tell_elsewhere(settings["edited"]))
    config.pluginmanager.register(_Selection(config, settings), "orchestrate-selection")
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Writer(config, settings), "orchestrate-writer")
    if settings["freeze"]:
        config.pluginmanager.register(_FREEZER, "orchestrate-freezer")


@pytest.hookimpl(hookwrapper=True)
def pytest_cmdline_main(config: Any) -> Iterator[None]:
    """Undo what `addopts` may ask for that would hide tests or end the run early.

    A wrapper runs before xdist's own implementation, which turns the number of processes into
    worker specifications. A worker is told by its controller; given a number of its own it would
    start workers in turn, and they theirs.
    """
    option = config.option
    if hasattr(config, "workerinput"):
        _set(option, _TO_THE_END)
        _without_session_timeout(config)
        yield
        return
    settings = _settings()
    config.args = list(settings["files"])
    wanted = {
        "collectonly": settings["only_collect"],
        "setuponly": False,
        "setupplan": False,
        "usepdb": False,
        "trace": False,
        "xmlpath": None,
        "continue_on_collection_errors": True,
        "numprocesses": settings["workers"],
        "maxprocesses": None,
        "dist": "loadgroup" if settings["workers"] else "no",
        "distload": False,
        "tx": [],
    }
    _set(option, dict(_TO_THE_END, **wanted))
    _without_session_timeout(config)
    yield


def _without_session_timeout(config: Any) -> None:
    """Let pytest-timeout end no session; the run has a limit of its own."""
    if not hasattr(config.option, "session_timeout"):
        return
    try:
        is_set = bool(config.option.session_timeout or config.getini("session_timeout"))
    except ValueError:  # a plug-in that has the option only
        is_set = config.option.session_timeout is not None
    if is_set:
        config.option.session_timeout = _ENDLESS_S


def _set(option: Any, wanted: Dict[str, Any]) -> None:
    """Set the options that there are."""
    for name, value in wanted.items():
        if hasattr(option, name):
            setattr(option, name, value)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: Any) -> None:
    """Leave out the summary of Hypothesis where no test used it, since it would load all of it.

    That takes half a second or more, at the end of every run. A controller of xdist cannot tell
    whether its workers did.
    """
    plugins, name = session.config.pluginmanager, "hypothesispytest"
    if "hypothesis" not in sys.modules and not _settings()["workers"] and plugins.has_plugin(name):
        plugins.unregister(name=name)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: Any, call: Any) -> Generator[None, Any, None]:
    """Say in the report how a phase failed, or whether the source itself asks for the skip.

    What is added travels from a worker to the controller with the report.
    """
    outcome = yield
    report = outcome.get_result()
    if call.excinfo is None and not hasattr(report, "wasxfail"):
        return
    about: Dict[str, Any] = {}
    if report.outcome == "failed" and call.excinfo is not None:
        about = failing.failure(call.excinfo, _TOP)
    elif report.outcome == "skipped" or hasattr(report, "wasxfail"):
        about = {"in_source": _asked_for_in_source(item, report)}
    report.orchestrate = about


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, None]:
    """Say in the report what a file that cannot be collected raised."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        report.orchestrate = failing.failed_collection(report, _TOP)


_ASKING = ("skip", "skipif")


def _asked_for_in_source(item: Any, report: Any) -> bool:
    """Whether a skip is one that a mark in the test's own file asks for.

    What code decides while it runs, or a conftest by the marks it sees, may depend on the edit; so
    may whether a test that is expected to fail does.
    """
    if hasattr(report, "wasxfail"):
        return False
    written: List[Any] = []
    for node in item.listchain():
        marks = getattr(getattr(node, "obj", None), "pytestmark", [])
        written += marks if isinstance(marks, list) else [marks]
    written += getattr(getattr(item, "callspec", None), "marks", [])
    if any(getattr(mark, "name", "") in _ASKING for mark in written):
        return True
    things = (getattr(item, "obj", None), getattr(item, "cls", None))
    return any(getattr(thing, "__unittest_skip__", False) for thing in things)


class _Learner:
    """Tells what was imported, once the tests have run."""

    def __init__(self, config: Any, imports: Imports) -> None:
        self._config = config
        self._imports = imports

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        hook = getattr(self._config.pluginmanager, "rewrite_hook", None)
        rewritten = sorted(getattr(hook, "_must_rewrite", ()))
        self._imports.tell(rewritten, list(getattr(hook, "fnpats", ())))


class _Selection:
    """Keeps the ids that were asked for, and remembers which ones the configuration left out."""

    def __init__(self, config: Any, settings: Dict[str, Any]) -> None:
        self._config = config
        self._top = settings["top"]
        self._only = None if settings["only"] is None else frozenset(settings["only"])
        here = os.getcwd()
        wanted = settings["wanted"]
        self._wanted = wanted and [os.path.normpath(os.path.join(here, path)) for path in wanted]

    def pytest_ignore_collect(self, collection_path: Any) -> Optional[bool]:
        """Leave out what was not asked for, where a folder was given in place of its files."""
        if self._wanted is None:
            return None
        path = str(collection_path)
        for one in self._wanted:
            if _is_below(path, one) or _is_below(one, path):
                return None
        return True

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: List[Any]) -> Iterator[None]:
        before = [item.nodeid for item in items]
        yield
        ids = [_without_group(item.nodeid) for item in items]
        left_out = sorted(set(before).difference(ids))
        if self._only is not None:
            items[:] = [items[n] for n, id_ in enumerate(ids) if self._canonical(id_) in self._only]
            left_out = [id_ for id_ in left_out if self._canonical(id_) in self._only]
        if hasattr(self._config, "workeroutput"):
            self._config.workeroutput["orchestrate_left_out"] = left_out
        elif left_out:
            self._config.pluginmanager.get_plugin("orchestrate-writer").left_out(left_out)

    def _canonical(self, id_: str) -> str:
        path, separator, rest = id_.partition("::")
        root = str(getattr(self._config, "rootpath", None) or self._config.rootdir)
        full = os.path.relpath(os.path.join(root, path), self._top)
        return full.replace(os.sep, "/") + separator + rest


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def _without_group(id_: str) -> str:
    """The id as it was before xdist appended `@group`: only what follows the last `]` is cut."""
    path, separator, rest = id_.partition("::")
    cut = max(rest.rfind("]"), rest.rfind("::"))
    return path + separator + rest[: cut + 1] + rest[cut + 1 :].partition("@")[0]


class _Writer:
    """Appends one line for everything that happens."""

    def __init__(self, config: Any, settings: Dict[str, Any]) -> None:
        self._out = open(settings["out"], "a", encoding="utf-8")  # noqa: SIM115 - open for the whole run
        self._wrote_ids = False
        self._wrote_left_out = False
        has_xdist = config.pluginmanager.hasplugin("xdist")
        self._write(
            "start",
            rootdir=str(getattr(config, "rootpath", None) or config.rootdir),
            pytest=pytest.__version__,
            xdist=has_xdist,
            workers=settings["workers"] if has_xdist else 0,
        )

    def _write(self, kind: str, **values: Any) -> None:
        self._out.write(_dumps(dict(values, **{"is": kind})) + "\n")
        self._out.flush()

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._variables(report)
            why = failing.told(report, _TOP)
            self._write("collect_error", id=report.nodeid, text=failing.text_of(report), raised=why)
        elif report.skipped:
            self._write("collect_skip", id=report.nodeid, text=failing.text_of(report))
        else:
            self._write("collected", id=report.nodeid)

    def _variables(self, report: Any) -> None:
        """What the process of a report has got of an environment, where it is not this one."""
        about = getattr(report, "orchestrate", {})
        self._write("variables", values=dict(about.pop("variables", {}), **failing.new_variables()))

    def pytest_collectstart(self, collector: Any) -> None:
        if isinstance(collector, pytest.File):
            self._write("collecting", id=collector.nodeid)

    def left_out(self, ids: List[str]) -> None:
        """Tell which collected ids the configuration or a plugin did not let through."""
        self._write("deselected", ids=ids)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: Any) -> None:
        if session.items:
            self._ids([item.nodeid for item in session.items])

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: List[str]) -> None:
        self._ids(list(ids))

    def _ids(self, ids: List[str]) -> None:
        if not self._wrote_ids:  # every worker collects the same
            self._wrote_ids = True
            self._write("ids", ids=ids)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        self._write("running", id=nodeid)

    def pytest_runtest_logreport(self, report: Any) -> None:
        failed = report.outcome == "failed"
        if failed:
            self._variables(report)
        self._write(
            "phase",
            id=report.nodeid,
            when=report.when,
            outcome=report.outcome,
            xfail=hasattr(report, "wasxfail"),
            seconds=getattr(report, "duration", 0.0),
            worker=getattr(report, "worker_id", None),
            text=failing.text_of(report) if failed else "",
            raised=failing.told(report, _TOP) if failed else "",
            about=getattr(report, "orchestrate", {}),
        )

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: Any) -> None:
        left_out = (getattr(node, "workeroutput", None) or {}).get("orchestrate_left_out", [])
        if left_out and not self._wrote_left_out:  # every worker leaves out the same
            self._wrote_left_out = True
            self.left_out(left_out)
        if error:
            self._write("worker_lost", worker=node.gateway.id, text=failing.last_of(str(error)))

    @pytest.hookimpl(hookwrapper=True)
    def pytest_sessionfinish(self, session: Any, exitstatus: int) -> Iterator[None]:
        yield
        self._write("variables", values=failing.new_variables())  # what pytest prints may hold them
        if int(exitstatus) in _COLLECTED:
            self._ids([])
        self._write("finish", exitstatus=int(exitstatus))


def _listening() -> Optional[Imports]:
    settings = _settings()
    if settings["imports"] is None:
        return None
    imports = Imports(settings["imports"], settings["top"])
    sys.addaudithook(imports)
    return imports


def _watching() -> Files:
    files = Files(_settings())
    sys.addaudithook(files)
    return files


_TOP = str(_settings()["top"])
_FILES = _watching()
"""Made when the plugin is loaded, before conftest files are read."""
_IMPORTS = _listening()
"""Made when the plugin is loaded: what was imported until then is pytest's own."""
_FREEZER = Freezer() if _settings()["freeze"] else None
"""Made when the plugin is loaded, before conftest files and test modules are imported."""
