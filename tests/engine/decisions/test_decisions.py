"""What a person decides about a batch: retry, skip, adopt, undo. Nothing of it is ever lost."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from support import (
    BREAKS,
    FILES,
    PASSING,
    PLAN,
    PYPROJECT,
    SampleRepo,
    called,
    fixed,
    landed_repo,
    make_repo,
    plan_with,
)

from orchestrator.base.outcomes import TargetState
from orchestrator.commit.transaction import Commit
from orchestrator.engine.context.events import ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.decisions.adopt import Adopted, NotClean, adopt
from orchestrator.engine.decisions.retry import retry
from orchestrator.engine.decisions.skip import skip
from orchestrator.engine.decisions.undo import Undone, undo
from orchestrator.engine.results import Landed, Stopped
from orchestrator.errors import BadInput, Refused

HOW = RunOptions(sys.executable)


@pytest.fixture
def quarantined(tmp_path: Path) -> SampleRepo:
    """Batch `one` landed without tests/test_b.py."""
    return landed_repo(tmp_path / "r", {**FILES, "tests/test_b.py": BREAKS})


def states(repo: SampleRepo) -> dict[str, TargetState]:
    status = repo.workspace().status()
    return {
        t.target.path: t.state for phase in status.phases for b in phase.batches for t in b.targets
    }


def adopted(repo: SampleRepo, name: str, reason: str | None = None) -> Adopted:
    return called(adopt, repo.workspace(), name, reason, HOW, ignore_events)


def undone(repo: SampleRepo, name: str) -> Undone:
    return called(undo, repo.workspace(), name, HOW, ignore_events)


def skipped(repo: SampleRepo, name: str, reason: str = "it is on its way out") -> Commit:
    return called(skip, repo.workspace(), name, reason, ignore_events)


def test_retry_lands_what_was_given_up_once_its_cause_is_gone(quarantined: SampleRepo) -> None:
    quarantined.write(
        "conftest.py",
        "import gc\n\n_collect = gc.collect\n\n\ndef pytest_runtest_teardown():\n    gc.collect = _collect\n",
    )
    quarantined.commit("the cause is gone")
    assert states(quarantined)["tests/test_b.py"] is TargetState.QUARANTINED
    (result,) = called(retry, quarantined.workspace(), None, HOW, ignore_events).results
    assert isinstance(result, Landed)
    assert quarantined.git.changed_by("HEAD") == ["reports/first/one.json", "tests/test_b.py"]
    assert states(quarantined)["tests/test_b.py"] is TargetState.DONE
    assert [entry.done for entry in result.record.targets] == ["edited", "edited"]
    assert (quarantined.changes, quarantined.leftovers) == ("", [])


def test_retry_while_the_cause_is_there_changes_nothing(quarantined: SampleRepo) -> None:
    head = quarantined.head
    (result,) = called(
        retry, quarantined.workspace(), "tests/test_b.py", HOW, ignore_events
    ).results
    assert isinstance(result, Stopped)
    assert (quarantined.head, quarantined.changes, quarantined.leftovers) == (head, "", [])


def test_retry_of_what_is_done_does_nothing(quarantined: SampleRepo) -> None:
    assert (
        called(retry, quarantined.workspace(), "tests/test_a.py", HOW, ignore_events).results == []
    )
    with pytest.raises(
        BadInput, match=r"called 'test/test_b.py'; did you mean 'tests/test_b.py'\?"
    ):
        called(retry, quarantined.workspace(), "test/test_b.py", HOW, ignore_events)


def test_a_skipped_file_waits_for_ever_and_says_why(quarantined: SampleRepo) -> None:
    commit = skipped(quarantined, "tests/test_b.py")
    assert quarantined.git.changed_by(commit.commit) == ["reports/first/one.json"]
    assert "it is on its way out" in quarantined.git.text("log", "-1", "--format=%B")
    status = quarantined.workspace().status()
    (target,) = [t for b in status.phases[0].batches for t in b.targets if "_b" in t.target.path]
    assert (target.state, target.why) == (TargetState.DEFERRED, "skipped: it is on its way out")
    assert list(status.unresolved()) == []
    quarantined.next_batch()
    assert quarantined.workspace().status().phases[0].is_done


def test_a_whole_batch_can_be_skipped_before_it_ran(repo: SampleRepo) -> None:
    skipped(repo, "one")
    result = repo.next_batch()
    assert isinstance(result, Landed)
    assert result.place.name == "first/two"
    for name in ("tests/test_c.py", "one"):
        with pytest.raises(BadInput, match="was done or skipped, so there is nothing to skip"):
            skipped(repo, name)


def test_a_skip_needs_a_reason(repo: SampleRepo) -> None:
    with pytest.raises(BadInput, match="the reason is empty"):
        skipped(repo, "one", " ")


def test_retry_takes_a_skip_back_and_the_edit_was_kept(quarantined: SampleRepo) -> None:
    skipped(quarantined, "tests/test_b.py")
    assert quarantined.run("show", "--patch", "tests/test_b.py").code == 0
    quarantined.write("tests/test_b.py", PASSING)
    quarantined.commit("mended")
    (result,) = called(
        retry, quarantined.workspace(), "tests/test_b.py", HOW, ignore_events
    ).results
    assert isinstance(result, Landed)
    assert states(quarantined)["tests/test_b.py"] is TargetState.DONE


def test_a_file_that_was_taken_out_stays_so_though_it_holds_the_edit(
    quarantined: SampleRepo,
) -> None:
    patch = quarantined.run("show", "--patch", "tests/test_b.py").out
    quarantined.write("it.patch", patch)
    quarantined.git.run("apply", "it.patch")
    assert states(quarantined)["tests/test_b.py"] is TargetState.QUARANTINED
    assert adopted(quarantined, "tests/test_b.py").commit is None


def test_adopt_of_a_file_that_did_not_change_is_not_held_up_by_old_failures(tmp_path: Path) -> None:
    repo = with_conftest(tmp_path / "r")
    repo.write("tests/test_a.py", PASSING.replace("assert True", "assert False"))
    repo.commit("red before")
    repo.next_batch()
    result = adopted(repo, "tests/conftest.py")
    assert result.commit is not None
    assert [v.failed_before for v in result.verdicts if v.gate == "test"] == [
        ["tests/test_a.py::TestAlpha::test_two"]
    ]
    body = repo.git.text("log", "-1", "--format=%B")
    assert "Kept as they are:\n- tests/conftest.py" in body
    assert "Verified by 4 tests" in body


def test_adopt_commits_what_a_person_fixed(quarantined: SampleRepo, tmp_path: Path) -> None:
    mended = BREAKS.replace("gc.collect = broken", "pass")
    quarantined.write("tests/test_b.py", fixed(mended, top=tmp_path / "x"))
    result = adopted(quarantined, "tests/test_b.py")
    assert result.commit is not None
    assert quarantined.git.changed_by("HEAD") == ["reports/first/one.json", "tests/test_b.py"]
    assert states(quarantined)["tests/test_b.py"] is TargetState.DONE
    assert quarantined.git.text("log", "-1", "--format=%s").startswith(
        "memory safety by hand for b"
    )
    assert (quarantined.changes, quarantined.leftovers) == ("", [])


def test_adopt_takes_what_was_committed_already(quarantined: SampleRepo, tmp_path: Path) -> None:
    mended = BREAKS.replace("gc.collect = broken", "pass")
    quarantined.write("tests/test_b.py", fixed(mended, top=tmp_path / "x"))
    quarantined.commit("by hand")
    assert states(quarantined)["tests/test_b.py"] is TargetState.QUARANTINED
    assert adopted(quarantined, "tests/test_b.py").commit is not None
    assert quarantined.git.changed_by("HEAD") == ["reports/first/one.json"]
    assert states(quarantined)["tests/test_b.py"] is TargetState.DONE
    with pytest.raises(BadInput, match="waits for a person"):
        adopted(quarantined, "tests/test_b.py")


def test_adopt_refuses_what_the_fixer_would_change_unless_told_why(quarantined: SampleRepo) -> None:
    quarantined.write("tests/test_b.py", PASSING)
    with pytest.raises(NotClean, match="is not what the fixer asks for"):
        adopted(quarantined, "tests/test_b.py")
    assert quarantined.read("tests/test_b.py") == PASSING.replace("import gc\n", "")


def test_adopt_needs_the_same_tests_unless_told_why(
    quarantined: SampleRepo, tmp_path: Path
) -> None:
    other = fixed(PASSING, top=tmp_path / "x").replace('"g"', '"b_tests"')
    quarantined.write("tests/test_b.py", other)
    result = adopted(quarantined, "tests/test_b.py")
    assert result.commit is None
    assert {blame.what for blame in result.verdicts[-1].blames} == {
        "is lost: it was a test before the edit", "is new: it was no test before the edit",
    }  # fmt: skip
    assert (quarantined.read("tests/test_b.py"), quarantined.leftovers) == (other, [])
    assert adopted(quarantined, "tests/test_b.py", reason="written anew").commit is not None


def test_adopt_of_a_red_file_leaves_it_as_the_person_left_it(quarantined: SampleRepo) -> None:
    worse = BREAKS.replace("def test_two(self): pass", "def test_two(self): assert 0")
    quarantined.write("tests/test_b.py", worse)
    head = quarantined.head
    result = adopted(quarantined, "tests/test_b.py", reason="because")
    assert result.commit is None
    assert [b.test_id for b in result.verdicts[-1].blames] == [
        "tests/test_b.py::TestBreaks::test_two"
    ]
    assert (quarantined.head, quarantined.read("tests/test_b.py")) == (head, worse)


def with_conftest(top: Path) -> SampleRepo:
    plan = PLAN.replace(
        "          - path: tests/test_b.py\n",
        "          - path: tests/test_b.py\n          - {path: tests/conftest.py, manual: look at it}\n",
    )
    return make_repo(top, {**FILES, "tests/conftest.py": "# mine\n"}, plan=plan)


def test_a_manual_target_is_done_once_it_is_adopted(tmp_path: Path) -> None:
    repo = with_conftest(tmp_path / "r")
    repo.next_batch()
    assert states(repo)["tests/conftest.py"] is TargetState.MANUAL
    result = adopted(repo, "tests/conftest.py", reason="nothing in it holds mocks")
    assert result.commit is not None
    assert [v.count for v in result.verdicts if v.gate == "test"] == [4]
    assert states(repo)["tests/conftest.py"] is TargetState.DONE
    repo.write("tests/conftest.py", "# mine, later\n")
    assert states(repo)["tests/conftest.py"] is TargetState.EDITED


def test_a_manual_target_that_breaks_its_batch_is_not_adopted(tmp_path: Path) -> None:
    repo = with_conftest(tmp_path / "r")
    repo.next_batch()
    text = "import pytest\n@pytest.fixture(autouse=True)\ndef bad(): assert 0\n"
    repo.write("tests/conftest.py", text)
    result = adopted(repo, "tests/conftest.py")
    assert result.commit is None
    assert repo.read("tests/conftest.py") == text


def test_a_new_file_can_be_adopted_and_a_batch_adopted_before_it_ran(tmp_path: Path) -> None:
    repo = with_conftest(tmp_path / "r")
    repo.git.run("rm", "-q", "tests/conftest.py")
    repo.commit("no conftest")
    repo.write("tests/conftest.py", "# new\n")
    assert adopted(repo, "tests/conftest.py").commit is not None
    assert states(repo)["tests/test_a.py"] is TargetState.PENDING
    result = repo.next_batch()
    assert isinstance(result, Landed)
    assert [entry.done for entry in result.record.targets] == ["edited", "edited", "adopted"]


def test_undo_gives_everything_back_in_one_commit(repo: SampleRepo) -> None:
    before = repo.git.text("rev-parse", "HEAD^{tree}")
    repo.next_batch()
    result = undone(repo, "one")
    assert result.commit is not None
    assert repo.git.text("rev-parse", "HEAD^{tree}") == before
    assert set(states(repo).values()) == {TargetState.REVERTED, TargetState.PENDING}
    assert (
        repo.git.text("log", "-1", "--format=%s")
        == "Undo memory safety for Batch one (First, batch 1/2)"
    )
    body = repo.git.text("log", "-1", "--format=%b")
    assert "Verified by 4 tests of these files, none newly failing." in body
    assert (repo.changes, repo.leftovers) == ("", [])
    (again,) = called(retry, repo.workspace(), "one", HOW, ignore_events).results
    assert isinstance(again, Landed)
    assert states(repo)["tests/test_a.py"] is TargetState.DONE


def test_undo_keeps_what_was_changed_since_in_other_lines(repo: SampleRepo) -> None:
    repo.next_batch()
    repo.write("tests/test_a.py", repo.read("tests/test_a.py") + "\n\ndef test_later(): pass\n")
    repo.commit("later")
    undone(repo, "first/one")
    assert repo.read("tests/test_a.py") == PASSING + "\n\ndef test_later(): pass\n"


def test_undo_reports_a_conflict_before_it_touches_anything(repo: SampleRepo) -> None:
    repo.next_batch()
    text = repo.read("tests/test_a.py")
    repo.write("tests/test_a.py", text.replace('name="alpha_tests"', 'name="mine"'))
    head = repo.commit("another group")
    with pytest.raises(Refused, match=r"'tests/test_a.py' changed since in the very lines"):
        undone(repo, "one")
    assert (repo.head, repo.changes, repo.leftovers) == (head, "", [])


def test_undo_of_a_batch_another_one_depends_on_is_refused(tmp_path: Path) -> None:
    plan = PLAN.replace("title: Batch two", "title: Batch two\n        depends_on: [one]")
    repo = make_repo(tmp_path / "r", plan=plan)
    repo.next_batches()
    with pytest.raises(Refused, match="first/two came later and depends on first/one"):
        undone(repo, "one")
    assert undone(repo, "two").commit is not None
    assert undone(repo, "one").commit is not None


def test_undo_that_would_turn_a_test_red_is_put_back(tmp_path: Path) -> None:
    check = "import pathlib\n\n\ndef test_marked():\n    assert 'gc' in (pathlib.Path(__file__).parent / 'test_a.py').read_text()\n"
    plan = plan_with(
        ["tests/test_a.py\n            tests: [tests/test_a.py, tests/test_check.py]"],
    )
    repo = make_repo(
        tmp_path / "r",
        {"pyproject.toml": PYPROJECT, ".gitignore": "__pycache__/\n", "tests/test_a.py": PASSING},
        plan=plan,
    )
    repo.write("tests/test_check.py", "def test_marked(): pass\n")
    repo.commit("a check")
    repo.next_batch()
    repo.write("tests/test_check.py", check)
    head = repo.commit("relies on it")
    result = undone(repo, "one")
    assert result.commit is None
    assert [b.test_id for b in result.verdicts[-1].blames] == ["tests/test_check.py::test_marked"]
    assert (repo.head, repo.changes, repo.leftovers) == (head, "", [])


def test_undo_works_after_a_squash(repo: SampleRepo) -> None:
    base = repo.head
    repo.next_batches()
    repo.git.run("reset", "--quiet", "--soft", base)
    repo.commit("both batches, squashed")
    assert undone(repo, "one").commit is not None
    found = states(repo)
    assert (found["tests/test_a.py"], found["tests/test_c.py"]) == (
        TargetState.REVERTED,
        TargetState.DONE,
    )


def test_undo_takes_a_skip_back(quarantined: SampleRepo) -> None:
    skipped(quarantined, "tests/test_b.py")
    assert undone(quarantined, "one").commit is not None
    assert states(quarantined)["tests/test_b.py"] is TargetState.REVERTED


def test_undo_of_what_never_ran_is_an_error(repo: SampleRepo) -> None:
    with pytest.raises(BadInput, match="has no record"):
        undone(repo, "one")


def test_undo_takes_a_batch_back_as_a_whole(quarantined: SampleRepo) -> None:
    with pytest.raises(BadInput, match="is one file of first/one; a batch is undone as a whole"):
        undone(quarantined, "tests/test_b.py")


def test_undo_leaves_a_file_that_adopt_brought_in(tmp_path: Path) -> None:
    repo = with_conftest(tmp_path / "r")
    repo.git.run("rm", "-q", "tests/conftest.py")
    repo.commit("no conftest")
    repo.write("tests/conftest.py", "# new\n")
    adopted(repo, "tests/conftest.py")
    assert undone(repo, "one").commit is not None
    assert (repo.read("tests/conftest.py"), repo.changes) == ("# new\n", "")
    assert states(repo)["tests/conftest.py"] is TargetState.MANUAL


def test_skip_trusts_no_command_of_the_plan_and_minds_no_other_file(tmp_path: Path) -> None:
    plan = PLAN.replace(
        "phases:", "verify:\n  commands:\n    - {name: evil, run: touch ran}\nphases:", 1
    )
    repo = make_repo(tmp_path / "r", {**FILES, "README.md": "x\n"}, plan=plan)
    repo.write("README.md", "mine, unfinished\n")
    skipped(repo, "tests/test_b.py")
    with pytest.raises(Refused, match="not trusted here yet"):
        repo.next_batch()
    assert repo.changes == " M README.md"


def test_a_skip_or_retry_of_one_file_leaves_its_neighbours_drifted(quarantined: SampleRepo) -> None:
    plan = quarantined.read("migration_plan.yaml").replace("group: alpha_tests", "group: other")
    quarantined.write("migration_plan.yaml", plan)
    quarantined.commit("another group")
    assert states(quarantined)["tests/test_a.py"] is TargetState.DRIFTED
    quarantined.write("tests/test_b.py", PASSING)
    quarantined.commit("mended")
    called(retry, quarantined.workspace(), "tests/test_b.py", HOW, ignore_events)
    assert states(quarantined)["tests/test_a.py"] is TargetState.DRIFTED
    with pytest.raises(BadInput, match="was done or skipped"):
        skipped(quarantined, "tests/test_a.py")


def test_adopt_takes_in_a_file_that_could_not_be_imported_before(tmp_path: Path) -> None:
    repo = make_repo(
        tmp_path / "r",
        {
            **FILES,
            "tests/test_b.py": "import nowhere\n\n\nclass TestB:\n    def test(self): pass\n",
        },
    )
    result = repo.next_batch()
    assert isinstance(result, Landed)
    repo.write(
        "tests/test_b.py", fixed("class TestB:\n    def test(self): pass\n", top=tmp_path / "x")
    )
    assert adopted(repo, "tests/test_b.py").commit is not None


def test_adopt_of_a_module_no_test_looks_at_needs_a_reason(tmp_path: Path) -> None:
    plan = plan_with(["tests/conftest.py\n            manual: look at it"])
    repo = make_repo(
        tmp_path / "r", {"pyproject.toml": PYPROJECT, "tests/conftest.py": "# mine\n"}, plan=plan
    )
    with pytest.raises(NotClean, match=r"no test looks at 'tests/conftest\.py'"):
        adopted(repo, "tests/conftest.py")
    assert adopted(repo, "tests/conftest.py", reason="it holds no mocks").commit is not None


def test_adopt_refuses_what_is_half_staged_or_ignored(quarantined: SampleRepo) -> None:
    quarantined.write("tests/test_b.py", "# staged\n")
    quarantined.git.run("add", "tests/test_b.py")
    quarantined.write("tests/test_b.py", "# not staged\n")
    with pytest.raises(Refused, match=r"what is staged of 'tests/test_b\.py' is not what"):
        adopted(quarantined, "tests/test_b.py", reason="x")
    assert quarantined.git.text("show", ":tests/test_b.py") == "# staged"
