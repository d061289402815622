"""The program as a person starts it: output, exit codes, next commands, and what it imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import FILES, PASSING, PLAN, SampleRepo, make_repo, run_cli

MEASURES = """\
measures:
  classes: {title: Classes}
  methods: {title: Methods}
  memory: {title: Memory, unit: GB, estimate: true}
phases:"""


def test_status_shows_the_table_the_totals_and_the_next_command(repo: SampleRepo) -> None:
    repo.write(
        "migration_plan.yaml",
        PLAN.replace("phases:", MEASURES, 1).replace(
            "    batches:",
            "    hours: [2, 3]\n    totals: {classes: 4, memory: 1200}\n    batches:",
            1,
        ),
    )
    ended = repo.run("status")
    assert ended.code == 0
    header = next(line for line in ended.out.splitlines() if "Phase" in line)
    columns = [
        "Files",
        "Classes",
        "Methods",
        "Status",
        "Progress",
        "Time est.",
        "Memory (estimate)",
    ]
    assert [word for word in columns if word in header] == columns
    row = next(line for line in ended.out.splitlines() if "1 first things" in line)
    assert [
        word for word in row.split() if word in {"3", "4", "-", "NEXT", "2-3", "h", "~1,200", "GB"}
    ] == ["3", "4", "-", "NEXT", "2-3", "h", "~1,200", "GB"]
    assert "0 of 3 files" in ended.out
    assert "Next: first/one, Batch one (2 files, batch 1 of 2)" in ended.out
    assert "orchestrate next-batch" in ended.out


def test_status_moves_on_after_a_batch(repo: SampleRepo) -> None:
    assert repo.run("next-batch", "--python", sys.executable).code == 0
    ended = repo.run("status")
    assert "NEXT (1 of 2 batches)" in ended.out
    assert "67 %" in ended.out
    assert repo.run("status", "--check").code == 1
    assert repo.run("next-batch", "--python", sys.executable).code == 0
    ended = repo.run("status", "--check")
    assert (ended.code, "100 %" in ended.out, "DONE" in ended.out) == (0, True, True)
    assert "Nothing is left for a run to do." in ended.out


def test_status_as_json_and_markdown(repo: SampleRepo) -> None:
    document = json.loads(repo.run("status", "--json").out)
    assert document["next"] == "first/one"
    assert document["files"] == {"done": 0, "total": 3}
    target = document["phases"][0]["batches"][0]["targets"][0]
    assert target == {"path": "tests/test_a.py", "state": "pending", "why": ""}
    page = repo.run("status", "--markdown").out
    assert "| 1 first things | 3 | NEXT | 0 % (0 of 3) |" in page
    assert repo.run("status", "--json", "--markdown").code == 2


def test_fault_30_status_and_validate_write_nothing(repo: SampleRepo) -> None:
    def everything() -> dict[str, bytes]:
        return {str(p): p.read_bytes() for p in repo.top.rglob("*") if p.is_file()}

    before = everything()
    for arguments in (["status"], ["status", "--json"], ["validate"], ["next-batch", "--dry-run"]):
        assert repo.run(*arguments).code == 0
    assert everything() == before


def test_next_batch_prints_the_commit_on_stdout_and_the_rest_on_stderr(repo: SampleRepo) -> None:
    ended = repo.run("next-batch", "--python", sys.executable)
    assert ended.code == 0
    assert ended.out == f"{repo.head[:10]} memory safety for a and b (First, batch 1/2)\n"
    for word in (
        "compile     passed: 2 files",
        "collect     passed: 4 tests",
        "test        passed",
    ):
        assert word in ended.err
    assert "changed     2 classes, 2 marks, 2 teardowns, 4 imports in 2 files" in ended.err
    assert "next: orchestrate next-batch" in ended.err
    assert "\x1b" not in ended.out + ended.err


def test_nothing_to_do_is_no_error(repo: SampleRepo) -> None:
    for _ in range(2):
        assert repo.run("next-batch", "--python", sys.executable).code == 0
    ended = repo.run("next-batch")
    assert (ended.code, ended.out) == (0, "")
    assert "Nothing to do" in ended.err


def test_a_batch_that_is_put_back_says_why_and_how_to_see_it(tmp_path: Path) -> None:
    text = PASSING.replace("assert True", "assert 1 == 2, 'it is red'")
    plan = PLAN.replace("phases:", "verify: {on_failure: stop}\nphases:")
    repo = make_repo(tmp_path / "r", {**FILES, "tests/test_a.py": text}, plan=plan)
    ended = repo.run("next-batch", "--strict", "--python", sys.executable)
    assert (ended.code, ended.out, repo.changes) == (1, "", "")
    assert "tests/test_a.py::TestAlpha::test_two" in ended.err
    assert "it is red" in ended.err
    assert "python -m pytest tests/test_a.py::TestAlpha::test_two" in ended.err
    assert "every file is as it was, nothing is recorded" in ended.err


def test_a_dry_run_prints_a_diff_git_can_apply_and_works_on_a_dirty_tree(repo: SampleRepo) -> None:
    repo.write("tests/test_a.py", f"{PASSING}\n# unfinished")
    ended = repo.run("next-batch", "--dry-run")
    assert ended.code == 0
    assert "nothing is written" in ended.err
    check = subprocess.run(
        ["git", "apply", "--check", "-"], cwd=repo.top, input=ended.out, text=True, capture_output=True, check=False
    )  # fmt: skip
    assert check.returncode == 0, check.stderr
    assert repo.read("tests/test_a.py") == f"{PASSING}\n# unfinished"


def test_refusals_have_their_code_and_the_next_command(repo: SampleRepo) -> None:
    repo.write("tests/test_a.py", "x = 1\n")
    ended = repo.run("next-batch", "--python", sys.executable)
    assert ended.code == 3
    assert "error: you have uncommitted changes in 'tests/test_a.py'" in ended.err
    assert "next: git commit or git stash them" in ended.err


def test_a_wrong_plan_exits_2_with_file_line_and_column(repo: SampleRepo) -> None:
    repo.write("migration_plan.yaml", PLAN.replace("fixer:", "fixr:"))
    ended = repo.run("status")
    assert ended.code == 2
    assert "error: migration_plan.yaml:8:5: unknown key 'fixr'; did you mean 'fixer'?" in ended.err
    assert "Traceback" not in ended.err


def test_no_plan_names_the_folder_and_init(tmp_path: Path) -> None:
    ended = run_cli("status", cwd=tmp_path)
    assert ended.code == 2
    assert "there is no migration_plan.yaml" in ended.err
    assert "orchestrate init" in ended.err


def test_no_pytest_exits_4_before_anything_is_written(repo: SampleRepo, tmp_path: Path) -> None:
    import venv

    venv.create(tmp_path / "bare")
    ended = repo.run("next-batch", "--python", str(tmp_path / "bare/bin/python"))
    assert ended.code == 4
    assert "has no pytest" in ended.err
    assert (repo.changes, repo.leftovers) == ("", [])


def test_a_template_with_an_unknown_name_is_found_by_validate(repo: SampleRepo) -> None:
    plan = PLAN.replace("phases:", 'commit:\n  body: "{{ fles }}"\nphases:')
    repo.write("migration_plan.yaml", plan)
    ended = repo.run("validate")
    assert ended.code == 2
    assert "commit.body of the plan: 'fles' is undefined" in ended.err


def test_validate_says_what_the_plan_amounts_to(repo: SampleRepo) -> None:
    ended = repo.run("validate")
    assert (ended.code, ended.out) == (
        0,
        "migration_plan.yaml is fine: 1 phase, 2 batches, 3 targets\n",
    )


def test_the_plan_may_be_named_before_or_after_the_command(repo: SampleRepo) -> None:
    (repo.top / "migration_plan.yaml").rename(repo.top / "other.yaml")
    assert repo.run("--plan", "other.yaml", "validate").code == 0
    assert repo.run("validate", "--plan", "other.yaml").code == 0


def test_fault_19_validate_finds_files_that_are_not_there(repo: SampleRepo) -> None:
    repo.write("migration_plan.yaml", PLAN.replace("test_a.py", "test_aa.py"))
    ended = repo.run("validate")
    assert ended.code == 2
    assert "migration_plan.yaml:13:13: there is no file 'tests/test_aa.py'" in ended.err
    assert "did you mean 'tests/test_a.py'?" in ended.err


def test_a_relative_interpreter_is_found_from_where_one_stands(repo: SampleRepo) -> None:
    link = repo.top.parent / "python"
    link.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    link.chmod(0o755)
    ended = run_cli("next-batch", "--python", "../../python", cwd=repo.top / "tests")
    assert ended.code == 0, ended.err


@pytest.mark.parametrize("given", ["", "/etc/passwd", "/tmp", "/etc/passwd/python", "no-such"])
def test_fault_70_what_is_no_interpreter_is_said_with_the_next_command(
    given: str, repo: SampleRepo
) -> None:
    ended = repo.run("next-batch", "--python", given)
    assert ended.code == 4, ended.err
    assert "next: orchestrate next-batch --python PATH" in ended.err
    assert repo.changes == ""


def test_fault_119_a_reader_that_stops_reading_is_no_error(repo: SampleRepo) -> None:
    command = f"set -o pipefail; {sys.executable} -m orchestrate status | head -1"
    ended = subprocess.run(
        ["bash", "-c", command], cwd=repo.top, capture_output=True, text=True, check=False
    )
    assert ended.returncode in {0, 141}
    assert ended.stderr == ""


@pytest.mark.parametrize(
    "command", ["check --require all tests", "fix --check --require all tests"]
)
def test_fault_119_a_closed_pipe_never_turns_a_no_into_a_yes(
    repo: SampleRepo, command: str
) -> None:
    line = f"set -o pipefail; {sys.executable} -m orchestrate {command} --format json | head -c 1"
    line = line if command.startswith("check") else line.replace(" --format json", "")
    ended = subprocess.run(
        ["bash", "-c", line], cwd=repo.top, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1, ended
    closed = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m orchestrate {command} | true; exit ${{PIPESTATUS[0]}}"],
        cwd=repo.top, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert closed.returncode == 1, closed
    assert "Traceback" not in closed.stderr


def test_fault_119_a_batch_lands_although_nobody_reads(repo: SampleRepo) -> None:
    base = repo.head
    line = f"{sys.executable} -m orchestrate next-batch --python {sys.executable} | true"
    subprocess.run(["bash", "-c", line], cwd=repo.top, capture_output=True, check=False)
    assert repo.git.parents("HEAD") == [base]
    assert (repo.changes, repo.leftovers) == ("", [])


def test_fault_110_a_full_output_is_a_disk_error(repo: SampleRepo) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "orchestrate", "status", "--json"],
            cwd=repo.top, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert ended.returncode == 7
    assert "No space left" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_version_and_help(tmp_path: Path) -> None:
    from orchestrator import __version__

    assert run_cli("--version", cwd=tmp_path).out == f"orchestrate {__version__}\n"
    text = run_cli("--help", cwd=tmp_path).out
    assert all(name in text for name in ("status", "next-batch", "validate", "recover", "demo"))


def test_fault_91_markup_and_escapes_of_the_outside_reach_no_terminal(tmp_path: Path) -> None:
    plan = PLAN.replace("title: Batch one", 'title: "a[/]b \\e[31mred [bold]"')
    repo = make_repo(tmp_path / "r", plan=plan)
    ended = repo.run("status", env={"FORCE_COLOR": "1"})
    assert ended.code == 0
    assert "a[/]b \\x1b[31mred [bold]" in ended.out


def test_fault_120_an_ascii_terminal_gets_ascii(repo: SampleRepo) -> None:
    ended = repo.run("status", env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"})
    assert ended.code == 0
    assert ended.out.isascii()
    assert ".........." in ended.out


HEAVY = {"libcst", "git", "jinja2", "yaml", "psutil", "pytest"}


@pytest.mark.parametrize("arguments", [["status"], ["status", "--json"]], ids=" ".join)
def test_status_imports_nothing_heavy(arguments: list[str], repo: SampleRepo) -> None:
    padding = "\n".join(f"# {'-' * 70}" for _ in range(200))
    repo.write("migration_plan.yaml", f"{padding}\n{PLAN}")
    assert repo.run("status").code == 0  # remembers the plan
    program = (
        "import sys, orchestrator.cli\n"
        f"sys.argv = ['orchestrate', *{arguments!r}]\n"
        "try: orchestrator.cli.main()\n"
        "except SystemExit: pass\n"
        "print(*sorted(set(sys.modules)), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=repo.top, capture_output=True, text=True, check=True
    )
    assert not HEAVY & set(ended.stderr.split())


def test_watching_needs_a_terminal(repo: SampleRepo) -> None:
    ended = repo.run("status", "--watch")
    assert ended.code == 2
    assert "--watch needs a terminal" in ended.err
    assert "next: orchestrate status" in ended.err


def test_a_report_and_a_plan_go_where_they_are_told(repo: SampleRepo) -> None:
    assert repo.run("report", "--output", "out").code == 0
    assert (repo.top / "out/report.html").exists()
    assert not (repo.top / "reports").exists()
    assert repo.run("plan", "--output", "second.yaml").code == 0
    assert repo.run("validate", "--plan", "second.yaml").code == 0
