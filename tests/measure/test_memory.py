"""`orchestrate memory`: real pytest processes that hold real memory."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from support import PASSING, PYPROJECT, Ran, SampleRepo, make_repo

from orchestrator.gates.pytest import meter as metering
from orchestrator.gates.pytest.meter import Meter, Sample

LEAKING = """\
KEPT = []


class TestLeak:
    def test_small(self):
        KEPT.append(bytearray(2**20))

    def test_large(self):
        KEPT.append(bytearray(b"x" * 40 * 2**20))
"""
FILES = {
    "pyproject.toml": PYPROJECT,
    ".gitignore": "__pycache__/\n",
    "tests/test_a.py": PASSING,
    "tests/test_leak.py": LEAKING,
}


@pytest.fixture
def repo(tmp_path: Path) -> SampleRepo:
    return make_repo(tmp_path / "repo", FILES)


def memory(repo: SampleRepo, *arguments: str, **env: str) -> Ran:
    return repo.run("memory", "--python", sys.executable, *arguments, env=env)


def facts(ended: Ran) -> dict[str, Any]:
    assert ended.code == 0, ended
    found: dict[str, Any] = json.loads(ended.out)
    return found


def test_one_process_is_measured_test_by_test(repo: SampleRepo) -> None:
    found = facts(memory(repo, "tests", "-n", "0", "--json"))
    first = found["tests_by_growth"][0]
    assert first["id"] == "tests/test_leak.py::TestLeak::test_large"
    assert 38 < first["grew_mib"] < 60
    assert found["files"][0]["file"] == "tests/test_leak.py"
    assert found["files"][0]["tests"] == 2
    assert [one["name"] for one in found["processes"]] == ["main"]
    assert found["peak_mib"] >= found["processes"][0]["peak_mib"] > 40
    assert found["processes"][0]["collected_mib"] > 10
    assert found["tests"] == {"ran": 4, "not_green": 0}
    assert found["timeline"]


def test_every_worker_is_told_apart_and_ids_carry_no_group(repo: SampleRepo) -> None:
    repo.run("fix", "tests/test_leak.py", "--require", "all")
    found = facts(memory(repo, "tests", "-n", "2", "--json"))
    names = [one["name"] for one in found["processes"]]
    assert names[:3] == ["gw0", "gw1", "controller"]
    ids = {one["id"] for one in found["tests_by_growth"]}
    assert "tests/test_leak.py::TestLeak::test_large" in ids
    sum_of_workers = sum(one["collected_mib"] for one in found["processes"][:2])
    assert found["peak_mib"] > sum_of_workers


def test_the_table_names_what_grew_most_and_the_terminal_sees_it_live(repo: SampleRepo) -> None:
    ended = memory(repo, "-n", "0", FORCE_COLOR="1")
    assert ended.code == 0, ended
    assert "tests/test_leak.py::TestLeak::test_large" in ended.out
    assert "as expected: not more than 2,000 MiB" in ended.out
    assert "MiB in all" in ended.err


def test_without_a_terminal_nothing_is_drawn(repo: SampleRepo) -> None:
    assert memory(repo, "-n", "0").err == ""


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--expected-mib", "10"], 0, "more than the 10 MiB that are expected"),
        (["--expected-mib", "10", "--problem-mib", "20"], 1, "a problem: more than 20 MiB"),
        (["--expected-mib", "10", "--problem-mib", "5"], 2, "next: orchestrate memory --problem"),
        (["--output", "x.png"], 2, "it can end in .svg or .html"),
        (["--compare", "HEAD", "--compare-fix"], 2, "two comparisons"),
        (["--compare-fix"], 2, "which files are to be fixed"),
        (["--compare", "nowhere"], 2, "git knows no commit 'nowhere'"),
        (["--compare", "HEAD"], 2, "nothing differs from 'HEAD'"),
        (["--memray"], 4, "-m pip install pytest-memray"),
        (["gone.py"], 2, "there is no file or folder 'gone.py'"),
    ],
)
def test_bounds_and_wrong_options(
    repo: SampleRepo, options: list[str], code: int, said: str
) -> None:
    ended = memory(repo, "-n", "0", *options)
    assert ended.code == code, ended
    assert said in ended.out + ended.err


def test_the_configuration_sets_the_bounds(repo: SampleRepo) -> None:
    repo.write(
        "pyproject.toml",
        f"{PYPROJECT}[tool.orchestrate.memory]\nexpected_mib = 1\nproblem_mib = 2\nworkers = 0\n",
    )
    ended = memory(repo)
    assert ended.code == 1, ended
    assert "a problem: more than 2 MiB" in ended.out
    assert "main" in ended.out
    repo.write("pyproject.toml", f"{PYPROJECT}[tool.orchestrate.memory]\nexpected = 1\n")
    assert memory(repo).code == 2


def test_the_ceiling_ends_a_run_and_what_was_seen_is_told(repo: SampleRepo) -> None:
    repo.write(
        "tests/test_leak.py",
        "import time\nKEPT = []\n\ndef test_first(): ...\n\n\ndef test_huge():\n"
        "    KEPT.append(bytearray(b'x' * 300 * 2**20))\n    time.sleep(60)\n",
    )
    ended = memory(repo, "tests/test_leak.py", "-n", "0", "--limit-mib", "200")
    assert ended.code == 1, ended
    assert "ended early: used" in ended.out
    assert "1 test in" in ended.out


def test_no_test_at_all_cannot_be_judged(repo: SampleRepo) -> None:
    repo.write("tests/test_leak.py", "x = 1\n")
    ended = memory(repo, "tests/test_leak.py", "-n", "0")
    assert ended.code == 4
    assert "no test ran in tests/test_leak.py" in ended.err


def test_the_picture_is_an_image_or_a_page(repo: SampleRepo, tmp_path: Path) -> None:
    svg, page = tmp_path / "m.svg", tmp_path / "m.html"
    for file in (svg, page):
        assert memory(repo, "-n", "0", "--output", str(file)).code == 0
    assert ET.fromstring(svg.read_text("utf-8")).tag.endswith("svg")
    assert "test_large" in page.read_text("utf-8")
    assert "<svg" in page.read_text("utf-8")


def test_a_fix_is_weighed_in_a_copy(repo: SampleRepo) -> None:
    found = facts(memory(
        repo, "tests/test_a.py", "--compare-fix", "-n", "0", "--runs", "1", "--json"
    ))  # fmt: skip
    assert found["runs"] == 1
    assert found["same_outcomes"] is True
    assert found["peak_mib"]["larger_than_noise"] is None
    assert repo.changes == ""
    assert repo.leftovers == []


def test_a_leak_that_was_mended_is_larger_than_the_noise(repo: SampleRepo) -> None:
    repo.write("tests/test_leak.py", LEAKING.replace("40 * 2**20", "4"))
    found = facts(memory(repo, "--compare", "HEAD", "-n", "0", "--json"))
    assert found["peak_mib"]["change"] < -30
    assert found["peak_mib"]["larger_than_noise"] is True
    assert found["same_outcomes"] is True
    shown = memory(repo, "--compare", "HEAD", "-n", "0", "--runs", "1")
    assert "too few runs" in shown.out
    assert "the same with --runs 4" in shown.err


def test_the_copy_tests_its_own_code(repo: SampleRepo) -> None:
    """What the environment would find in the work tree is found in the copy on both sides."""
    repo.write("src/lib.py", "VALUE = 1\n")
    repo.write("tests/test_a.py", "import lib\n\ndef test_it():\n    assert lib.VALUE == 1\n")
    repo.commit()
    repo.write("src/lib.py", "VALUE = 2\n")
    ended = memory(
        repo, "tests/test_a.py", "--compare", "HEAD", "-n", "0", "--runs", "1",
        PYTHONPATH=str(repo.top / "src"),
    )  # fmt: skip
    assert "not the same outcomes: 1 test (tests/test_a.py::test_it)" in ended.out, ended


def test_what_tests_start_is_told_apart(repo: SampleRepo) -> None:
    repo.write("tests/test_leak.py", (
        "import subprocess, sys\n\ndef test_starts_one():\n"
        "    hold = 'x = bytearray(b\"x\" * 200 * 2**20); import time; time.sleep(1)'\n"
        "    subprocess.run([sys.executable, '-c', hold], check=True)\n"
    ))  # fmt: skip
    ended = memory(repo, "tests/test_leak.py", "-n", "0", "--expected-mib", "50")
    assert "others" in ended.out
    assert "most of it was held by processes that tests start" in ended.err


def test_a_long_run_keeps_few_samples_and_the_highest(tmp_path: Path) -> None:
    meter = Meter(tmp_path, 0)
    for number in range(10_000):
        meter._keep(Sample(float(number), {1: 500.0 if number == 4_321 else 1.0}))
    assert len(meter.samples) <= metering._POINTS
    assert max(sample.sum_mib for sample in meter.samples) == 500.0


@pytest.mark.parametrize("death", ["os.kill(os.getpid(), 9)", "os._exit(3)"])
def test_an_interpreter_that_dies_is_no_measurement(repo: SampleRepo, death: str) -> None:
    text = f"import os\n\ndef test_a(): ...\ndef test_b(): {death}\ndef test_c(): ...\n"
    repo.write("tests/test_leak.py", text)
    ended = memory(repo, "tests/test_leak.py", "-n", "0")
    assert ended.code == 4, ended
    assert (
        "the interpreter ended in the middle of it while tests/test_leak.py::test_b ran"
        in ended.err
    )


def test_other_tests_on_the_other_side_are_not_compared(repo: SampleRepo) -> None:
    repo.write("tests/test_a.py", PASSING + "\n    def test_new(self): ...\n")
    ended = memory(repo, "--compare", "HEAD", "-n", "0", "--runs", "1")
    assert "other tests" in ended.out
    assert "their figures are of different things" in ended.err


def test_what_differs_is_compared_as_its_own_project_runs_it(repo: SampleRepo) -> None:
    """Without a name, the project is that of the files that differ, not the one at the top."""
    repo.write("backend/pytest.ini", "[pytest]\n")
    repo.write("backend/data.txt", "x")
    opens = (
        'class TestData:\n    def test_it(self):\n        assert open("data.txt").read() == "x"\n'
    )
    repo.write("backend/tests/test_data.py", opens)
    repo.commit("a second project")
    repo.write("backend/tests/test_data.py", opens.replace('"x"', '"y"'))
    found = facts(memory(repo, "--compare", "HEAD", "-n", "0", "--runs", "1", "--json"))
    assert found["same_outcomes"] is False, found  # run from the top, it would fail on both sides


def test_what_differs_in_two_projects_is_not_compared_at_once(repo: SampleRepo) -> None:
    repo.write("backend/pytest.ini", "[pytest]\n")
    repo.write("backend/tests/test_data.py", PASSING)
    repo.commit("a second project")
    for path in ("backend/tests/test_data.py", "tests/test_a.py"):
        repo.write(path, PASSING + "\n\ndef test_more():\n    pass\n")
    ended = memory(repo, "--compare", "HEAD", "-n", "0")
    assert ended.code == 2, ended
    assert "several projects" in ended.err
    assert "memory" in ended.err
