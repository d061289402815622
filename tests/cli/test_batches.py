"""The commands that work on batches, as a person starts them: output, exit codes, next commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import BREAKS, FILES, PLAN, SampleRepo, copied, make_repo

PYTHON = ("--python", sys.executable)
ONE_BREAKS = BREAKS.partition("\n    def test_two")[0]


def with_a_file_taken_out(top: Path) -> SampleRepo:
    plan = PLAN.replace("phases:", f"verify: {{python: {json.dumps(sys.executable)}}}\nphases:", 1)
    repo = make_repo(top, {**FILES, "tests/test_b.py": ONE_BREAKS}, plan=plan)
    ended = repo.run("next-batch", "--all", "--trust")
    assert ended.code == 1, ended.err
    lines = ended.out.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "memory safety for a (First, batch 1/2, 1 of 2 files)",
        "memory safety for c (First, batch 2/2)",
    ]
    for text in (
        "quarantined tests/test_b.py: culprit: TestBreaks::test_one: passes without the edit",
        "2 batches landed", "files       2 edited of 3", "4 verified, 0 failed before, 0 flaky",
        "1 file unresolved:", "ended because: nothing is left for a run to do", "next: orchestrate unresolved",
    ):  # fmt: skip
        assert text in ended.err
    return repo


@pytest.fixture
def quarantined(tmp_path: Path) -> SampleRepo:
    """Both batches landed; tests/test_b.py of the first was quarantined."""
    return copied(tmp_path / "r", with_a_file_taken_out)


def test_unresolved_names_reason_log_and_what_to_do(quarantined: SampleRepo) -> None:
    ended = quarantined.run("unresolved")
    assert ended.code == 0
    assert (
        "tests/test_b.py (first/one)\n  culprit: TestBreaks::test_one: passes without" in ended.out
    )
    assert ".git/orchestrate/logs/first/one/test_b.py-" in ended.out
    for command in (
        "retry tests/test_b.py",
        "adopt tests/test_b.py",
        "skip tests/test_b.py --reason",
    ):
        assert f"orchestrate {command}" in ended.out
    (item,) = json.loads(quarantined.run("unresolved", "--json").out)
    assert (item["kind"], item["tests"]) == ("culprit", ["tests/test_b.py::TestBreaks::test_one"])


def test_the_line_that_reproduces_a_failure_does(quarantined: SampleRepo) -> None:
    (item,) = json.loads(quarantined.run("unresolved", "--json").out)
    line = item["reproduce"].replace("orchestrate show", f"{sys.executable} -m orchestrate show")
    ended = subprocess.run(
        ["sh", "-c", line], cwd=quarantined.top, capture_output=True, text=True, check=False
    )
    assert "the collector is out of order" in ended.stdout + ended.stderr
    assert quarantined.changes == ""


def test_status_says_that_work_remains(quarantined: SampleRepo) -> None:
    ended = quarantined.run("status", "--check")
    assert ended.code == 1
    assert "2 of 3 files" in ended.out
    assert "quarantined: tests/test_b.py (first/one) culprit: TestBreaks::test_one" in ended.out
    assert "orchestrate unresolved" in ended.out
    assert quarantined.run("skip", "tests/test_b.py", "--reason", "it goes away").code == 0
    ended = quarantined.run("status", "--check")
    assert ended.code == 0, ended.out


def test_show_tells_everything_of_a_batch(quarantined: SampleRepo) -> None:
    ended = quarantined.run("show", "one")
    assert ended.code == 0
    for text in (
        "first/one: Batch one (batch 1 of 2)", 'done        tests/test_a.py {"group": "alpha_tests"}',
        "quarantined tests/test_b.py", "test        2 tests", "-m pytest -p orchestrate_probe",
        '+@pytest.mark.xdist_group(name="alpha_tests")',
    ):  # fmt: skip
        assert text in ended.out
    document = json.loads(quarantined.run("show", "tests/test_b.py", "--json").out)
    assert [target["state"] for target in document["targets"]] == ["done", "quarantined"]
    assert document["record"]["targets"][1]["patch"]["text"].startswith("diff --git")


def test_show_of_a_batch_that_has_not_run_shows_what_would_change(repo: SampleRepo) -> None:
    ended = repo.run("show", "two")
    assert "What a run would change" in ended.out
    assert "+++ b/tests/test_c.py" in ended.out
    ended = repo.run("show", "--patch", "two")
    assert (ended.code, ended.out) == (2, "")
    assert "no edit of two was rolled back" in ended.err


def test_retry_and_undo_say_how_they_ended(quarantined: SampleRepo) -> None:
    ended = quarantined.run("retry")
    assert (ended.code, ended.out) == (1, "")
    assert "nothing of it can be brought in; all is as it was" in ended.err
    ended = quarantined.run("undo", "two")
    assert ended.code == 0
    assert "Undo memory safety for c" in ended.out
    assert "to do it again: orchestrate retry first/two" in ended.err
    ended = quarantined.run("retry", "two")
    assert (ended.code, "batch 2/2" in ended.out) == (0, True)
    ended = quarantined.run("retry", "two")
    assert (ended.code, ended.out) == (0, "")
    assert "Nothing to try again in two" in ended.err


def test_adopt_says_how_it_ended(quarantined: SampleRepo) -> None:
    ended = quarantined.run("adopt", "tests/test_b.py")
    assert ended.code == 1
    assert "is not what the fixer asks for" in ended.err
    assert "next: orchestrate adopt tests/test_b.py --reason" in ended.err
    quarantined.write("tests/test_b.py", BREAKS + "        assert 0\n")
    ended = quarantined.run("adopt", "tests/test_b.py", "--reason", "it is fine")
    assert ended.code == 1
    assert "nothing was committed; your files are as you left them" in ended.err
    quarantined.git.run("checkout", "-q", "tests/test_b.py")
    ended = quarantined.run("adopt", "tests/test_b.py", "--reason", "it has to stay as it is")
    assert ended.code == 0, ended.err
    assert "Record that b stays as it is in memory safety" in ended.out


def test_a_limit_counts_batches_and_contradictions_are_told(repo: SampleRepo) -> None:
    ended = repo.run("next-batch", "--limit", "1", *PYTHON)
    assert (ended.code, len(ended.out.splitlines())) == (0, 1)
    assert "ended because: as many batches as were asked for" in ended.err
    ended = repo.run("next-batch", "--all", "--batch", "two", *PYTHON)
    assert ended.code == 2
    assert "go on batch after batch" in ended.err
