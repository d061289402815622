"""Says of an examination what works, what is inert, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.base.escape import as_argument
from orchestrator.base.text import plural
from orchestrator.memory_safety.doctor.examine import GROUPS, TESTS, Configured, Examination
from orchestrator.memory_safety.doctor.finding import DoctorFinding, DoctorLevel
from orchestrator.memory_safety.doctor.weight import weights

_NO_DIST = {None, "no"}
_FIX = "orchestrate doctor --fix"


def diagnosis(examined: Examination) -> list[DoctorFinding]:
    """The findings in the order in which they matter; without xdist nothing else does."""
    if (configured := examined.configured) is None:
        what = f"pytest does not start with the project's configuration: {_said(examined.broken)}"
        broken = DoctorFinding(
            DoctorLevel.PROBLEM,
            what,
            f"{as_argument(str(examined.python.path))} -m pytest --markers",
        )
        return [broken] if examined.python.has_xdist else [broken, _without_xdist(examined)]
    found = [_installed(examined, configured)]
    if configured.xdist is None:
        off = [_without_xdist(examined), *_registered(configured)]
        return [*found, *off, *_not_collected(examined), *weights(examined, configured)]
    return [
        *found,
        *_grouping(examined, configured),
        *_registered(configured),
        _dist(examined, configured),
        *_schedulers(configured),
        *_commands(examined),
        *_without(examined, configured),
        *_not_collected(examined),
        *weights(examined, configured),
    ]


def _said(output: str) -> str:
    """The line of pytest's output that names the error, else its last one."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() and "usage:" not in line]
    return errors[0] if errors else (lines or ["it said nothing"])[-1]


def _installed(examined: Examination, configured: Configured) -> DoctorFinding:
    python = examined.python
    xdist = f", pytest-xdist {configured.xdist}" if configured.xdist else ""
    what = f"Python {python.version}, pytest {configured.pytest}{xdist} ({python.found})"
    return DoctorFinding(DoctorLevel.OK, what)


def _without_xdist(examined: Examination) -> DoctorFinding:
    if examined.python.has_xdist:
        what = "pytest-xdist is installed and switched off: the mark xdist_group is inert"
        return DoctorFinding(
            DoctorLevel.PROBLEM, what, 'git grep -nE "no:xdist|DISABLE_PLUGIN_AUTOLOAD"'
        )
    what = "pytest-xdist is not installed: the mark xdist_group is inert"
    return DoctorFinding(
        DoctorLevel.PROBLEM,
        what,
        f"{as_argument(str(examined.python.path))} -m pip install pytest-xdist",
    )


def _grouping(examined: Examination, configured: Configured) -> Iterator[DoctorFinding]:
    tried = f"tried: {TESTS} tests in {GROUPS} groups, 2 workers"
    if examined.pins:
        what = f"--dist loadgroup keeps the tests of a group in one worker ({tried})"
        yield DoctorFinding(DoctorLevel.OK, what)
    elif examined.pins is False:
        what = (
            f"--dist loadgroup does not group with pytest {configured.pytest} and pytest-xdist "
            f"{configured.xdist} ({tried}): the mark is inert"
        )
        step = f'{as_argument(str(examined.python.path))} -m pip install "pytest<9.2"'
        yield DoctorFinding(DoctorLevel.PROBLEM, what, step)
    elif examined.trial:
        what = f"whether groups hold could not be tried: {examined.trial.splitlines()[-1]}"
        yield DoctorFinding(DoctorLevel.WARNING, what)


def _registered(configured: Configured) -> Iterator[DoctorFinding]:
    if "xdist_group" in configured.markers:
        yield DoctorFinding(DoctorLevel.OK, "the mark xdist_group is registered")
    else:
        what = "the mark xdist_group is not registered: with --strict-markers it is an error"
        yield DoctorFinding(DoctorLevel.PROBLEM, what, _FIX)


def _dist(examined: Examination, configured: Configured) -> DoctorFinding:
    parallel = f"{as_argument(str(examined.python.path))} -m pytest -n auto --dist loadgroup"
    may_fix = examined.may_fix_dist
    where = configured.configured or "no configuration file"
    asked = f"-n {configured.workers} " if configured.workers else ""
    if configured.workers == "0":
        what = f"the configuration comes to -n 0 ({where}): xdist is off, and groups are inert"
        return DoctorFinding(DoctorLevel.WARNING, what, parallel)
    if configured.dist == "loadgroup":
        return DoctorFinding(
            DoctorLevel.OK, f"the configuration comes to {asked}--dist loadgroup ({where})"
        )
    if configured.dist in _NO_DIST and not configured.workers:
        what = f"the configuration sets no --dist ({where}): groups are inert under plain `-n`"
        return DoctorFinding(DoctorLevel.WARNING, what, _FIX if may_fix else parallel)
    dist = "load" if configured.dist in _NO_DIST else configured.dist
    what = f"the configuration comes to {asked}--dist {dist} ({where}): groups are inert"
    is_chosen = configured.dist not in _NO_DIST
    if configured.configured is None:
        return DoctorFinding(DoctorLevel.PROBLEM, what, "env | grep PYTEST_ADDOPTS")
    file = examined.shown(configured.configured)
    step = f"grep -n -e --dist {file}" if is_chosen else _FIX if may_fix else parallel
    return DoctorFinding(DoctorLevel.PROBLEM, what, step)


def _schedulers(configured: Configured) -> Iterator[DoctorFinding]:
    if configured.schedulers:
        names = ", ".join(configured.schedulers)
        what = f"the tests may be distributed by a scheduler of the project's own ({names})"
        yield DoctorFinding(DoctorLevel.WARNING, what, "git grep -n pytest_xdist_make_scheduler")


def _commands(examined: Examination) -> Iterator[DoctorFinding]:
    """Each says `--dist loadgroup` itself, or the configuration does and it says nothing else."""
    configured = examined.configured
    by_default = configured is not None and configured.dist == "loadgroup"
    bad = [
        command
        for command in examined.commands
        if command.overrides or not (command.pins or by_default)
    ]
    if bad:
        places = [f"{command.path}:{command.number}" for command in bad]
        what = (
            f"{plural(len(places), 'command')} of the repository without --dist loadgroup, where "
            f"groups are inert: {', '.join(places)}"
        )
        would_help = examined.may_fix_dist and not any(command.overrides for command in bad)
        paths = " ".join(map(examined.shown, dict.fromkeys(command.path for command in bad)))
        yield DoctorFinding(
            DoctorLevel.PROBLEM, what, _FIX if would_help else f"grep -n pytest {paths}"
        )


def _without(examined: Examination, configured: Configured) -> Iterator[DoctorFinding]:
    """Whether the tests can still be run without xdist, as debuggers and editors like to."""
    if examined.without_xdist:
        yield DoctorFinding(DoctorLevel.OK, "pytest still starts with -p no:xdist")
    elif examined.without_xdist is False:
        what = (
            "pytest does not start with -p no:xdist: the configuration names options of xdist; "
            "-n 0 runs in one process"
        )
        yield DoctorFinding(
            DoctorLevel.WARNING, what, f"{as_argument(str(examined.python.path))} -m pytest -n 0"
        )


def _not_collected(examined: Examination) -> Iterator[DoctorFinding]:
    configured = examined.configured
    if configured is not None and configured.not_collected:
        first, count = configured.not_collected[0], len(configured.not_collected)
        what = f"{plural(count, 'file')} cannot be collected, first {first}: not looked at below"
        command = f"{as_argument(str(examined.python.path))} -m pytest --collect-only -q "
        command += examined.shown(first)
        yield DoctorFinding(DoctorLevel.WARNING, what, command)
