"""Follows the lines the probe writes, and keeps what they add up to."""

from __future__ import annotations

import json
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from orchestrator.base.redact import learn

_OF_PYTEST = frozenset({"passed", "failed", "skipped"})
_GREEN = frozenset({"passed", "skipped", "xpassed", "xskipped"})

TestOutcome = tuple[str, ...]
"""How one test did: () is green, else a word for each thing that is not; equal where it is the
same failure, although the edit moved its lines."""

SKIPPED: TestOutcome = ("skipped",)
LEFT_OUT: TestOutcome = ("left out",)
MISSING: TestOutcome = ("missing",)
XFAILED: TestOutcome = ("xfailed",)
XPASSED: TestOutcome = ("xpassed",)


@dataclass(slots=True)
class TestRun:
    """What a run of pytest has told so far. Test ids are relative to the top of the repository."""

    __test__ = False

    top: Path
    compares_lines: bool = True
    """Whether a failure in another line is another failure; not where edits rewrite lines."""

    rootdir: Path | None = None
    workers: int = 0
    has_xdist: bool = False
    ids: list[str] = field(default_factory=list)
    deselected: list[str] = field(default_factory=list)
    collect_errors: dict[str, str] = field(default_factory=dict)
    collect_skips: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, dict[str, str]] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    raised: dict[str, str] = field(default_factory=dict)
    """What each failure raised by which line of source, without a value in it."""

    failures: dict[str, dict[str, str]] = field(default_factory=dict)
    again: dict[str, TestOutcome] = field(default_factory=dict)
    """What a plugin made of the outcome of a test that it may run once more."""

    retried: set[str] = field(default_factory=set)
    """The tests that a plugin ran more than once."""

    unsure: set[str] = field(default_factory=set)
    left_to_source: set[str] = field(default_factory=set)
    collectors: set[str] = field(default_factory=set)
    collecting: str | None = None
    running: list[str] = field(default_factory=list)
    over: set[str] = field(default_factory=set)
    lost_workers: list[str] = field(default_factory=list)
    collected: bool = False
    finished: bool = False

    @property
    def done(self) -> int:
        """How many tests came to an end."""
        return len(self.over)

    @property
    def started(self) -> bool:
        """Whether pytest came as far as loading the probe."""
        return self.rootdir is not None

    def failed(self) -> list[str]:
        """The ids of which a phase neither passed nor was skipped, in the order of the run."""
        return [
            id_ for id_, phases in self.outcomes.items() if not _GREEN.issuperset(phases.values())
        ]

    def outcome_of(self, id_: str) -> TestOutcome:
        """How a test did, or a file that was collected; a test nobody saw is `MISSING`."""
        if id_ in self.collect_errors:
            return ("collect", _error_line(self.collect_errors[id_]))
        if id_ in self.again or id_ in self.failures:
            failures = sorted(self.failures.get(id_, {}).items())
            return self.again.get(id_) or tuple(f"{when}: {how}" for when, how in failures)
        if (phases := self.outcomes.get(id_)) is not None:
            if any(phase.startswith("x") for phase in phases.values()):
                return XFAILED if "xskipped" in phases.values() else XPASSED
            return SKIPPED if "skipped" in phases.values() else ()
        if id_ in self.collectors:
            return ()
        return LEFT_OUT if id_ in self.deselected else MISSING

    def in_doubt(self, *, source_changed: bool) -> list[str]:
        """Green ids that may not have been so before: skipped or left out by more than the source.

        Where the source itself may ask for more than it did, what it skips is in doubt as well.
        """
        skipped = self.unsure | self.left_to_source if source_changed else self.unsure
        return sorted(skipped.difference(self.failures)) + sorted(self.deselected)

    def passed(self) -> list[str]:
        """The ids whose call passed and of which nothing failed."""
        red = set(self.failed())
        return [
            id_
            for id_, phases in self.outcomes.items()
            if phases.get("call") == "passed" and id_ not in red
        ]

    def without_outcome(self) -> list[str]:
        """The ids that were collected and never came to an end."""
        return [id_ for id_ in self.ids if "teardown" not in self.outcomes.get(id_, {})]

    def add(self, event: dict[str, Any]) -> None:
        """Take in one line of the probe."""
        handler = getattr(self, f"_on_{event['is']}", None)
        if handler is not None:
            handler(event)

    def _on_start(self, event: dict[str, Any]) -> None:
        self.rootdir = Path(event["rootdir"])
        self.workers, self.has_xdist = event["workers"], event["xdist"]

    def _on_collecting(self, event: dict[str, Any]) -> None:
        self.collecting = self.canonical(event["id"])

    def _on_collected(self, event: dict[str, Any]) -> None:
        self.collectors.add(self.canonical(event["id"]))

    def _on_collect_error(self, event: dict[str, Any]) -> None:
        id_ = self.canonical(event["id"])
        self.collect_errors[id_] = event["text"]
        self.raised[id_] = event["raised"]

    def _on_collect_skip(self, event: dict[str, Any]) -> None:
        self.collect_skips[self.canonical(event["id"])] = event["text"]

    def _on_ids(self, event: dict[str, Any]) -> None:
        self.ids = [self.canonical(id_) for id_ in event["ids"]]
        self.collected, self.collecting = True, None

    def _on_deselected(self, event: dict[str, Any]) -> None:
        self.deselected += [self.canonical(id_) for id_ in event["ids"]]

    def _on_running(self, event: dict[str, Any]) -> None:
        self.running.append(self.canonical(event["id"]))

    def _on_phase(self, event: dict[str, Any]) -> None:
        id_, when, outcome = self.canonical(event["id"]), event["when"], event["outcome"]
        if outcome not in _OF_PYTEST:
            self._run_again(id_, when, outcome)
            return
        if id_ in self.again and when != "teardown":
            del self.again[id_]  # the next try
        phases = self.outcomes.setdefault(id_, {})
        if phases.get(when) != "failed":  # a failed subtest is not undone by a passed one
            phases[when] = f"x{outcome}" if event["xfail"] and outcome != "failed" else outcome
        about = event["about"]
        if outcome == "failed":
            self.texts[id_] = event["text"]
            self.raised[id_] = event["raised"]
            known = "error" in about
            how = about["error"] if known else ""
            if known and self.compares_lines:
                how += f" in {about['function']} at {about['at']}"
            mine = self.failures.setdefault(id_, {})
            how = how or _error_line(event["text"])
            mine[when] = f"{mine[when]}; {how}" if when in mine else how  # subtests fail one by one
        elif "in_source" in about:
            (self.left_to_source if about["in_source"] else self.unsure).add(id_)
        if when == "teardown":
            self.over.add(id_)
            if id_ in self.running:
                self.running.remove(id_)

    def _run_again(self, id_: str, when: str, outcome: str) -> None:
        """Forget a try that a plugin gave an outcome of its own, such as `rerun`.

        Where no other try follows, that outcome is how the test did.
        """
        for told in (self.outcomes, self.failures, self.texts, self.raised):
            told.pop(id_, None)
        self.again[id_] = (f"{when}: {outcome}",)
        self.retried.add(id_)

    def settled(self) -> list[str]:
        """The tests that were green at last, and not in the first try."""
        return [id_ for id_ in self.ids if id_ in self.retried and self.outcome_of(id_) == ()]

    def _on_variables(self, event: dict[str, Any]) -> None:
        learn(event["values"])

    def _on_worker_lost(self, event: dict[str, Any]) -> None:
        self.lost_workers.append(f"{event['worker']}: {event['text']}".strip())

    def _on_finish(self, event: dict[str, Any]) -> None:
        self.finished = True

    def canonical(self, id_: str) -> str:
        """A node id with its path from the top of the repository and without `@group`.

        pytest writes paths from its own rootdir; xdist appends the group under `loadgroup`.
        """
        path, separator, rest = id_.partition("::")
        if self.workers:
            rest = without_group(rest)
        assert self.rootdir is not None
        full = os.path.relpath(self.rootdir / path, self.top)
        return f"{full.replace(os.sep, '/')}{separator}{rest}"


def _error_line(text: str) -> str:
    """The line that names the error in what pytest prints, free of addresses."""
    lines = [line for line in text.splitlines() if line.startswith("E ")] or text.splitlines()
    return re.sub(r"0x[0-9a-f]+", "0x", lines[-1].removeprefix("E").strip()) if lines else ""


def without_group(rest: str) -> str:
    """`TestA::test_b[x@y]@group` → `TestA::test_b[x@y]`: only what follows the last `]` is cut."""
    cut = max(rest.rfind("]"), rest.rfind("::"))
    head, tail = rest[: cut + 1], rest[cut + 1 :]
    return head + tail.partition("@")[0]


class Follower:
    """Reads the probe's file as it grows; `collect_s` is when collection was over, in seconds."""

    def __init__(self, path: Path, run: TestRun) -> None:
        """Follow `path`, which must exist, into `run`."""
        self._stream = path.open("rb")
        self._rest = b""
        self._started = self._last = time.monotonic()
        self.collect_s: float | None = None
        self.run = run

    def poll(self) -> None:
        """Take in every complete line that was written since the last call."""
        data = self._rest + self._stream.read()
        *lines, self._rest = data.split(b"\n")
        for line in lines:
            self.run.add(json.loads(line))
        if lines:
            self._last = time.monotonic()
        if self.collect_s is None and self.run.collected:
            self.collect_s = self._last - self._started

    @property
    def quiet_s(self) -> float:
        """Seconds since the last line came."""
        return time.monotonic() - self._last

    def close(self) -> None:
        """Take in what is left and let go of the file."""
        self.poll()
        self._stream.close()
