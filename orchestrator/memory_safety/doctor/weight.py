"""Says what holds memory and what holds up a run: wide groups, kept mocks, plugins, workers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

from orchestrator.base.escape import as_argument
from orchestrator.base.text import plural
from orchestrator.memory_safety.doctor.examine import Configured, Examination
from orchestrator.memory_safety.doctor.finding import DoctorFinding, DoctorLevel

SLOW_COLLECT_S = 0.02
_WIDE = 1.1
"""How much longer than an even share a group may be."""
_MOST = 0.5
"""Of a run: a group that is as much of it makes further workers useless."""
_FEW = 2
_USUAL_WORKERS = 4
_SHARE_OF_FREE = 0.8
_NAMED = 3
_BY_CLASS = "orchestrate fix --grouping class"


def weights(examined: Examination, configured: Configured) -> Iterator[DoctorFinding]:
    """The findings in the order in which they matter."""
    yield _cost(configured)
    yield from _wide_groups(examined, configured)
    yield from _kept_mocks(examined)
    yield from _holders(examined, configured)
    yield from _room(examined, configured)


def workers_of(configured: Configured) -> int:
    """How many workers a run has: what is configured, else the usual number."""
    asked = configured.workers or ""
    if asked.isdigit() and int(asked):
        return int(asked)
    return os.cpu_count() or 1 if asked in {"auto", "logical"} else _USUAL_WORKERS


def _cost(configured: Configured) -> DoctorFinding:
    cost = f"one gc.collect() takes {configured.collect_s * 1000:.1f} ms"
    with_what = f"{cost} once all tests are imported ({configured.objects:,} objects)"
    if configured.freezes:
        what = f"{with_what}, and next to nothing in tests: what is imported is frozen"
        return DoctorFinding(DoctorLevel.OK, what)
    thousand = f"{configured.collect_s * 1000:.0f} s in a thousand tests"
    what = f"{with_what}: the pattern adds at least {thousand}"
    if configured.collect_s < SLOW_COLLECT_S:
        return DoctorFinding(DoctorLevel.OK, what)
    return DoctorFinding(DoctorLevel.WARNING, what, "orchestrate guard --only freeze")


def _wide_groups(examined: Examination, configured: Configured) -> Iterator[DoctorFinding]:
    """Whether the largest group bounds a run: all its tests are one worker's.

    Where nothing is grouped yet, what one group for each file would come to.
    """
    items, workers = configured.items, workers_of(configured)
    if len(items) < workers:
        return
    timed = examined.is_timed and any(item.seconds for item in items)
    is_grouped = any(item.group for item in items)
    total, sizes = 0.0, dict[str, float]()
    for item in items:
        weight = item.seconds if timed else 1.0
        total += weight
        if group := item.group if is_grouped else item.file:
            sizes[group] = sizes.get(group, 0.0) + weight
    name, size = max(sizes.items(), key=lambda pair: pair[1])
    how = f"{size:.1f} of {total:.1f} s" if timed else f"{size:,.0f} of {total:,.0f} tests"
    share = size / total
    groups = plural(len(sizes), "group")
    would = "" if is_grouped else "with one group for each file, "
    said = f"{would}the largest of {groups}, {name!r}, has {how}"
    if share * workers <= _WIDE:
        yield DoctorFinding(DoctorLevel.OK, f"{said}: {workers} workers can share the tests evenly")
        return
    file = next(item.file for item in items if name in {item.group, item.file})
    shown = examined.shown(file)
    step = f"grep -n xdist_group {shown}" if is_grouped else f"{_BY_CLASS} {shown}"
    if not is_grouped and not any(item.in_class for item in items if item.file == file):
        step = f"grep -n 'def test' {shown}"
    level = DoctorLevel.PROBLEM if share >= _MOST and workers > _FEW else DoctorLevel.WARNING
    what = (
        f"{said}: one worker has {share:.0%} of the run, and {workers} workers take at least "
        f"{share * workers:.1f} times an even share ({file})"
    )
    yield DoctorFinding(level, what, step)


def _kept_mocks(examined: Examination) -> Iterator[DoctorFinding]:
    holding = examined.holding
    kinds: Counter[str] = Counter()
    for one in holding:
        kinds.update({place: count for place, count in one.counts.items() if place != "self"})
    if not kinds:
        yield DoctorFinding(
            DoctorLevel.OK, "no mocks on modules or classes, and no wide fixtures that hold any"
        )
        return
    words = {"module": "on modules", "class": "on classes", "fixture": "in wide fixtures"}
    listed = ", ".join(f"{count:,} {words[kind]}" for kind, count in kinds.most_common())
    files = sorted((one for one in holding if one.wide), key=lambda one: -one.wide)
    paths = " ".join(examined.shown(one.path) for one in files[:_NAMED])
    where = plural(len(files), "file")
    what = f"mocks outlive their test: {listed}, in {where}; no collection frees them"
    yield DoctorFinding(DoctorLevel.WARNING, what, f"orchestrate check {paths}")


def _holders(examined: Examination, configured: Configured) -> Iterator[DoctorFinding]:
    if configured.holders:
        what = f"every worker also keeps what plugins gather: {', '.join(configured.holders)}"
        step = "env | grep PYTEST_ADDOPTS"
        if configured.configured is not None:
            file = examined.shown(configured.configured)
            step = f"grep -nE -e '--(cov|html|json-report|alluredir|junitxml)' {file}"
        yield DoctorFinding(DoctorLevel.WARNING, what, step)


def _room(examined: Examination, configured: Configured) -> Iterator[DoctorFinding]:
    """Whether the workers fit into what is free, by what one holds before its first test."""
    if configured.rss_mib is None or not configured.items:
        return
    workers = workers_of(configured)
    needed, free = configured.rss_mib * (workers + 1), examined.free_mib
    what = (
        f"{workers} workers and their controller hold at least {needed:,.0f} MiB before the first "
        f"test ({configured.rss_mib:,.0f} each), of {free:,.0f} free"
    )
    if needed <= _SHARE_OF_FREE * free:
        yield DoctorFinding(DoctorLevel.OK, what)
        return
    fitting = max(1, int(_SHARE_OF_FREE * free / configured.rss_mib) - 1)
    level = DoctorLevel.PROBLEM if needed > free else DoctorLevel.WARNING
    step = f"{as_argument(str(examined.python.path))} -m pytest -n {fitting} --dist loadgroup"
    yield DoctorFinding(level, what, step)
