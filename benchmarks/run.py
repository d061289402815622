"""Runs every benchmark on generated projects and writes the table to docs/benchmarks.md.

python benchmarks/run.py [--runs 5]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Collection
from pathlib import Path

import fixer
from measure import Row, in_turn, machine, seconds

from orchestrator.base.changes import Side
from orchestrator.gates.attribution.before_after import GateRules
from orchestrator.gates.attribution.judge import suite_gates
from orchestrator.gates.attribution.suite import Suite
from orchestrator.plan.verify import Verify
from orchestrator.project.interpreter import Wanted, interpreter
from orchestrator.sample.project import FileShape, ProjectShape, generate
from orchestrator.vcs import initialised

TOP = Path(__file__).parents[1]
PYTHON = sys.executable
FILES = [FileShape(f"tests/test_part_{n}.py", classes=6, methods=25) for n in range(13)]
PATHS = [file.path for file in FILES]
HEAVY = ProjectShape(FILES, heavy_objects=100_000)
"""13 files, 78 classes, 325 tests; a conftest whose imports leave 300,000 objects behind."""

HEAD = """\
# Benchmarks

`python benchmarks/run.py` made this table on generated projects. Both sides of a row ran in turn in
one go; only the ratio means much. A row whose two sides did not come to the same result is void.

| row | ours, s | the other, s | ratio (spread) | target | equal results |
|---|---|---|---|---|---|
"""

SMALLEST = """\
import typer
app = typer.Typer()
@app.callback()
def common(ctx: typer.Context, plan: str = ""): ...
@app.command()
def status(ctx: typer.Context):
    from rich.console import Console
    from rich.table import Table
    Console().print(Table("Phase"))
app()
"""

PLAN = """\
version: 1
name: benchmark
title: memory safety
phases:
  - id: all
    title: all
    priority: high
    fixer: memory-safety
    batches:
"""


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
        rows = [
            *start(folder / "start", runs),
            status_10_000(folder / "large", runs),
            *gate(folder / "gate", runs),
            batch(folder / "batch", max(1, runs // 2)),
            *fixer.rows(project(folder / "fixer", HEAVY, [PATHS]), PATHS, runs),
        ]
    table = (
        HEAD + "\n".join(row.markdown() for row in rows) + f"\n\n{machine()}, {runs} pairs a row.\n"
    )
    print(table)
    (TOP / "docs/benchmarks.md").write_text(table, "utf-8")


def start(folder: Path, runs: int) -> list[Row]:
    """`status` of a small plan beside two floors: a table's imports, and typer itself."""
    made = project(folder, ProjectShape(FILES), [PATHS])
    (folder / "smallest.py").write_text(SMALLEST)
    floors = {
        "importing typer and rich.table": (
            ["-c", "import typer, rich.table, rich.console"],
            "≤ 1.3",
        ),
        "a typer program with one empty table": (["smallest.py", "status"], "-"),
    }
    rows = []
    for name, (arguments, target) in floors.items():
        ours, other = in_turn(
            lambda: seconds([PYTHON, "-m", "orchestrate", "status"], cwd=made),
            lambda arguments=arguments: seconds([PYTHON, *arguments], cwd=made),  # type: ignore[misc]  # default of a lambda
            runs=runs,
        )
        rows.append(Row(f"`status` / {name}", ours, other, target, equal=None))
    return rows


def status_10_000(folder: Path, runs: int) -> Row:
    """`status` of a plan of 10,000 targets beside `status` of one with 13."""
    batches = [[f"tests/part_{b}/test_{b}_{n}.py" for n in range(20)] for b in range(500)]
    large = project(folder / "large", ProjectShape(()), batches)
    small = project(folder / "small", ProjectShape(FILES), [PATHS])
    for batch_paths in batches:
        for path in batch_paths:
            (large / path).parent.mkdir(parents=True, exist_ok=True)
            (large / path).write_text("class TestA:\n    def test(self): ...\n")
    command = [PYTHON, "-m", "orchestrate", "status", "--json"]
    ours, other = in_turn(
        lambda: seconds(command, cwd=large), lambda: seconds(command, cwd=small), runs=runs
    )
    total = json.loads(subprocess.check_output(command, cwd=large))["files"]["total"]
    return Row(
        "`status` of 10,000 files / of 13", ours, other, "≤ 150 ms more", equal=total == 10_000
    )


def gate(folder: Path, runs: int) -> list[Row]:
    """The gate over edited files, frozen and not, beside plain pytest of the untouched ones."""
    untouched = project(folder / "untouched", HEAVY, [PATHS])
    edited = project(folder / "edited", HEAVY, [PATHS])
    command = [PYTHON, "-m", "orchestrate", "next-batch", "--python", PYTHON]
    subprocess.run(command, cwd=edited, check=True, capture_output=True)
    plain = [PYTHON, "-m", "pytest", "-q", "-p", "no:cacheprovider", *PATHS]
    python = interpreter(edited, Wanted(option=PYTHON))
    counts: set[int] = set()

    def gated(verify: Verify) -> float:
        suite = Suite(edited, python, verify)
        collect, test = suite_gates(PATHS, suite, Unchanging(), GateRules(baseline=False))
        assert test.passed
        counts.add(test.count)
        return collect.duration_s + test.duration_s

    rows = []
    for name, verify, target in (
        ("gate, `freeze_gc` on / plain pytest before the edit", Verify(), "≤ 1.15"),
        (
            "gate, `freeze_gc` off / plain pytest before the edit",
            Verify(freeze_gc=False),
            "published",
        ),
    ):
        ours, other = in_turn(
            lambda verify=verify: gated(verify),  # type: ignore[misc]
            lambda: seconds(plain, cwd=untouched),
            runs=runs,
        )
        rows.append(Row(name, ours, other, target, equal=counts == {collected(untouched)}))
    return rows


def batch(folder: Path, runs: int) -> Row:
    """A whole batch beside the procedure it replaces: per file fix, compile, collect, test."""
    numbers = iter(range(1000))
    same = []

    def ours() -> float:
        made = project(folder / f"ours-{next(numbers)}", HEAVY, [PATHS])
        taken = seconds([PYTHON, "-m", "orchestrate", "next-batch", "--python", PYTHON], cwd=made)
        same.append({path: (made / path).read_bytes() for path in PATHS})
        return taken

    def procedure() -> float:
        made = project(folder / f"theirs-{next(numbers)}", HEAVY, [PATHS])
        script = [PYTHON, str(TOP / "benchmarks/per_file.py"), *PATHS]
        taken = seconds(script, cwd=made)
        same.append({path: (made / path).read_bytes() for path in PATHS})
        return taken

    ours_s, other_s = in_turn(ours, procedure, runs=runs)
    equal = all(files == same[0] for files in same)
    return Row("a batch of 13 files / file by file", ours_s, other_s, "≤ 0.07", equal=equal)


def collected(folder: Path) -> int:
    """How many tests the untouched files hold."""
    python = interpreter(folder, Wanted(option=PYTHON))
    return len(Suite(folder, python, Verify()).run(PATHS, only_collect=True).run.ids)


class Unchanging:
    """A tree that has one side only: what is measured is a gate that passes."""

    def put(self, side: Side) -> None:
        raise AssertionError("a gate that passes needs no other side")

    def edit_only(self, paths: Collection[str]) -> None:
        raise AssertionError("a gate that passes needs no other side")


def project(folder: Path, shape: ProjectShape, batches: list[list[str]]) -> Path:
    """A generated project in a repository, with a plan of these batches."""
    folder.mkdir(parents=True)
    generate(folder, shape)
    lines = [PLAN]
    for number, paths in enumerate(batches):
        lines.append(
            f"      - id: batch-{number}\n        title: Batch {number}\n        targets:\n"
        )
        lines += [f"          - {{path: {path}}}\n" for path in paths]
    (folder / "migration_plan.yaml").write_text("".join(lines))
    repo = initialised(folder, user="Benchmark", address="benchmark@example.invalid")
    repo.run("add", "--all")
    repo.run("commit", "--quiet", "-m", "before")
    return folder


if __name__ == "__main__":
    main()
