"""What a process and all its descendants hold of the memory, as the system tells it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Use:
    """Resident memory of one process, in MiB."""

    pid: int
    rss_mib: float


@dataclass(frozen=True, slots=True)
class Shares:
    """Memory of a tree with shared pages counted once (PSS), and what only it has (USS), in MiB."""

    pss_mib: float
    uss_mib: float


def tree(pid: int) -> list[Use]:
    """Each process of the tree below `pid`, itself first; empty when it is gone."""
    import psutil

    found = []
    for process in _processes(pid):
        with contextlib.suppress(psutil.Error):
            found.append(Use(process.pid, process.memory_info().rss / MIB))
    return found


def shares(pid: int) -> Shares | None:
    """The same tree without counting shared pages twice; None where the system does not tell.

    It walks every page: some milliseconds for each 100 MB.
    """
    import psutil

    pss = uss = 0.0
    for process in _processes(pid):
        with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
            try:
                info = process.memory_full_info()
            except psutil.AccessDenied:
                return None
            if not hasattr(info, "pss"):
                return None
            pss, uss = pss + info.pss, uss + info.uss
    return Shares(pss / MIB, uss / MIB) if pss else None


def available_mib() -> float:
    """What the machine could still give without swapping, in MiB; a limit of a cgroup counts."""
    import psutil

    return min([psutil.virtual_memory().available / MIB, *_left_in_cgroup()])


def _left_in_cgroup() -> list[float]:
    """What the container may still take, where it is limited."""
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as stream:  # noqa: PTH123 - no file of ours
            limit = int(stream.read())
        with open("/sys/fs/cgroup/memory.current", encoding="ascii") as stream:  # noqa: PTH123
            return [max(0.0, (limit - int(stream.read())) / MIB)]
    except (OSError, ValueError):  # no cgroup of this kind, or "max"
        return []


def _processes(pid: int) -> list[psutil.Process]:
    import psutil

    with contextlib.suppress(psutil.Error):
        parent = psutil.Process(pid)
        return [parent, *parent.children(recursive=True)]
    return []
