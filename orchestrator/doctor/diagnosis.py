"""Says of an examination what works, what is inert, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from orchestrator.doctor.examine import GROUPS, TESTS, Configured, Examination
from orchestrator.words import plural

_SLOW_COLLECT_S = 0.02
_NO_DIST = {None, "no"}


class Level(StrEnum):
    """How much a finding weighs: with a problem the pattern does not do what it is for."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `step` is what to do about it, or empty."""

    level: Level
    what: str
    step: str = ""


def diagnosis(examined: Examination) -> list[Finding]:
    """The findings in the order in which they matter."""
    if (configured := examined.configured) is None:
        lines = examined.broken.splitlines()
        said = lines[-1] if lines else "it said nothing"
        what = f"pytest does not start with the project's configuration: {said}"
        return [Finding(Level.PROBLEM, what, f"{examined.python.path} -m pytest --markers")]
    return [
        *_installed(examined, configured),
        *_grouping(examined, configured),
        *_registered(configured),
        *_dist(configured),
        *_commands(examined),
        *_cost(configured),
    ]


def _installed(examined: Examination, configured: Configured) -> Iterator[Finding]:
    python = examined.python
    xdist = f", pytest-xdist {configured.xdist}" if configured.xdist else ""
    what = f"Python {python.version}, pytest {configured.pytest}{xdist} ({python.found})"
    yield Finding(Level.OK, what)
    if configured.xdist is None:
        if python.has_xdist:
            what = "pytest-xdist is installed and switched off: the mark xdist_group is inert"
            yield Finding(Level.PROBLEM, what, "remove `-p no:xdist` from addopts")
        else:
            what = "pytest-xdist is not installed: the mark xdist_group is inert"
            yield Finding(Level.PROBLEM, what, f"{python.path} -m pip install pytest-xdist")


def _grouping(examined: Examination, configured: Configured) -> Iterator[Finding]:
    tried = f"tried: {TESTS} tests in {GROUPS} groups, 2 workers"
    if examined.pins:
        what = f"--dist loadgroup keeps the tests of a group in one worker ({tried})"
        yield Finding(Level.OK, what)
    elif examined.pins is False:
        what = (
            f"--dist loadgroup does not group with pytest {configured.pytest} and pytest-xdist "
            f"{configured.xdist} ({tried}): the mark is inert"
        )
        yield Finding(Level.PROBLEM, what, 'pip install "pytest<9.2"')
    elif examined.trial:
        what = f"whether groups hold could not be tried: {examined.trial.splitlines()[-1]}"
        yield Finding(Level.WARNING, what)


def _registered(configured: Configured) -> Iterator[Finding]:
    if "xdist_group" in configured.markers:
        yield Finding(Level.OK, "the mark xdist_group is registered")
    else:
        what = "the mark xdist_group is not registered: with --strict-markers it is an error"
        step = 'add "xdist_group: tests that run in one worker" to markers of the configuration'
        yield Finding(Level.PROBLEM, what, step)


def _dist(configured: Configured) -> Iterator[Finding]:
    where = configured.configured or "no configuration file"
    beside = f" -n {configured.workers}" if configured.workers else ""
    if configured.dist == "loadgroup":
        yield Finding(Level.OK, f"the configuration says{beside} --dist loadgroup ({where})")
    elif configured.dist in _NO_DIST and not configured.workers:
        what = f"the configuration sets no --dist ({where}): groups are inert under plain `-n`"
        yield Finding(Level.WARNING, what, "start pytest with: -n auto --dist loadgroup")
    elif configured.xdist is not None:
        dist = "load" if configured.dist in _NO_DIST else configured.dist
        what = f"the configuration says{beside} --dist {dist} ({where}): groups are inert"
        yield Finding(Level.PROBLEM, what, "say --dist loadgroup in addopts")


def _commands(examined: Examination) -> Iterator[Finding]:
    """Without `--dist loadgroup` in the configuration each command must say it itself."""
    if examined.configured is not None and examined.configured.dist == "loadgroup":
        return
    places = [f"{c.path}:{c.number}" for c in examined.commands if not c.pins]
    if places:
        what = (
            f"{plural(len(places), 'command')} of the repository without --dist loadgroup, where "
            f"groups are inert: {', '.join(places)}"
        )
        yield Finding(Level.PROBLEM, what, "add --dist loadgroup to each, or to addopts")


def _cost(configured: Configured) -> Iterator[Finding]:
    cost = f"one gc.collect() takes {configured.collect_s * 1000:.1f} ms"
    with_what = f"{cost} once conftest is imported ({configured.objects:,} objects)"
    if configured.collect_s < _SLOW_COLLECT_S:
        yield Finding(Level.OK, with_what)
    else:
        what = f"{with_what}, and the pattern adds one to each test"
        step = "gc.freeze() once everything is imported, in pytest_collection_finish of conftest.py"
        yield Finding(Level.WARNING, what, step)
