"""What the project's own code does to the repository while it is judged is found out and undone."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from support import FILES, SampleRepo, fixer_plan, make_repo, plan_with

TEST = "from unittest.mock import Mock\nimport os, pathlib, subprocess\n\n\nclass TestAlpha:\n    def test_it(self):\n"
NOTES = "what the user keeps here\n"


def repo_whose_test(does: str, tmp_path: Path, *, verify: str = "") -> SampleRepo:
    files = {**FILES, "notes.txt": NOTES, "tests/test_a.py": f"{TEST}        {does}\n"}
    plan = plan_with(["tests/test_a.py", "tests/test_b.py"], verify=verify)
    return make_repo(tmp_path / "repo", files, plan=plan)


def next_batch(repo: SampleRepo, *options: str) -> tuple[int, str]:
    ended = repo.run("next-batch", "--python", sys.executable, *options)
    return ended.code, ended.err


WAYS: list[tuple[str, ...]] = [(), ("--isolated",), ("--all", "--jobs", "2")]
in_every_way = pytest.mark.parametrize("how", WAYS, ids=" ".join)
"""In the user's work tree, in one of ours, and beside others."""

WRITES = {
    "fault-87 overwrites": "pathlib.Path('notes.txt').write_text('by a test')",
    "fault-87 appends": "open('notes.txt', 'a').write('x')",
    "fault-87 removes": "os.remove('notes.txt')",
    "fault-87 renames": "os.rename('notes.txt', 'other.txt')",
    "fault-87 replaces": "open('n', 'w').close() or os.replace('n', 'notes.txt')",
    "fault-87 truncates": "os.truncate('notes.txt', 1)",
}


@pytest.mark.parametrize("name", WRITES)
def test_a_test_that_writes_to_a_tracked_file_is_red_and_undone(name: str, tmp_path: Path) -> None:
    repo = repo_whose_test(WRITES[name], tmp_path)
    head = repo.head
    code, said = next_batch(repo)
    assert code == 1, said
    assert "tests/test_a.py::TestAlpha::test_it wrote to 'notes.txt'" in said
    assert "`verify: writes:`" in said
    assert repo.read("notes.txt") == NOTES
    assert repo.head == head
    assert [line for line in repo.changes.splitlines() if line[:2] != "??"] == []


def test_fault_87_in_a_worker_as_well(tmp_path: Path) -> None:
    repo = repo_whose_test(WRITES["fault-87 appends"], tmp_path, verify="  workers: 2")
    code, said = next_batch(repo)
    assert (code, repo.read("notes.txt")) == (1, NOTES), said


def test_fault_87_in_a_work_tree_of_ours_what_was_written_outlives_it(tmp_path: Path) -> None:
    repo = repo_whose_test(WRITES["fault-87 appends"], tmp_path)
    code, said = next_batch(repo, "--isolated")
    assert (code, repo.read("notes.txt")) == (1, NOTES), said
    copy = re.search(r"what it wrote is in (\S+/notes\.txt)", said)
    assert copy, said
    assert Path(copy[1]).read_text() == f"{NOTES}x"


@in_every_way
def test_fault_87_a_test_that_writes_to_its_own_file_is_undone(
    how: tuple[str, ...], tmp_path: Path
) -> None:
    repo = repo_whose_test("pathlib.Path(__file__).write_text('gone')", tmp_path)
    code, said = next_batch(repo, *how)
    assert code == 1, said
    assert "wrote to files of the batch" in said
    assert repo.changes == ""


def test_fault_87_what_the_user_had_not_committed_is_put_back_as_well(tmp_path: Path) -> None:
    repo = repo_whose_test("subprocess and open('notes.txt', 'w').close()", tmp_path)
    repo.write("notes.txt", "not committed yet\n")
    assert next_batch(repo)[0] == 1
    assert repo.read("notes.txt") == "not committed yet\n"
    assert repo.changes == " M notes.txt"
    assert repo.git.text("for-each-ref", "refs/worktree") == ""


@in_every_way
def test_fault_87_a_plan_may_let_tests_write(how: tuple[str, ...], tmp_path: Path) -> None:
    repo = repo_whose_test(WRITES["fault-87 appends"], tmp_path, verify="  writes: ['*.txt']")
    code, said = next_batch(repo, *how)
    assert code == 0, said
    assert "wrote to 'notes.txt', restored since" in said
    assert repo.changes == ""


@in_every_way
def test_fault_87_a_command_that_writes_is_red_and_undone(
    how: tuple[str, ...], tmp_path: Path
) -> None:
    command = "  commands:\n    - {name: format, run: sh -c 'echo x >> notes.txt'}"
    repo = make_repo(
        tmp_path / "repo", {**FILES, "notes.txt": NOTES},
        plan=plan_with(["tests/test_a.py"], verify=f"  gates: [compile]\n{command}"),
    )  # fmt: skip
    code, said = next_batch(repo, "--trust", *how)
    assert code == 1, said
    assert "format wrote to 'notes.txt'" in said
    assert repo.changes == ""


def test_what_a_person_writes_meanwhile_stays(tmp_path: Path) -> None:
    """A shell that the tests start stands for the person in another window."""
    repo = repo_whose_test("os.system('echo mine >> notes.txt')", tmp_path)
    code, said = next_batch(repo)
    assert code == 0, said
    assert repo.read("notes.txt") == f"{NOTES}mine\n"


GIT = {
    "fault-88 commits": ("git commit -q --allow-empty -m theirs", "main moved during the run"),
    "fault-88 configures": ("git config user.name Somebody", "git was configured during the run: user.name"),
    "fault-88 adds a hook": ("mkdir -p .git/hooks; echo exit 1 > .git/hooks/pre-commit", "hooks were changed"),
    "fault-100 stages": ("git add other.py", "somebody staged 'other.py' during the run"),
    "fault-99 commits beside": ("git commit -q other.py -m theirs", "main moved during the run"),
}  # fmt: skip


@pytest.mark.parametrize("name", GIT)
def test_what_is_done_with_git_meanwhile_stays_and_ends_the_run(name: str, tmp_path: Path) -> None:
    line, message = GIT[name]
    once = f"os.path.exists('.git/once') or os.system('touch .git/once; {line}')"
    repo = repo_whose_test(once, tmp_path)
    repo.write("other.py", "x = 1\n")
    repo.commit("another file")
    repo.write("other.py", "x = 2\n")
    base = repo.head
    code, said = next_batch(repo)
    assert code == 6, said
    assert message in said
    assert "next: " in said
    assert repo.read("tests/test_a.py").startswith(TEST)
    assert repo.read("other.py") == "x = 2\n"
    if "commits" in name:
        assert repo.git.text("log", "-1", "--format=%s") == "theirs"
        assert repo.git.parents("HEAD") == [base]


APART = {
    "fault-88 commits": (
        "git commit -q --allow-empty -m theirs",
        "something ran git checkout or git",
    ),
    "fault-88 configures": GIT["fault-88 configures"],
    "fault-88 adds a hook": (
        "h=$(git rev-parse --git-path hooks); mkdir -p $h; echo exit 1 > $h/pre-commit",
        "hooks were changed",
    ),
    "fault-100 stages": ("git add other.py", "somebody staged 'other.py'"),
    "fault-102 switches": ("git switch -q -c other", "something ran git checkout or git"),
}


@pytest.mark.parametrize("how", WAYS[1:], ids=" ".join)
@pytest.mark.parametrize("name", APART)
def test_what_tests_do_with_git_in_a_work_tree_of_ours_does_not_land(
    name: str, how: tuple[str, ...], tmp_path: Path
) -> None:
    line, message = APART[name]
    repo = repo_whose_test(f"os.system('echo x = 2 > other.py; {line}')", tmp_path)
    repo.write("other.py", "x = 1\n")
    base = repo.commit("another file")
    code, said = next_batch(repo, *how)
    assert code == 6, said
    assert message in said
    assert "next: " in said
    assert (repo.head, repo.changes) == (base, "")
    assert "theirs" not in repo.git.text("log", "--format=%s")
    assert len(repo.git.text("worktree", "list").splitlines()) == 1


@pytest.mark.parametrize(
    "away", ["switch -q -c other", "symbolic-ref HEAD refs/heads/other"], ids=["new", "unborn"]
)
def test_fault_102_another_branch_meanwhile_needs_a_decision(away: str, tmp_path: Path) -> None:
    once = f"os.path.exists('.git/once') or os.system('touch .git/once; git {away}')"
    repo = repo_whose_test(once, tmp_path)
    base = repo.head
    code, said = next_batch(repo)
    assert code == 5, said
    assert "another branch was checked out during the run: other" in said
    assert "next: git switch main && orchestrate next-batch" in said
    repo.git.run("symbolic-ref", "HEAD", "refs/heads/main")
    assert (repo.head, repo.changes) == (base, "")
    assert next_batch(repo)[0] == 0


def test_fault_102_another_branch_after_a_crash_needs_a_decision(repo: SampleRepo) -> None:
    env = {"ORCHESTRATE_STOP_AT": "written:SIGKILL"}
    repo.run("next-batch", "--python", sys.executable, env=env)
    repo.git.run("switch", "--quiet", "--create", "other")
    for command in (["recover"], ["next-batch"]):
        ended = repo.run(*command)
        assert ended.code == 5
        assert "was interrupted on main, and other is checked out now" in ended.err
        assert "next: git switch main && orchestrate recover" in ended.err
    repo.git.run("switch", "--quiet", "main")
    assert repo.run("recover").code == 0
    assert (repo.changes, repo.leftovers) == ("", [])


def test_fault_80_a_fixture_that_ends_the_session_takes_no_file_out(tmp_path: Path) -> None:
    ends = "import pytest\n\n\n@pytest.fixture(autouse=True, scope='session')\ndef ends():\n    pytest.exit('no database')\n"
    repo = make_repo(tmp_path / "repo", {**FILES, "tests/conftest.py": ends})
    code, said = next_batch(repo)
    assert code == 4, said
    assert "no database" in said
    assert (repo.changes, (repo.top / "reports").exists()) == ("", False)


@pytest.mark.parametrize("workers", [0, 2])
def test_fault_90_a_package_that_is_installed_from_another_worktree(
    workers: int, tmp_path: Path
) -> None:
    """The tests are green, and never saw the edit."""
    other = tmp_path / "other/src/pkg"
    other.mkdir(parents=True)
    (other / "helper.py").write_text("HELP = 1\n")
    files = {
        "tool.py": "import sys\nfor path in sys.argv[1:]: open(path, 'w').write('HELP = 2\\n')\n",
        "src/pkg/helper.py": "HELP = 1\n",
        "tests/test_a.py": "from pkg.helper import HELP\n\n\ndef test_it(): assert HELP\n",
        ".gitignore": "__pycache__/\n",
    }
    plan = fixer_plan(
        ["src/pkg/helper.py"],
        fixer='fixer: command\noptions: {run: "{python} tool.py {files}"}',
        verify=f"workers: {workers}\ntests: {{'src/*': [tests/test_a.py]}}",
    )
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    env = {"PYTHONPATH": str(other.parent)}
    ended = repo.run("next-batch", "--trust", "--python", sys.executable, env=env)
    assert ended.code == 4, ended.err
    assert f"the tests import 'src/pkg/helper.py' from {other}/helper.py" in ended.err
    assert repo.changes == ""
