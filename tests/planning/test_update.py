"""`plan --update` puts in what is new, marks what is gone, and leaves what people wrote."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import yaml
from support import FILES, PASSING, PLAN, SampleRepo, make_repo

COMMENTED = PLAN.replace(
    "      - id: two\n", "      # after the holidays\n      - id: two\n"
).replace("          - path: tests/test_b.py\n", "          - path: tests/test_b.py  # slow\n")


@pytest.fixture
def planned(tmp_path: Path) -> SampleRepo:
    return make_repo(tmp_path / "repo", plan=COMMENTED)


def targets(repo: SampleRepo) -> dict[str, list[str]]:
    plan = yaml.safe_load(repo.read("migration_plan.yaml"))
    return {
        b["id"]: [t["path"] for t in b["targets"]] for p in plan["phases"] for b in p["batches"]
    }


def test_nothing_new_changes_nothing(planned: SampleRepo) -> None:
    ended = planned.run("plan", "--update")
    assert ended.code == 0
    assert "is up to date" in ended.err
    assert planned.changes == ""


def test_a_new_file_goes_into_a_new_batch_of_its_phase(planned: SampleRepo) -> None:
    text = PASSING.replace("Alpha", "Delta").replace("pass", "pass") + "".join(
        f"\n    def test_{n}(self):\n        pass\n" for n in range(12)
    )
    planned.write("tests/test_new.py", text)
    dry = planned.run("plan", "--update", "--dry-run")
    assert "+          - {path: tests/test_new.py" in dry.out
    assert targets(planned).keys() == {"one", "two"}
    ended = planned.run("plan", "--update")
    assert ended.out == dry.out
    assert targets(planned) == {
        "one": ["tests/test_a.py", "tests/test_b.py"],
        "two": ["tests/test_c.py"],
        "tests-new": ["tests/test_new.py"],
    }
    new = planned.read("migration_plan.yaml")
    assert "# after the holidays" in new
    assert "# slow" in new


def test_a_file_of_another_priority_gets_a_phase(planned: SampleRepo) -> None:
    planned.write("tests/test_new.py", PASSING.replace("Alpha", "Delta"))
    assert planned.run("plan", "--update").code == 0
    plan = yaml.safe_load(planned.read("migration_plan.yaml"))
    assert [p["id"] for p in plan["phases"]] == ["first", "new-files"]
    assert planned.run("validate").code == 0


def test_gone_and_renamed(planned: SampleRepo) -> None:
    planned.git.run("rm", "-q", "tests/test_c.py")
    planned.git.run("mv", "tests/test_b.py", "tests/test_better.py")
    planned.commit("moves")
    ended = planned.run("plan", "--update")
    assert ended.code == 0, ended.err
    assert targets(planned) == {"one": ["tests/test_a.py", "tests/test_better.py"]}
    text = planned.read("migration_plan.yaml")
    assert "- path: tests/test_better.py  # slow  # was tests/test_b.py" in text
    assert "# gone: - id: two" in text
    assert "# after the holidays" in text
    assert planned.run("plan", "--update").err.startswith("migration_plan.yaml is up to date")


def test_a_batch_with_a_record_is_left_as_it_is(planned: SampleRepo) -> None:
    assert planned.run("next-batch", "--python", sys.executable).code == 0
    planned.git.run("rm", "-q", "tests/test_a.py")
    planned.commit("gone")
    before = planned.read("migration_plan.yaml")
    ended = planned.run("plan", "--update")
    assert "tests/test_a.py is gone; its record stays as it is" in ended.err
    assert planned.read("migration_plan.yaml") == before


def test_counts_that_changed_are_corrected(planned: SampleRepo) -> None:
    plan = COMMENTED.replace(
        "          - path: tests/test_c.py\n",
        "          - {path: tests/test_c.py, expect: {classes: 7, methods: 2}}  # look\n",
    ).replace("phases:", "measures: {classes: {title: C}, methods: {title: M}}\nphases:")
    planned.write("migration_plan.yaml", plan)
    ended = planned.run("validate")
    assert "tests/test_c.py has 1 classes, and the plan says 7 classes" in ended.err
    assert "next: orchestrate plan --update" in ended.err
    assert planned.run("plan", "--update").code == 0
    line = "- {path: tests/test_c.py, expect: {classes: 1, methods: 2}}  # look"
    assert line in planned.read("migration_plan.yaml")


def test_patterns_are_spelled_out(tmp_path: Path) -> None:
    plan = PLAN.replace(
        "          - path: tests/test_c.py\n", "          - path: tests/test_?.py\n"
    )
    made = make_repo(tmp_path / "repo", plan=plan)
    assert "a pattern; it means 1 file" in made.run("validate").err
    refused = made.run("next-batch", "--batch", "two", "--python", sys.executable)
    assert refused.code == 2
    assert "next: orchestrate plan --update" in refused.err
    assert made.run("plan", "--update").code == 0
    assert targets(made)["two"] == ["tests/test_c.py"]
    assert made.run("validate").code == 0


def test_what_is_written_on_one_line_is_said_and_left(tmp_path: Path) -> None:
    plan = PLAN.replace(
        "        targets:\n          - path: tests/test_c.py\n",
        "        targets: [{path: tests/test_c.py}, {path: tests/test_d.py}]\n",
    )
    made = make_repo(tmp_path / "repo", {**FILES, "tests/test_d.py": PASSING}, plan=plan)
    made.git.run("rm", "-q", "tests/test_d.py")
    made.commit("gone")
    ended = made.run("plan", "--update")
    assert ended.code == 0
    assert "by hand, since it is not on lines of its own: first/two: tests/test_d.py" in ended.err
    assert made.read("migration_plan.yaml") == plan


def test_windows_line_ends_stay(planned: SampleRepo) -> None:
    data = COMMENTED.replace("\n", "\r\n").encode()
    (planned.top / "migration_plan.yaml").write_bytes(data)
    planned.write("tests/test_new.py", PASSING)
    assert planned.run("plan", "--update").code == 0
    after = (planned.top / "migration_plan.yaml").read_bytes()
    assert after.count(b"\n") == after.count(b"\r\n") > data.count(b"\n")


def test_a_phase_that_loses_every_batch_is_still_a_phase(tmp_path: Path) -> None:
    """A deferred phase, for example, of whose files none is here: the plan of the demo has two."""
    gone = "  - id: later\n    title: later\n    priority: low\n    state: deferred\n    reason: not now\n    fixer: memory-safety\n    batches:\n      - id: one\n        title: Gone\n        targets:\n          - {path: tests/test_gone.py}\n          - {path: tests/test_went.py}\n      - id: two\n        title: Gone as well\n        targets:\n          - {path: tests/test_lost.py}\n"
    repo = make_repo(tmp_path / "repo", plan=f"{PLAN}{gone}")
    ended = repo.run("plan", "--update")
    assert ended.code == 0, ended.err
    text = repo.read("migration_plan.yaml")
    assert "    # batches:\n      # gone: - id: one" in text
    assert "by hand" not in ended.err
    assert repo.run("validate").code == 0
    assert repo.run("plan", "--update").code == 0
