"""A pytest plugin that writes down how much memory each test left behind, a file for each process.

It runs inside the interpreter of the project: standard library only, Python 3.8 and pytest 7.4 or
newer. `ORCHESTRATE_MEMORY` names the folder it writes to; each line is a JSON object:

    process  pid, worker: who writes
    collected  rss_kib: what is held once tests are collected
    test     id, before_kib, after_kib: resident memory on both sides of one test
    finish   peak_kib: the most the process ever held, or null where the system does not tell
"""

from __future__ import annotations

import json
import os
from typing import Any, Dict, Generator, Optional

import pytest

_KIB = 1024


def pytest_configure(config: Any) -> None:
    """Record memory in every process; xdist's controller runs no test, so only its own memory."""
    config.pluginmanager.register(_Recorder(config), "orchestrate-memory")


class _Recorder:
    def __init__(self, config: Any) -> None:
        worker = getattr(config, "workerinput", {}).get("workerid", "")
        path = os.path.join(os.environ["ORCHESTRATE_MEMORY"], "%s-%d" % (worker, os.getpid()))
        self._out = open(path, "a", encoding="utf-8")  # noqa: SIM115 - open for the whole run
        self._write({"is": "process", "pid": os.getpid(), "worker": worker})

    def _write(
        self, line: Dict[str, Any], dumps: Any = json.dumps
    ) -> None:  # a test may replace it
        self._out.write(dumps(line) + "\n")
        self._out.flush()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        self._write({"is": "collected", "rss_kib": _rss_kib()})

    @pytest.hookimpl(hookwrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: Any) -> Generator[None, None, None]:
        before = _rss_kib()
        yield
        line = {"is": "test", "id": item.nodeid, "before_kib": before, "after_kib": _rss_kib()}
        self._write(line)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        self._write({"is": "finish", "peak_kib": _peak_kib()})


def _rss_kib(opened: Any = open) -> int:
    """Resident memory now; where the system only tells the peak, that."""
    try:
        with opened("/proc/self/statm", "rb") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") // _KIB
    except OSError:
        import resource
        import sys

        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return most // _KIB if sys.platform == "darwin" else most


def _peak_kib() -> Optional[int]:
    """The high-water mark since the program was started."""
    try:
        with open("/proc/self/status", encoding="ascii", errors="replace") as stream:
            for line in stream:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return None
