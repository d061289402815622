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
    """The findings in the order in which they matter; without xdist nothing else does."""
    if (configured := examined.configured) is None:
        what = f"pytest does not start with the project's configuration: {_said(examined.broken)}"
        broken = Finding(Level.PROBLEM, what, f"{examined.python.path} -m pytest --markers")
        return [broken] if examined.python.has_xdist else [broken, _without_xdist(examined)]
    found = [_installed(examined, configured)]
    if configured.xdist is None:
        return [*found, _without_xdist(examined), *_registered(configured), _cost(configured)]
    return [
        *found,
        *_grouping(examined, configured),
        *_registered(configured),
        _dist(configured),
        *_schedulers(configured),
        *_commands(examined),
        _cost(configured),
    ]


def _said(output: str) -> str:
    """The line of pytest's output that names the error, else its last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and "usage:" not in line]
    return errors[0] if errors else (lines or ["it said nothing"])[-1]


def _installed(examined: Examination, configured: Configured) -> Finding:
    python = examined.python
    xdist = f", pytest-xdist {configured.xdist}" if configured.xdist else ""
    what = f"Python {python.version}, pytest {configured.pytest}{xdist} ({python.found})"
    return Finding(Level.OK, what)


def _without_xdist(examined: Examination) -> Finding:
    if examined.python.has_xdist:
        what = "pytest-xdist is installed and switched off: the mark xdist_group is inert"
        return Finding(Level.PROBLEM, what, "remove `-p no:xdist` from addopts")
    what = "pytest-xdist is not installed: the mark xdist_group is inert"
    return Finding(Level.PROBLEM, what, f"{examined.python.path} -m pip install pytest-xdist")


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
        step = f'{examined.python.path} -m pip install "pytest<9.2"'
        yield Finding(Level.PROBLEM, what, step)
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


def _dist(configured: Configured) -> Finding:
    where = configured.configured or "no configuration file"
    asked = f"-n {configured.workers} " if configured.workers else ""
    if configured.workers == "0":
        what = f"the configuration comes to -n 0 ({where}): xdist is off, and groups are inert"
        return Finding(Level.WARNING, what, "start pytest with: -n auto --dist loadgroup")
    if configured.dist == "loadgroup":
        return Finding(Level.OK, f"the configuration comes to {asked}--dist loadgroup ({where})")
    if configured.dist in _NO_DIST and not configured.workers:
        what = f"the configuration sets no --dist ({where}): groups are inert under plain `-n`"
        return Finding(Level.WARNING, what, "start pytest with: -n auto --dist loadgroup")
    dist = "load" if configured.dist in _NO_DIST else configured.dist
    what = f"the configuration comes to {asked}--dist {dist} ({where}): groups are inert"
    return Finding(Level.PROBLEM, what, "say --dist loadgroup in addopts")


def _schedulers(configured: Configured) -> Iterator[Finding]:
    if configured.schedulers:
        names = ", ".join(configured.schedulers)
        what = f"the tests may be distributed by a scheduler of the project's own ({names})"
        step = "see to it that it keeps the tests of a group together"
        yield Finding(Level.WARNING, what, step)


def _commands(examined: Examination) -> Iterator[Finding]:
    """Each says `--dist loadgroup` itself, or the configuration does and it says nothing else."""
    configured = examined.configured
    by_default = configured is not None and configured.dist == "loadgroup"
    places = [
        f"{command.path}:{command.number}"
        for command in examined.commands
        if command.overrides or not (command.pins or by_default)
    ]
    if places:
        what = (
            f"{plural(len(places), 'command')} of the repository without --dist loadgroup, where "
            f"groups are inert: {', '.join(places)}"
        )
        step = "add --dist loadgroup to each" + ("" if by_default else ", or to addopts")
        yield Finding(Level.PROBLEM, what, step)


def _cost(configured: Configured) -> Finding:
    cost = f"one gc.collect() takes {configured.collect_s * 1000:.1f} ms"
    with_what = f"{cost} once conftest is imported ({configured.objects:,} objects)"
    thousand = f"{configured.collect_s * 1000:.0f} s in a thousand tests"
    what = f"{with_what}: the pattern adds at least {thousand}"
    if configured.collect_s < _SLOW_COLLECT_S:
        return Finding(Level.OK, what)
    step = "gc.freeze() once everything is imported, in pytest_collection_finish of conftest.py"
    return Finding(Level.WARNING, what, step)
