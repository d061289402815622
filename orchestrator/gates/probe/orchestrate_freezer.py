"""Keeps what was imported out of the collector's sight: a plugin of the probe for pytest.

Standard library only, Python 3.8 and pytest 7.4 or newer.
"""

import gc
import os
import time
from typing import Any, Dict, Iterator, Optional

import pytest

_FREEZE_AGAIN_S = 0.01
_OLDEST = 2
_FULL_COLLECT_BYTES = 64 * 2**20
# a test may replace them
_gc_collect, _gc_freeze, _gc_unfreeze = gc.collect, gc.freeze, gc.unfreeze


class Freezer:
    """Keeps what was imported out of the collector's sight while tests run.

    With some 100,000 imported objects one `gc.collect()` takes a tenth of a second or more; frozen
    ones cost nothing. What a test leaves behind is still collected: objects are frozen after the
    collection of the files, again between tests once a full collection has become slow, and looked
    at anew where a file ends and resident memory has grown. They stay frozen to the end: pytest
    collects five times more before it leaves.
    """

    def __init__(self) -> None:
        self._was_enabled = gc.isenabled()
        self._started = 0.0
        self._slow = False
        self._rss_bytes = 0
        gc.disable()  # until collection is over: imports make objects that live on

    @pytest.hookimpl(hookwrapper=True)
    def pytest_collection(self, session: Any) -> Iterator[None]:
        """Freeze what there is once the files are imported."""
        yield
        _gc_collect()
        _gc_freeze()
        self._rss_bytes = _rss_bytes()
        gc.callbacks.append(self._timed)
        if self._was_enabled:
            gc.enable()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_protocol(self, item: Any, nextitem: Optional[Any]) -> Iterator[None]:
        """Freeze again where a file ends, or a collection has become slow."""
        yield
        if nextitem is not None and item.fspath != nextitem.fspath:
            self._settle(full=_rss_bytes() - self._rss_bytes > _FULL_COLLECT_BYTES)
        elif self._slow:
            self._settle(full=False)

    def pytest_sessionfinish(self) -> None:
        """Let the collector work as it did before."""
        if self._timed in gc.callbacks:
            gc.callbacks.remove(self._timed)
        if self._was_enabled:
            gc.enable()

    def _settle(self, full: bool) -> None:
        if full:
            _gc_unfreeze()
        _gc_collect()
        _gc_freeze()
        self._slow = False
        if full:
            self._rss_bytes = _rss_bytes()

    def _timed(self, phase: str, info: Dict[str, int]) -> None:
        if phase == "start":
            self._started = time.perf_counter()
        elif info["generation"] == _OLDEST:
            self._slow = time.perf_counter() - self._started > _FREEZE_AGAIN_S


def _rss_bytes() -> int:
    """Resident memory of this process; endless where it cannot be read: a full collection."""
    try:
        with open("/proc/self/statm") as stream:
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 2**62
