"""A plan of several batches, and what a run of them left behind."""

from __future__ import annotations

import sys

from support import FILES, PASSING, PLAN, SampleRepo

PYTHON = ("--python", sys.executable)
COUNT = 5
HEAD, _, _ = PLAN.partition("      - id: one")


def several(
    count: int = COUNT, *, gates: str = "", depends: bool = False
) -> tuple[dict[str, str], str]:
    """Files, and a plan with a batch for each."""
    files, plan = dict(FILES), HEAD
    for n in range(count):
        files[f"tests/test_x{n}.py"] = PASSING.replace("Alpha", f"X{n}")
        needs = f"\n        depends_on: [b{n - 1}]" if depends and n else ""
        plan += f"      - id: b{n}\n        title: Batch {n}{needs}\n"
        plan += f"        targets: [{{path: tests/test_x{n}.py}}]\n"
    return files, plan.replace("phases:", f"{gates}phases:")


def told(repo: SampleRepo) -> tuple[str, dict[str, str]]:
    """What all commits say, and what every record holds."""
    records = {p.name: p.read_text() for p in sorted((repo.top / "reports").rglob("*.json"))}
    return repo.git.text("log", "--format=%B%x00%T", "--first-parent"), records


def assert_nothing_left(repo: SampleRepo) -> None:
    assert repo.changes == ""
    assert len(repo.git.text("worktree", "list").splitlines()) == 1
    assert [p for p in repo.leftovers if not p.startswith("rescue/")] == []
