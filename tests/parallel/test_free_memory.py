"""How many batches run beside each other, by what is free and the most one was seen to hold."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from orchestrator.base import memory_usage, process
from orchestrator.parallel.memory_budget import MemoryBudget


@pytest.mark.parametrize(
    ("peak_mib", "free_mib", "wanted", "at_work", "begun"),
    [
        (0, 100, 4, 0, 4),  # nothing is known yet
        (1_000, 5_000, 4, 0, 4),
        (1_000, 5_000, 8, 0, 4),  # 1,200 each
        (1_000, 2_500, 4, 2, 2),
        (1_000, 1_000, 4, 2, 0),
        (9_000, 1_000, 4, 0, 1),  # one at least
        (1_000, 5_000, 0, 4, 0),
    ],
)
def test_what_may_begin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    peak_mib: int, free_mib: int, wanted: int, at_work: int, begun: int,
) -> None:  # fmt: skip
    monkeypatch.setattr(process, "tree_rss_mib", lambda pid: float(peak_mib))
    free = SimpleNamespace(available=free_mib * 2**20)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: free)
    monkeypatch.setattr(memory_usage, "_left_in_cgroup", list)
    MemoryBudget(tmp_path, bounded=True).look([1])
    again = MemoryBudget(tmp_path, bounded=True)  # the peak is remembered
    assert again.peak_mib == peak_mib
    assert again.may_begin(wanted, at_work) == begun
    assert MemoryBudget(tmp_path, bounded=False).may_begin(wanted, at_work) == wanted


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine has plenty, the container has room for two."""
    plenty = SimpleNamespace(available=100_000 * 2**20)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: plenty)
    monkeypatch.setattr(memory_usage, "_left_in_cgroup", lambda: [2_500.0])
    monkeypatch.setattr(process, "tree_rss_mib", lambda pid: 1_000.0)
    budget = MemoryBudget(tmp_path, bounded=True)
    budget.look([1])
    assert budget.may_begin(8, at_work=0) == 2
