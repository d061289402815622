"""The story of `next-batch` on real repositories, with real git and real pytest."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from support import FILES, PASSING, PLAN, PYPROJECT, SampleRepo, make_repo, plan_with

from orchestrator.base.outcomes import GateResult
from orchestrator.commit.transaction import CommitRefused
from orchestrator.engine.context.events import Event, Notice
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.next_batch import next_batch
from orchestrator.engine.results import Landed, NothingToDo, Stopped
from orchestrator.engine.select_batch import BatchSelector
from orchestrator.errors import BadInput, ChangedMeanwhile, Exit, Refused
from orchestrator.records.record import read_record

FAILS_AFTER = """\
import gc


class TestAlpha:
    def test_one(self, monkeypatch):
        def broken(): raise RuntimeError("the collector is out of order")
        gc.collect = broken

    def test_two(self): pass
"""
"""Passes as it is; once a teardown collects garbage it fails."""


def test_a_batch_lands_as_one_commit_of_its_files_and_its_record(repo: SampleRepo) -> None:
    base = repo.head
    result = repo.next_batch()
    assert isinstance(result, Landed)
    assert repo.git.parents("HEAD") == [base]
    assert repo.git.changed_by("HEAD") == [
        "reports/first/one.json", "tests/test_a.py", "tests/test_b.py",
    ]  # fmt: skip
    assert '@pytest.mark.xdist_group(name="alpha_tests")' in repo.read("tests/test_a.py")
    assert '@pytest.mark.xdist_group(name="b_tests")' in repo.read("tests/test_b.py")
    assert repo.read("tests/test_c.py") == FILES["tests/test_c.py"]
    assert (repo.changes, repo.leftovers) == ("", [])
    assert result.next is not None
    assert result.next.name == "first/two"
    repo.git.run("fsck", "--strict")


def test_the_message_tells_what_was_really_done(repo: SampleRepo) -> None:
    repo.next_batch()
    message = repo.git.text("log", "-1", "--format=%B")
    assert message.splitlines()[0] == "memory safety for a and b (First, batch 1/2)"
    assert "- tests/test_a.py: 1 class, 1 mark, 1 teardown, 2 imports" in message
    assert "In all: 2 classes, 2 marks, 2 teardowns, 4 imports." in message
    assert "Verified by 4 tests" in message
    assert message.rstrip().endswith("Migration: sample first/one")


def test_the_record_holds_what_the_commit_holds(repo: SampleRepo) -> None:
    result = repo.next_batch()
    assert isinstance(result, Landed)
    workspace = repo.workspace()
    record = read_record(workspace.tree, workspace.plan, next(workspace.plan.places()))
    assert record == result.record
    blobs = {t.path: t.after for t in record.targets}
    tree = repo.git.staged_blobs(sorted(blobs))
    assert blobs == tree
    assert [(g.gate, g.count) for g in record.gates] == [
        ("compile", 2),
        ("collect", 4),
        ("test", 4),
    ]


def test_the_same_batch_gives_the_same_bytes_on_another_day_and_machine(tmp_path: Path) -> None:
    records = []
    for name in ("one", "two"):
        repo = make_repo(tmp_path / name)
        repo.next_batch()
        records.append(repo.read("reports/first/one.json"))
    assert records[0] == records[1]
    assert str(tmp_path) not in records[0]


def test_batch_after_batch_until_nothing_is_left(repo: SampleRepo) -> None:
    assert isinstance(repo.next_batch(), Landed)
    assert isinstance(repo.next_batch(), Landed)
    head = repo.head
    assert isinstance(repo.next_batch(), NothingToDo)
    assert repo.head == head


def test_a_red_test_puts_everything_back_where_the_plan_says_stop(tmp_path: Path) -> None:
    plan = PLAN.replace("phases:", "verify: {on_failure: stop}\nphases:")
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_b.py": FAILS_AFTER}, plan=plan)
    head = repo.head
    result = repo.next_batch()
    assert isinstance(result, Stopped)
    red = result.found.verdicts[-1]
    assert red.kind is GateResult.RED
    assert {blame.path for blame in red.blames} == {"tests/test_b.py"}
    assert "the collector is out of order" in red.blames[0].text
    assert (repo.head, repo.changes, repo.leftovers) == (head, "", [])
    assert repo.read("tests/test_a.py") == PASSING


def test_a_test_that_failed_before_is_excused_when_the_plan_names_it(tmp_path: Path) -> None:
    failing = PASSING.replace("assert True", "assert False")
    plan = PLAN.replace("phases:", "verify:\n  known_failures: [tests/test_a.py]\nphases:")
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_a.py": failing}, plan=plan)
    result = repo.next_batch()
    assert isinstance(result, Landed)
    assert result.record.gates[-1].known_failures == ("tests/test_a.py::TestAlpha::test_two",)
    assert "1 failed before:\n- tests/test_a.py::TestAlpha::test_two" in repo.git.text(
        "log", "-1", "--format=%B"
    )


def test_fault_65_files_that_have_it_all_are_recorded(repo: SampleRepo) -> None:
    repo.next_batch()
    repo.git.run("rm", "-q", "reports/first/one.json")
    repo.commit("lose the record")
    result = repo.next_batch()
    assert isinstance(result, Landed)
    assert repo.git.changed_by("HEAD") == ["reports/first/one.json"]
    assert "needs no change" in result.commit.subject


def test_a_refused_file_does_not_stop_the_others(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_a.py": "class TestA(\n"})
    result = repo.next_batch()
    assert isinstance(result, Landed)
    assert [t.done for t in result.record.targets] == ["refused", "edited"]
    assert "not valid Python" in str(result.record.targets[0].reason)
    assert "refused: line 1: it is not valid Python" in repo.git.text("log", "-1", "--format=%B")


def test_when_every_file_is_refused_only_that_is_recorded(tmp_path: Path) -> None:
    broken = {"tests/test_a.py": "class TestA(\n", "tests/test_b.py": "print 'x'\n"}
    repo = make_repo(tmp_path / "r", {**FILES, **broken})
    result = repo.next_batch()
    assert isinstance(result, Landed)
    assert result.exit_code is Exit.RED
    assert repo.git.changed_by("HEAD") == ["reports/first/one.json"]
    assert (repo.changes, repo.leftovers) == ("", [])
    assert result.next is not None
    assert result.next.name == "first/two"


def test_a_manual_target_is_left_alone_and_recorded(tmp_path: Path) -> None:
    plan = PLAN.replace(
        "path: tests/test_b.py", "path: tests/conftest.py\n            manual: look"
    )
    repo = make_repo(tmp_path / "r", {**FILES, "tests/conftest.py": "# mine\n"}, plan=plan)
    result = repo.next_batch()
    assert isinstance(result, Landed)
    assert [t.done for t in result.record.targets] == ["edited", "manual"]
    assert repo.read("tests/conftest.py") == "# mine\n"


def test_a_phase_or_batch_can_be_named(repo: SampleRepo) -> None:
    result = repo.next_batch(batch="two")
    assert isinstance(result, Landed)
    assert result.place.name == "first/two"
    result = repo.next_batch(phase="first")
    assert isinstance(result, Landed)
    assert result.place.name == "first/one"
    assert isinstance(repo.next_batch(batch="first/one"), NothingToDo)
    with pytest.raises(BadInput, match=r"no batch is called 'tow'; did you mean 'two'\?"):
        repo.next_batch(batch="tow")


def test_dependencies_and_deferred_phases_are_honoured(tmp_path: Path) -> None:
    plan = PLAN.replace("title: Batch one", "title: Batch one\n        depends_on: [two]")
    repo = make_repo(tmp_path / "a", plan=plan)
    with pytest.raises(BadInput, match="first/one has to wait: it depends on two"):
        repo.next_batch(batch="one")
    result = repo.next_batch()
    assert isinstance(result, Landed)
    assert result.place.name == "first/two"
    deferred = PLAN.replace(
        "priority: high", "priority: high\n    state: deferred\n    reason: later"
    )
    repo = make_repo(tmp_path / "b", plan=deferred)
    assert isinstance(repo.next_batch(), NothingToDo)
    assert isinstance(repo.next_batch(phase="first"), Landed)


def test_hooks_run_and_one_that_fails_puts_everything_back(repo: SampleRepo) -> None:
    add_hook(repo, "echo 'the hook says no' >&2\nexit 1")
    head = repo.head
    with pytest.raises(CommitRefused, match="the hook says no"):
        repo.next_batch()
    assert (repo.head, repo.changes, repo.leftovers) == (head, "", [])
    (repo.top / ".git/hooks/pre-commit").unlink()
    assert isinstance(repo.next_batch(), Landed)


def test_a_hook_that_rewrites_a_file_and_fails_loses_nothing(repo: SampleRepo) -> None:
    add_hook(repo, "echo '# reformatted' >> tests/test_a.py\nexit 1")
    with pytest.raises(CommitRefused):
        repo.next_batch()
    assert repo.changes == ""
    rescued = list((repo.top / ".git/orchestrate/rescue").rglob("test_a.py"))
    assert rescued[0].read_text().endswith("# reformatted\n")


def add_hook(repo: SampleRepo, script: str) -> None:
    hook = repo.top / ".git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\n{script}\n")
    hook.chmod(0o755)


@pytest.mark.parametrize(
    "script",
    [
        pytest.param("echo x = 2 > other.py; git add other.py", id="another file"),
        pytest.param(
            "echo '# late' >> tests/test_a.py; git add tests/test_a.py", id="fault-94 a target"
        ),
    ],
)
def test_a_commit_that_a_hook_changed_is_taken_back(script: str, repo: SampleRepo) -> None:
    head = repo.head
    add_hook(repo, script)
    with pytest.raises(CommitRefused, match="a hook changed the commit after it was judged"):
        repo.next_batch()
    assert repo.head == head
    assert repo.git.staged() == []
    assert repo.read("tests/test_a.py") == PASSING
    assert repo.changes in {"", "?? other.py"}


def test_a_hook_sees_the_files_its_own_patterns_ask_for(repo: SampleRepo) -> None:
    add_hook(repo, "git diff --cached --name-only -- '*.py' > .git/seen")
    repo.next_batch()
    assert (repo.top / ".git/seen").read_text().split() == ["tests/test_a.py", "tests/test_b.py"]


def test_a_silent_hook_that_rewrites_is_told_with_the_place_of_its_work(repo: SampleRepo) -> None:
    add_hook(repo, "date +%N >> tests/test_a.py; exit 1")
    for _ in range(2):
        with pytest.raises(
            CommitRefused, match=r"\(it printed nothing\)\nwhat it had written is in .*rescue"
        ):
            repo.next_batch()
    rescued = list((repo.top / ".git/orchestrate/rescue").rglob("test_a.py"))
    assert len(rescued) == 2


def test_hash_lines_and_quotes_survive_in_the_message(tmp_path: Path) -> None:
    plan = PLAN.replace("title: memory safety", 'title: "#1 \\"safety\\""')
    repo = make_repo(tmp_path / "r", plan=plan)
    repo.next_batch()
    assert repo.git.text("log", "-1", "--format=%s").startswith('#1 "safety" for a and b')


def test_executable_bits_and_line_ends_are_kept(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r")
    file = repo.top / "tests/test_a.py"
    file.write_bytes(PASSING.replace("\n", "\r\n").encode())
    file.chmod(0o755)
    repo.commit("carriage returns")
    assert isinstance(repo.next_batch(), Landed)
    assert file.stat().st_mode & 0o777 == 0o755
    data = file.read_bytes()
    assert data.count(b"\n") == data.count(b"\r\n")


def test_it_works_from_a_folder_below_the_top(
    repo: SampleRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator.engine.context.workspace import open_workspace

    monkeypatch.chdir(repo.top / "tests")
    workspace = open_workspace(None)
    assert workspace.top == repo.top.resolve()


ODD_NAMES = [
    "tests/test_-x y.py",
    "tests/test_ü😀.py",
    "-x/test_it.py",
    "@x/test_it.py",
    "tests/test_*.py",
]


@pytest.mark.parametrize("name", [pytest.param(n, id=f"fault-54 {n}") for n in ODD_NAMES])
def test_odd_names_work(name: str, tmp_path: Path) -> None:
    import json

    repo = make_repo(
        tmp_path / "r",
        {"pyproject.toml": PYPROJECT, name: PASSING},
        plan=plan_with([json.dumps(name, ensure_ascii=False)]),
    )
    result = repo.next_batch()
    assert isinstance(result, Landed), result
    assert [t.done for t in result.record.targets] == ["edited"]


def stage_another_file(repo: SampleRepo) -> None:
    repo.write("other.py", "x = 1\n")
    repo.git.run("add", "other.py")


def ignore_the_records(repo: SampleRepo) -> None:
    repo.write(".gitignore", "reports/\n")
    repo.commit()


def make_the_target_a_link(repo: SampleRepo) -> None:
    target = repo.top / "tests/test_a.py"
    target.rename(repo.top / "tests/real.py")
    target.symlink_to("real.py")
    repo.commit()


def untrack_the_target(repo: SampleRepo) -> None:
    repo.git.run("rm", "-q", "--cached", "tests/test_a.py")
    repo.git.run("commit", "-qm", "untrack")


def marker(name: str) -> Callable[[SampleRepo], object]:
    return lambda repo: (repo.top / ".git" / name).write_text(repo.head)


def git(*command: str) -> Callable[[SampleRepo], object]:
    return lambda repo: repo.git.run(*command)


REFUSALS: dict[str, tuple[Callable[[SampleRepo], object], str]] = {
    "fault-31 no repository": (lambda r: (r.top / ".git").rename(r.top / "x"), "not in a git work tree"),
    "fault-34 detached": (git("checkout", "-q", "--detach"), "HEAD is detached"),
    "fault-35 merge": (marker("MERGE_HEAD"), "a merge is in progress"),
    "fault-36 rebase": (marker("rebase-merge"), "a rebase is in progress"),
    "fault-37 cherry-pick": (marker("CHERRY_PICK_HEAD"), "a cherry-pick is in progress"),
    "fault-38 revert": (marker("REVERT_HEAD"), "a revert is in progress"),
    "fault-39 bisect": (marker("BISECT_LOG"), "a bisect is in progress"),
    "fault-40 modified target": (lambda r: r.write("tests/test_a.py", "x = 1\n"), "uncommitted changes"),
    "fault-41 foreign staged file": (stage_another_file, "you have staged changes"),
    "fault-43 assume-unchanged": (
        git("update-index", "--assume-unchanged", "tests/test_a.py"), "not to look at"),
    "fault-43 skip-worktree": (git("update-index", "--skip-worktree", "tests/test_a.py"), "not to look at"),
    "fault-44 a file where the record goes": (
        lambda r: r.write("reports/first/one.json", "mine"), "is in the way"),
    "fault-45 records ignored": (ignore_the_records, "the records' folder is ignored"),
    "fault-24 symbolic link": (make_the_target_a_link, "is a symbolic link"),
    "untracked target": (untrack_the_target, "git does not know"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_could_lose_work_is_refused(name: str, repo: SampleRepo) -> None:
    spoil, message = REFUSALS[name]
    spoil(repo)
    before = {
        p: p.read_bytes()
        for p in sorted(repo.top.rglob("*"))
        if p.is_file() and ".git/" not in str(p)
    }
    with pytest.raises(Refused, match=message):
        repo.next_batch()
    after = {
        p: p.read_bytes()
        for p in sorted(repo.top.rglob("*"))
        if p.is_file() and ".git/" not in str(p)
    }
    assert before == after


def test_fault_33_an_unborn_branch_is_refused(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "r")
    repo.git.run("update-ref", "-d", "HEAD")
    with pytest.raises(Refused, match="nothing was committed here yet"):
        repo.next_batch()


def test_fault_47_a_git_variable_that_points_elsewhere_is_refused(
    repo: SampleRepo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_INDEX_FILE", "/elsewhere")
    with pytest.raises(Refused, match="GIT_INDEX_FILE is set"):
        repo.next_batch()


def test_fault_48_another_git_command_at_work(repo: SampleRepo) -> None:
    (repo.top / ".git/index.lock").touch()
    with pytest.raises(ChangedMeanwhile, match=r"index\.lock"):
        repo.next_batch()


@pytest.mark.parametrize("held_s", [0.3, 1.5])
def test_fault_48_a_git_that_ends_soon_is_waited_for(held_s: float, repo: SampleRepo) -> None:
    """An editor, or a prompt, looks at the status."""
    lock = repo.top / ".git/index.lock"
    lock.touch()
    timer = threading.Timer(held_s, lock.unlink)
    timer.start()
    said: list[str] = []

    def tell(event: Event) -> None:
        if isinstance(event, Notice):
            said.append(event.what)

    result = next_batch(repo.workspace(), BatchSelector(), RunOptions(sys.executable), tell)
    timer.join()
    assert isinstance(result, Landed)
    assert any("another git holds the index" in what for what in said)


def test_fault_48_a_lock_in_the_middle_of_a_series_is_waited_for(repo: SampleRepo) -> None:
    hook = repo.top / ".git/hooks/post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(
        "#!/bin/sh\ntouch .git/index.lock; (sleep 1; rm -f .git/index.lock) > /dev/null 2>&1 &\n"
    )
    hook.chmod(0o755)
    ended = repo.run("next-batch", "--all", "--python", sys.executable)
    assert ended.code == 0, ended.err
    assert "2 batches landed" in ended.err


def test_a_series_that_ends_with_an_error_first_says_what_landed(repo: SampleRepo) -> None:
    hook = repo.top / ".git/hooks/post-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\ntouch .git/index.lock\n")
    hook.chmod(0o755)
    ended = repo.run("next-batch", "--all", "--python", sys.executable)
    assert ended.code == 6, ended.err
    assert "1 batch landed before the run ended" in ended.err
    assert "batch 1/2" in ended.out
    assert ended.err.index("1 batch landed") < ended.err.index("error:")


def test_fault_19_a_target_that_does_not_exist_is_an_error_of_the_plan(repo: SampleRepo) -> None:
    repo.git.run("rm", "-q", "tests/test_a.py")
    repo.commit("remove it")
    first = repo.next_batch()
    assert isinstance(first, Landed)
    assert [entry.path for entry in first.record.targets] == ["tests/test_b.py"]
    assert isinstance(repo.next_batch(), Landed)  # it does not stop the others
    with pytest.raises(BadInput, match=r"files that do not exist: 'tests/test_a\.py'"):
        repo.next_batch()
    assert repo.run("skip", "tests/test_a.py", "--reason", "moved away").code == 0
    assert isinstance(repo.next_batch(), NothingToDo)


def test_fault_51_no_identity_cannot_commit(repo: SampleRepo) -> None:
    from orchestrator.errors import CannotJudge

    repo.git.run("config", "--unset", "user.name")
    repo.git.run("config", "--unset", "user.email")
    repo.git.run("config", "user.useConfigOnly", "true")
    with pytest.raises(CannotJudge, match="no name and address"):
        repo.next_batch()


def test_fault_101_an_edit_of_the_user_during_the_run_is_kept(tmp_path: Path) -> None:
    """A shell that the tests start edits a target, as a person in another window would."""
    text = "import os\n\n\nclass TestAlpha:\n    def test(self):\n        os.system(f\"printf '# mine' > {__file__}\")\n"
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_a.py": text})
    with pytest.raises(ChangedMeanwhile, match=r"somebody changed 'tests/test_a\.py'"):
        repo.next_batch()
    assert repo.read("tests/test_a.py") == "# mine"
    assert (repo.changes, repo.leftovers) == (" M tests/test_a.py", [])
