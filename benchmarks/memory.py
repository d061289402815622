"""What the pattern buys: peak memory and seconds, without it, with it, and with what helps it.

python benchmarks/memory.py [--runs 3] [--workers 2] [--suite NAME=FOLDER,PYTHON,TEST,TEST…] …

Every variant of a suite runs in a copy, in turn; the edits are those of `orchestrate fix` and of
`orchestrate guard --only freeze`. Writes docs/memory.md.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from measure import machine

from orchestrator.measure.run import Measurement, Tests, measured
from orchestrator.plan.verify import Verify
from orchestrator.project.interpreter import Interpreter, Wanted, interpreter
from orchestrator.vcs import initialised

TOP = Path(__file__).parents[1]
LIMIT_S = 3_600.0
DIGITS_BELOW = 30

PATTERN = ["fix", "--require", "all"]
FREEZE = ["guard", "--only", "freeze", "--yes"]
VARIANTS: Mapping[str, Sequence[Sequence[str]]] = {
    "plain": [],
    "pattern": [PATTERN],
    "pattern, frozen heap": [PATTERN, FREEZE],
    "pattern, `clear_instance`": [[*PATTERN, "--clear-instance"]],
    "pattern, `clear_instance`, frozen heap": [[*PATTERN, "--clear-instance"], FREEZE],
}
"""Each with the commands that make it of a plain suite; `fix` is given the tests."""

HEAD = """\
# What the pattern buys, measured

`python benchmarks/memory.py` made these tables: peak resident memory in MiB and seconds, the
median of {runs} runs (lowest to highest), {workers} workers, `--dist loadgroup`. All variants of a
suite ran in turn in one go, so that their ratios mean something; "same outcomes" compares every
test by its id with the first plain run: where plain runs differ too, tests are flaky. {machine}.

"""
TABLE = "| variant | peak of a worker | peak in all | seconds | of plain | same outcomes |\n"

TEST = """\
from unittest.mock import MagicMock


class TestPart{number}:
{methods}
"""
ON_MOCK = """\
    def test_{n}(self):
        mock = MagicMock()
        mock.payload, mock.itself = bytearray(b"x" * 2**20), mock
        assert mock.payload
"""
ON_SELF = """\
    def test_{n}(self):
        self.mock = MagicMock()
        self.mock.payload = bytearray(b"x" * 2**20)
        assert self.mock.payload
"""
HEAP = "HEAP = [[] for _ in range(1_000_000)]\n"


@dataclass(frozen=True, slots=True)
class Suite:
    """Tests of a project; `title` is the head of its table."""

    title: str
    folder: Path
    python: Path
    tests: Sequence[str]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--suite", action="append", default=[])
    parser.add_argument("--only-suites", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        suites = [] if asked.only_suites else synthetic(scratch / "synthetic")
        suites += [suite_of(text) for text in asked.suite]
        text = HEAD.format(runs=asked.runs, workers=asked.workers, machine=machine())
        for number, suite in enumerate(suites):
            text += table(suite, scratch / str(number), asked.runs, asked.workers)
    print(text)
    (TOP / "docs" / "memory.md").write_text(text, "utf-8")


def suite_of(text: str) -> Suite:
    """A suite as the command line names it."""
    name, _, rest = text.partition("=")
    folder, python, *tests = rest.split(",")
    return Suite(name, Path(folder), Path(python), tests)


def synthetic(folder: Path) -> list[Suite]:
    """300 tests in 10 files: payloads of 1 MB on mocks, the same beside a large heap, on `self`."""
    shapes = {
        "300 tests, 1 MB each on a mock that refers to itself": (ON_MOCK, ""),
        "the same with a million objects imported": (ON_MOCK, HEAP),
        "300 tests, 1 MB each on `self`": (ON_SELF, ""),
    }
    found = []
    for number, (title, (method, conftest)) in enumerate(shapes.items()):
        top = folder / str(number)
        (top / "tests").mkdir(parents=True)
        (top / "pytest.ini").write_text("[pytest]\nmarkers = xdist_group: group\n")
        (top / "tests/conftest.py").write_text(conftest)
        for part in range(10):
            methods = "\n".join(method.format(n=n) for n in range(30))
            text = TEST.format(number=part, methods=methods)
            (top / f"tests/test_part_{part}.py").write_text(text)
        repo = initialised(top, user="Benchmark", address="benchmark@example.invalid")
        repo.run("add", "--all")
        repo.run("commit", "--quiet", "-m", "plain")
        found.append(Suite(title, top, Path(sys.executable), ["tests"]))
    return found


def table(suite: Suite, scratch: Path, runs: int, workers: int) -> str:
    """Every variant of a suite, measured in turn."""
    python = interpreter(suite.folder, Wanted(option=str(suite.python)))
    tests = {
        name: variant(suite, scratch / str(number), commands, python, workers)
        for number, (name, commands) in enumerate(VARIANTS.items())
    }
    found: dict[str, list[Measurement]] = {name: [] for name in tests}
    for _ in range(runs):
        for name, one in tests.items():
            found[name].append(measured(one))
            print(f"  {suite.title}: {name}: {found[name][-1].duration_s:.1f} s", file=sys.stderr)
    shutil.rmtree(scratch)
    plain = found["plain"]
    rows = [row(name, some, plain) for name, some in found.items()]
    return f"## {suite.title}\n\n{TABLE}|---|---|---|---|---|---|\n" + "".join(rows) + "\n"


def variant(
    suite: Suite, folder: Path, commands: Sequence[Sequence[str]], python: Interpreter, workers: int
) -> Tests:
    """A copy of the suite with the edits of a variant."""
    subprocess.run(["git", "clone", "--quiet", suite.folder, folder], check=True)
    for command, *rest in commands:
        files = list(suite.tests) if command == "fix" else []
        words = [sys.executable, "-m", "orchestrate", command, *files, *rest]
        subprocess.run(words, cwd=folder, check=False, capture_output=True)
    verify = Verify(workers=workers, timeout_s=LIMIT_S)
    source = folder / "src"
    env = {"PYTHONPATH": str(source)} if source.is_dir() else {}
    return Tests(folder, suite.tests, python, verify, env)


def row(name: str, some: Sequence[Measurement], plain: Sequence[Measurement]) -> str:
    """The line of one variant."""
    seconds = [run.duration_s for run in some]
    ratio = statistics.median(seconds) / statistics.median([run.duration_s for run in plain])
    reference = plain[0].outcomes
    differing = {i for run in some for i in reference.keys() | run.outcomes.keys()
                 if run.outcomes.get(i) != reference.get(i)}  # fmt: skip
    same = f"yes ({len(reference)})" if not differing else f"{len(differing)} differ"
    workers = spread([run.memory.peak_worker_mib for run in some])
    whole = spread([run.memory.peak_mib for run in some])
    return f"| {name} | {workers} | {whole} | {spread(seconds)} | {ratio:.2f} | {same} |\n"


def spread(values: Sequence[float]) -> str:
    """The median, and between what the runs were."""
    digits = 0 if max(values) > DIGITS_BELOW else 1
    low, middle, high = (f"{f(values):,.{digits}f}" for f in (min, statistics.median, max))
    return f"{middle} ({low} to {high})"


if __name__ == "__main__":
    main()
