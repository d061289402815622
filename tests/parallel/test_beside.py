"""Batches beside each other: the same commits as one after the other, whatever happens to whom."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from several import COUNT, PYTHON, assert_nothing_left, several, told
from support import FILES, SampleRepo, fixer_plan, make_repo


def beside(repo: SampleRepo, jobs: str = "2", *more: str) -> tuple[int, str]:
    ran = repo.run("next-batch", "--all", "--jobs", jobs, *PYTHON, *more)
    return ran.code, ran.out + ran.err


@pytest.mark.parametrize(("jobs", "depends"), [("1", False), ("2", True), ("auto", False)])
def test_commits_and_records_are_those_of_one_after_the_other(
    tmp_path: Path, jobs: str, depends: bool
) -> None:
    files, plan = several(depends=depends)
    files["tests/test_x2.py"] += "\n\ndef test_red(): assert False\n"
    files["tests/test_x3.py"] = "def test_without_a_class(): pass\n"
    one, many = (make_repo(tmp_path / name, files, plan=plan) for name in ("one", "many"))
    alone = one.run("next-batch", "--all", *PYTHON)
    code, said = beside(many, jobs)
    assert (code, told(many)) == (alone.code, told(one)), said
    assert_nothing_left(many)
    lines = [line for line in alone.out.splitlines() if line[:1].isalnum()]
    assert [line.partition(" ")[2] for line in said.splitlines()[: len(lines)]] == [
        line.partition(" ")[2] for line in lines
    ]


def test_a_fixer_that_looks_around_is_asked_again_on_what_landed(tmp_path: Path) -> None:
    """The guidelines say how many files have the mark: as many as had landed before them."""
    files, plan = several(gates="verify: {gates: [compile]}\n")
    plan += (
        "  - id: guard\n    title: prevention\n    priority: prevention\n    fixer: guard\n"
        "    batches:\n      - id: guidelines\n        title: guidelines\n"
        "        targets: [{path: tests/MEMORY_SAFETY_GUIDELINES.md, new: true}]\n"
    )
    one, many = (make_repo(tmp_path / name, files, plan=plan) for name in ("one", "many"))
    assert one.run("next-batch", "--all", *PYTHON).code == 0
    code, said = beside(many, str(COUNT + 1))
    assert code == 0, said
    assert told(many) == told(one)
    assert f"{COUNT} files had the group mark" in many.read("tests/MEMORY_SAFETY_GUIDELINES.md")


def test_a_limit_is_kept_to(tmp_path: Path) -> None:
    files, plan = several(gates="verify: {gates: [compile]}\n")
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    ran = repo.run("next-batch", "--limit", "3", "--jobs", "2", *PYTHON)
    assert ran.code == 0
    assert len(repo.git.text("log", "--format=%s").splitlines()) == 4


def test_what_one_process_learned_of_the_packages_holds_for_all(tmp_path: Path) -> None:
    files, plan = several()
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    for how in (("--limit", "4", "--jobs", "2"), ("--isolated",), ()):
        assert repo.run("next-batch", *how, *PYTHON).code == 0
    assert len(list(Path(os.environ["XDG_CACHE_HOME"]).rglob("imports-*.json"))) == 1


def test_no_more_work_trees_are_made_than_there_are_batches(tmp_path: Path) -> None:
    made = tmp_path / "made"
    setup = f"worktree: {{setup: [\"sh -c 'echo >> {made}'\"]}}\n"
    files, plan = several(gates=f"verify: {{gates: [compile]}}\n{setup}")
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    assert repo.run("next-batch", "--limit", "2", "--jobs", "4", "--trust", *PYTHON).code == 0
    first = len(made.read_text())
    assert repo.run("next-batch", "--all", "--jobs", "4", *PYTHON).code == 0
    assert (first, len(made.read_text()) - first) == (3, 4)  # one is where they land


SUM = "from b import b\nfrom a import a\n\n\nclass TestSum:\n    def test_sum(self):\n        assert a + b < 4\n"
RAISE = 'fixer: command\noptions: {run: ["sed -i s/1/2/ {files}"]}'


def bad_together(verify: str) -> tuple[dict[str, str], str]:
    """Two batches that are good alone: a and b may not both be 2."""
    files = {**FILES, "a.py": "a = 1\n", "b.py": "b = 1\n", "tests/test_sum.py": SUM}
    files["pyproject.toml"] += 'pythonpath = ["."]\n'
    plan = fixer_plan(["a.py"], fixer=RAISE, verify=verify)
    second = plan.partition("      - id: one")[2].replace("a.py", "b.py")
    return files, f"{plan}      - id: two{second}"


TESTS = (
    "tests: {a.py: [tests/test_sum.py], b.py: [tests/test_sum.py]}\nallow: [{test: '*', reason: x}]"
)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_fault_121_two_batches_good_alone_and_bad_together(tmp_path: Path, jobs: str) -> None:
    files, plan = bad_together(f"{TESTS}\non_failure: stop")
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    code, said = beside(repo, jobs, "--trust")
    assert code == 1, said
    assert (repo.read("a.py"), repo.read("b.py")) == ("a = 2\n", "b = 1\n")
    assert len(repo.git.text("log", "--format=%s").splitlines()) == 2
    if jobs == "2":
        assert "only/two is judged again, beside what landed: its tests read a.py" in said
    assert_nothing_left(repo)


def test_fault_121_only_the_earlier_batch_has_the_test_that_breaks(tmp_path: Path) -> None:
    """Alone the later one would have no test at all; the earlier one's is not forgotten."""
    verify = TESTS.replace("b.py: [tests/test_sum.py]", "b.py: [tests/test_a.py]")
    files, plan = bad_together(verify)
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    code, said = beside(repo, "2", "--trust")
    assert code == 1, said
    assert (repo.read("a.py"), repo.read("b.py")) == ("a = 2\n", "b = 1\n")
    assert (
        "only/two is judged again, beside what landed: the tests of a.py read what it changes"
        in said
    )


def test_where_tests_read_all_files_nothing_is_judged_ahead_for_long(tmp_path: Path) -> None:
    files, plan = several()
    files["tests/conftest.py"] = (
        "from pathlib import Path\n\n\ndef pytest_collection_finish():\n"
        "    for file in sorted(Path('tests').glob('test_*.py')):\n        file.read_text()\n"
    )
    one, many = (make_repo(tmp_path / name, files, plan=plan) for name in ("one", "many"))
    assert one.run("next-batch", "--all", *PYTHON).code == 0
    code, said = beside(many, "2")
    assert code == 0, said
    again = [line for line in said.splitlines() if "is judged again" in line]
    assert len(again) == 2, said
    assert "judging ahead was in vain: 16 batches one at a time now" in said
    assert told(many) == told(one)
    assert_nothing_left(many)


def test_what_a_started_program_reads_counts(tmp_path: Path) -> None:
    """Only what it reads: the batch between the two is no reason to judge again."""
    files, plan = several()
    files["tests/test_x2.py"] += (
        "\n\ndef test_cat():\n    import subprocess\n    subprocess.run(['cat', 'tests/test_x0.py'], check=True)\n"
    )
    files["tests/test_x3.py"] += (
        "\n\ndef test_cat():\n    import subprocess\n    subprocess.run(['cat', 'tests/test_a.py'], check=True)\n"
    )
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    code, said = beside(repo, "4")
    assert code == 0, said
    again = [line.strip() for line in said.splitlines() if "judged again" in line]
    assert again == [
        "first/b2 is judged again, beside what landed: its tests read tests/test_x0.py, which changed since"
    ]
    assert_nothing_left(repo)


def test_a_worker_that_is_killed_is_replaced(tmp_path: Path) -> None:
    files, plan = several()
    files["tests/test_x1.py"] += (
        "\n\ndef test_slow():\n    import os, time\n"
        f"    if not os.path.exists('{tmp_path}/seen'):\n"
        f"        open('{tmp_path}/seen', 'w').close()\n        time.sleep(60)\n"
    )
    one, many = (make_repo(tmp_path / name, files, plan=plan) for name in ("one", "many"))
    command = [sys.executable, "-m", "orchestrate", "next-batch", "--all", "--jobs", "2", *PYTHON]
    run = subprocess.Popen(command, cwd=many.top, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    until_s = time.monotonic() + 60
    while not (tmp_path / "seen").exists() and time.monotonic() < until_s:
        time.sleep(0.05)
    for child in psutil.Process(run.pid).children(recursive=True):
        with contextlib.suppress(psutil.Error):  # one that has just ended
            if "orchestrator.parallel.worker" in " ".join(child.cmdline()):
                child.kill()
    out, _ = run.communicate(timeout=120)
    assert run.returncode == 0, out
    assert one.run("next-batch", "--all", *PYTHON).code == 0
    assert told(many) == told(one)
    assert_nothing_left(many)


def test_workers_that_always_die_are_given_up(tmp_path: Path) -> None:
    files, plan = several()
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    env = {"ORCHESTRATE_STOP_AT": "prepared:SIGKILL"}
    ran = repo.run("next-batch", "--all", "--jobs", "2", *PYTHON, env=env)
    assert ran.code == 4
    assert "two processes died" in ran.err
    assert len(repo.git.text("log", "--format=%s").splitlines()) == 1
    assert_nothing_left(repo)


def test_nothing_outlives_a_run_that_is_killed(tmp_path: Path) -> None:
    files, plan = several()
    files["tests/test_x0.py"] += (
        f"\n\ndef test_slow():\n    import os, time\n    open('{tmp_path}/pid', 'w').write(str(os.getpid()))\n"
        "    time.sleep(300)\n"
    )
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    command = [sys.executable, "-m", "orchestrate", "next-batch", "--all", "--jobs", "2", *PYTHON]
    run = subprocess.Popen(
        command, cwd=repo.top, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    until_s = time.monotonic() + 60
    while not (tmp_path / "pid").exists() and time.monotonic() < until_s:
        time.sleep(0.05)
    time.sleep(0.2)
    pids = [child.pid for child in psutil.Process(run.pid).children(recursive=True)]
    os.kill(run.pid, signal.SIGKILL)
    run.wait()
    until_s = time.monotonic() + 20
    while any(map(alive, pids)) and time.monotonic() < until_s:
        time.sleep(0.1)
    assert not [pid for pid in pids if alive(pid)]


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
