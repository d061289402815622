"""Where the migration stands follows from plan, records and tree, whatever git did in between."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from support import FILES, PASSING, PLAN, SampleRepo, make_repo

from orchestrator.base.blob import blob_id, holds
from orchestrator.base.outcomes import TargetState
from orchestrator.errors import BadInput
from orchestrator.records.record import definition
from orchestrator.report.status import markdown, rows, total


def states(repo: SampleRepo) -> dict[str, str]:
    status = repo.workspace().status()
    return {
        t.target.path.removeprefix("tests/"): t.state.value
        for phase in status.phases
        for batch in phase.batches
        for t in batch.targets
    }


def test_before_and_after_a_batch(repo: SampleRepo) -> None:
    assert set(states(repo).values()) == {"pending"}
    repo.next_batch()
    assert states(repo) == {"test_a.py": "done", "test_b.py": "done", "test_c.py": "pending"}


def test_a_file_changed_since_is_edited_while_it_is_as_it_should_be(repo: SampleRepo) -> None:
    repo.next_batch()
    repo.write("tests/test_a.py", repo.read("tests/test_a.py") + "\n\nx = 1\n")
    assert states(repo)["test_a.py"] == "edited"
    status = repo.workspace().status()
    assert status.next is not None
    assert status.next.name == "first/two"


def test_fault_116_code_undone_by_hand_is_regressed_and_comes_next(repo: SampleRepo) -> None:
    repo.next_batch()
    repo.write("tests/test_a.py", PASSING)
    assert states(repo)["test_a.py"] == "regressed"
    repo.commit("undo by hand")
    assert repo.workspace().status().next.name == "first/one"  # type: ignore[union-attr]
    repo.next_batch()
    assert states(repo)["test_a.py"] == "done"


def test_a_file_that_is_gone_is_done(repo: SampleRepo) -> None:
    repo.next_batch()
    (repo.top / "tests/test_a.py").unlink()
    assert states(repo)["test_a.py"] == "done"


def test_a_batch_that_is_defined_otherwise_now_is_drifted(repo: SampleRepo) -> None:
    repo.next_batch()
    repo.write("migration_plan.yaml", PLAN.replace("alpha_tests", "other_tests"))
    assert states(repo) == {"test_a.py": "drifted", "test_b.py": "drifted", "test_c.py": "pending"}


def test_titles_and_estimates_may_be_corrected(repo: SampleRepo) -> None:
    place = next(repo.workspace().plan.places())
    repo.write("migration_plan.yaml", PLAN.replace("Batch one", "Another title"))
    assert definition(next(repo.workspace().plan.places())) == definition(place)


def test_a_file_that_has_it_all_without_a_record_is_compliant(repo: SampleRepo) -> None:
    repo.next_batch()
    repo.git.run("rm", "-rq", "reports")
    repo.commit("lose the records")
    assert states(repo) == {
        "test_a.py": "compliant",
        "test_b.py": "compliant",
        "test_c.py": "pending",
    }


def test_deferred_manual_and_done_are_what_the_plan_says(tmp_path: Path) -> None:
    plan = PLAN.replace(
        "path: tests/test_b.py", "path: tests/test_b.py\n            manual: by hand"
    )
    repo = make_repo(tmp_path / "a", plan=plan)
    assert states(repo)["test_b.py"] == "manual"
    deferred = "priority: high\n    state: deferred\n    reason: later"
    repo = make_repo(tmp_path / "b", plan=PLAN.replace("priority: high", deferred))
    assert set(states(repo).values()) == {"deferred"}
    repo = make_repo(
        tmp_path / "c", plan=PLAN.replace("priority: high", "priority: high\n    state: done")
    )
    assert set(states(repo).values()) == {"done"}
    assert repo.workspace().status().next is None


def test_a_refused_file_is_quarantined_with_its_reason(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_a.py": "class TestA(\n"})
    repo.next_batch()
    status = repo.workspace().status()
    (target, _) = status.phases[0].batches[0].targets
    assert target.state is TargetState.QUARANTINED
    assert "not valid Python" in target.why
    assert status.next is not None
    assert status.next.name == "first/two"


def test_a_refused_file_is_open_again_once_it_was_changed(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_a.py": "class TestA(\n"})
    repo.next_batch()
    repo.write("tests/test_a.py", PASSING)
    repo.commit("repair it")
    assert states(repo)["test_a.py"] == "pending"
    repo.next_batch()
    assert states(repo)["test_a.py"] == "done"


@pytest.mark.parametrize("how", ["merge", "squash", "rebase", "cherry-pick", "revert", "clone"])
def test_fault_115_state_travels_with_the_code(how: str, tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r")
    git, base = repo.git, repo.head
    git.run("switch", "-qc", "work")
    repo.next_batch()
    landed = repo.head
    git.run("switch", "-q", "main")
    repo.write("unrelated.py", "x = 1\n")
    repo.commit("go on")
    if how == "merge":
        git.run("merge", "-q", "--no-edit", "work")
    elif how == "squash":
        git.run("merge", "-q", "--squash", "work")
        repo.commit("squashed")
    elif how == "rebase":
        git.run("switch", "-q", "work")
        git.run("rebase", "-q", "main")
    elif how == "cherry-pick":
        git.run("cherry-pick", landed)
    elif how == "revert":
        git.run("merge", "-q", "--ff-only", "work") if repo.head == base else git.run(
            "merge", "-q", "--no-edit", "work"
        )
        git.run("revert", "--no-edit", landed)
    else:
        git.run(
            "clone", "-q", "--depth=1", "--branch=work", f"file://{repo.top}", str(tmp_path / "c")
        )
        repo = SampleRepo(tmp_path / "c", type(git)(tmp_path / "c"))
    expected = "reverted" if how == "revert" else "done"
    assert states(repo) == {"test_a.py": expected, "test_b.py": expected, "test_c.py": "pending"}


def test_two_branches_do_different_batches_without_a_conflict(repo: SampleRepo) -> None:
    repo.git.run("switch", "-qc", "other")
    repo.next_batch(batch="two")
    repo.git.run("switch", "-q", "main")
    repo.next_batch(batch="one")
    repo.git.run("merge", "-q", "--no-edit", "other")
    assert set(states(repo).values()) == {"done"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda r: "{", "is not a record", id="fault-109 corrupt"),
        pytest.param(lambda r: r.replace('"format": 1', '"format": 2'), "newer orchestrate", id="fault-109 newer"),
        pytest.param(lambda r: r.replace('"plan": "sample"', '"plan": "other"'), "is the record of other", id="another plan's"),
    ],
)  # fmt: skip
def test_a_record_that_cannot_be_read_is_said(
    change: object, message: str, repo: SampleRepo
) -> None:
    repo.next_batch()
    assert callable(change)
    repo.write("reports/first/one.json", change(repo.read("reports/first/one.json")))
    with pytest.raises(BadInput, match=message) as caught:
        repo.workspace().status()
    assert caught.value.next_step


def test_a_record_tells_nothing_of_time_or_place(repo: SampleRepo) -> None:
    repo.next_batch()
    text = repo.read("reports/first/one.json")
    assert str(repo.top) not in text
    assert not {"time", "date", "host", "duration", "commit"} & set(json.loads(text))


def test_line_ends_that_git_normalises_do_not_count_as_an_edit() -> None:
    stored = blob_id(b"a\nb\n")
    assert stored == "422c2b7ab3b3c668038da977e4e93a5fc623169c"
    assert holds(b"a\r\nb\r\n", stored)
    assert not holds(b"a\r\nc\r\n", stored)
    assert holds(b"a\n", blob_id(b"a\n", like="0" * 64))


def test_shares_are_0_and_100_only_where_none_or_all_are_done(repo: SampleRepo) -> None:
    status = repo.workspace().status()
    assert total(status).percent == 0
    row = rows(status)[0]
    shares = [replace(row, done=done, of=300).percent for done in (0, 1, 299, 300)]
    assert shares == [0, 1, 99, 100]


def test_fault_91_markdown_is_one_table_that_pipes_cannot_break(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", plan=PLAN.replace("first things", '"a | b"'))
    text = markdown(repo.workspace().status())
    assert "| 1 a \\| b |" in text
