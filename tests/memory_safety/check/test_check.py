"""`orchestrate-check` and `orchestrate fix` as programs: files, formats, exit codes, imports."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import PYPROJECT, Ran, run_cli

from orchestrator.memory_safety.check.config import Config
from orchestrator.memory_safety.check.run import checked
from orchestrator.vcs import initialised

MAIN = "from orchestrator.cli import main_check; main_check()"
BAD = "from unittest.mock import Mock\n\n\nclass TestA:\n    def test(self): Mock()\n"
PLAIN = "class TestA:\n    def test(self): ...\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A repository with a file that fails the check, one without mocks, and one in an environment."""
    top = tmp_path / "project"
    for path, text in {
        "pyproject.toml": PYPROJECT,
        "tests/test_bad.py": BAD,
        "tests/test_plain.py": PLAIN,
        "tests/helper.py": BAD,
        "env/pyvenv.cfg": "",
        "env/test_theirs.py": BAD,
        ".hidden/test_hidden.py": BAD,
    }.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_text(text)
    initialised(top, user="Test", address="test@example.invalid")
    return top


def check(*arguments: str, cwd: Path) -> Ran:
    ended = subprocess.run(
        [sys.executable, "-c", MAIN, *arguments],
        cwd=cwd, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Ran(ended.returncode, ended.stdout, ended.stderr)


def test_case_76_findings_are_lines_with_place_code_class_and_what_to_do(project: Path) -> None:
    ended = check(cwd=project)
    assert ended.code == 1
    assert ended.out.splitlines() == [
        'tests/test_bad.py:4:1: MS001 TestA add @pytest.mark.xdist_group(name="bad_tests")',
        "tests/test_bad.py:4:1: MS002 TestA add a teardown_method that calls gc.collect()",
    ]
    assert (
        ended.err
        == "2 errors in 1 of 2 test files, 1 other file passed over; orchestrate-check --fix adds what is missing\n"
    )
    assert check("--exit-zero", cwd=project).code == 0
    assert run_cli("check", cwd=project).out == ended.out


def test_fix_makes_the_check_pass_and_a_second_one_changes_nothing(project: Path) -> None:
    ended = check("--diff", cwd=project)
    assert ended.code == 1
    assert "+++ b/tests/test_bad.py" in ended.out
    assert (project / "tests/test_bad.py").read_text() == BAD
    assert check("--fix", cwd=project).code == 0
    fixed = (project / "tests/test_bad.py").read_text()
    assert "xdist_group" in fixed
    assert (check(cwd=project).code, check("--fix", cwd=project).code) == (0, 0)
    assert (project / "tests/test_bad.py").read_text() == fixed
    assert (project / "tests/test_plain.py").read_text() == PLAIN


def test_what_cannot_be_fixed_is_told_with_its_reason(project: Path) -> None:
    text = BAD.replace("    def test", "    async def teardown_method(self): ...\n    def test")
    (project / "tests/test_bad.py").write_text(text)
    ended = check("--fix", cwd=project)
    assert ended.code == 1
    assert "refused: tests/test_bad.py: TestA (line 4): teardown_method is async" in ended.err
    assert (project / "tests/test_bad.py").read_text() == text


def test_case_76_json_github_and_sarif(project: Path) -> None:
    first, second = json.loads(check("--format", "json", cwd=project).out)
    assert first == {
        "path": "tests/test_bad.py", "line": 4, "column": 1, "code": "MS001", "level": "error",
        "subject": "TestA", "by_hand": False,
            "message": 'add @pytest.mark.xdist_group(name="bad_tests")',
    }  # fmt: skip
    assert second["code"] == "MS002"
    line = check("--format", "github", cwd=project).out.splitlines()[0]
    assert line.startswith(
        "::error file=tests/test_bad.py,line=4,col=1,title=MS001::TestA: add @pytest"
    )
    sarif = json.loads(check("--format", "sarif", cwd=project).out)
    (run,) = sarif["runs"]
    assert (sarif["version"], [r["ruleId"] for r in run["results"]]) == (
        "2.1.0",
        ["MS001", "MS002"],
    )
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "tests/test_bad.py"
    assert json.loads(check("--format", "json", "tests/test_plain.py", cwd=project).out) == []


def test_named_files_folders_and_patterns(project: Path) -> None:
    assert check("tests/test_plain.py", cwd=project).code == 0
    assert check("tests/test_plain.py", "--require", "all", cwd=project).code == 1
    assert check("tests/test_b*.py", cwd=project).code == 1
    assert check("test_bad.py", cwd=project / "tests").code == 1
    assert check(cwd=project / "tests").out.startswith("test_bad.py:4:1: MS001")
    for name, message in (
        ("tests/nope.py", "there is no file or folder"),
        ("x*.py", "no file matches"),
        ("/", "lies outside the project"),
    ):
        ended = check(name, cwd=project)
        assert (ended.code, message in ended.err) == (2, True), ended


def test_the_projects_configuration_counts(project: Path) -> None:
    toml = project / "pyproject.toml"
    toml.write_text(
        PYPROJECT + '\n[tool.orchestrate]\nrequire = "all"\nexclude = ["tests/test_b*"]\n'
    )
    ended = check(cwd=project)
    assert {line.partition(":")[0] for line in ended.out.splitlines()} == {"tests/test_plain.py"}
    toml.write_text(
        PYPROJECT.replace(
            "[tool.pytest.ini_options]",
            '[tool.pytest.ini_options]\npython_files = ["helper.py"]\ntestpaths = ["tests"]',
        )
    )
    assert {line.partition(":")[0] for line in check(cwd=project).out.splitlines()} == {
        "tests/helper.py"
    }
    for table, message in (
        ("requier = 1", "has no key 'requier'; did you mean 'require'?"),
        ('require = "some"', "it can be 'mocks' or 'all'"),
        ("exclude = 1", "exclude is a list of patterns"),
    ):
        toml.write_text(f"[tool.orchestrate]\n{table}\n")
        ended = check(cwd=project)
        assert (ended.code, message in ended.err) == (2, True), ended.err
    toml.write_text("[tool.orchestrate\n")
    assert check(cwd=project).code == 2


def test_many_files_over_processes_give_the_same_in_the_same_order(tmp_path: Path) -> None:
    paths = [f"tests/test_{number:03d}.py" for number in range(80)]
    (tmp_path / "tests").mkdir()
    for number, path in enumerate(paths):
        (tmp_path / path).write_text(BAD if number % 3 else PLAIN)
    config = Config({"require": "mocks"})
    together = list(checked(paths, top=tmp_path, config=config))
    alone = [one for path in paths for one in checked([path], top=tmp_path, config=config)]
    assert together == alone
    assert sum(one.has_errors for one in together) == 53


@pytest.mark.parametrize(
    "script",
    [
        "from orchestrator.memory_safety.cli.check import run\nrun(['tests/test_bad.py'], prog='orchestrate-check')",
        "from orchestrator.memory_safety.cli.fix import run\nrun(['tests/test_bad.py'], prog='orchestrate fix')\n"
        "import orchestrator.fixers.child, orchestrator.memory_safety.fixer.editing.edit",
    ],
    ids=["check", "fix, with what its child imports"],
)
def test_nothing_is_imported_that_is_not_needed(script: str, project: Path) -> None:
    heavy = "libcst git jinja2 typer pydantic rich yaml psutil asyncio"
    told = f"import sys; print(sorted({{n.partition('.')[0] for n in sys.modules}} & set({heavy!r}.split())))"
    ended = subprocess.run(
        [sys.executable, "-c", f"{script}\n{told}"],
        cwd=project,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.splitlines()[-1] == "[]"


def test_fix_says_what_it_did_to_each_file(project: Path) -> None:
    ended = run_cli("fix", "tests/test_bad.py", "--group", "mine", cwd=project)
    assert (ended.code, ended.out) == (
        0,
        "fixed: tests/test_bad.py: 1 class, 1 mark, 1 teardown, 2 imports\n",
    )
    assert 'xdist_group(name="mine")' in (project / "tests/test_bad.py").read_text()
    ended = run_cli("fix", "tests/test_bad.py", cwd=project)
    assert (ended.code, ended.out) == (0, "no changes needed: tests/test_bad.py\n")
    assert "keeps its group 'mine'" in ended.err


def test_fix_of_a_folder_sums_up_and_lists_what_it_refused(project: Path) -> None:
    (project / "tests/test_odd.py").write_text(BAD.replace("class TestA:", "class TestA(:"))
    (project / "tests/test_link.py").symlink_to("test_bad.py")
    (project / "tests/test_shut.py").write_text(BAD)
    (project / "tests/test_shut.py").chmod(0o444)
    ended = run_cli("fix", "tests", cwd=project)
    assert ended.code == 1
    assert (
        "6 files: 1 fixed (1 class, 1 mark, 1 teardown, 2 imports), 2 without need, 3 refused"
        in ended.err
    )
    assert "refused: tests/test_odd.py: line 4: it is not valid Python" in ended.err
    assert "refused: tests/test_link.py: it is a symbolic link" in ended.err
    assert "refused: tests/test_shut.py: it is read-only" in ended.err


def test_fix_can_only_look(project: Path) -> None:
    for arguments in (["--check"], ["--diff"], ["--diff", "--check"]):
        ended = run_cli("fix", "tests/test_bad.py", *arguments, cwd=project)
        assert ended.code == int("--check" in arguments)
        assert ("+++ b/tests/test_bad.py" in ended.out) == ("--diff" in arguments)
        assert (project / "tests/test_bad.py").read_text() == BAD
    assert run_cli("fix", "tests/test_plain.py", "--check", cwd=project).code == 0


def test_fix_takes_the_options_of_the_fixer(project: Path) -> None:
    arguments = (
        "--require",
        "all",
        "--clear-instance",
        "--skip-under-xdist",
        "--docstring",
        "Tidy up.",
    )
    assert run_cli("fix", "tests/test_plain.py", *arguments, cwd=project).code == 0
    text = (project / "tests/test_plain.py").read_text()
    for part in (
        "self.__dict__.clear()",
        'os.environ.get("PYTEST_XDIST_WORKER") is not None',
        '"""Tidy up."""',
    ):
        assert part in text
    ended = run_cli("fix", "tests/test_plain.py", "--group", "a@b", cwd=project)
    assert ended.code == 2
    assert "cannot be a group name" in ended.err


def test_paths_are_shown_as_one_would_type_them_here(project: Path) -> None:
    assert "test_bad.py:4:1: MS001" in check("test_bad.py", cwd=project / "tests").out
    assert '"path": "tests/test_bad.py"' in check("--format", "json", cwd=project / "tests").out
    ended = run_cli("fix", "test_bad.py", "--check", cwd=project / "tests")
    assert ended.out.startswith("would fix: test_bad.py:")


def test_a_path_through_a_link_to_the_project_is_one_of_the_project(project: Path) -> None:
    link = project.parent / "link"
    link.symlink_to(project)
    ended = check(str(link / "tests/test_bad.py"), cwd=project)
    assert "tests/test_bad.py:4:1: MS001" in ended.out


def test_without_git_the_nearest_configuration_of_pytest_counts(tmp_path: Path) -> None:
    (tmp_path / "tests/unit").mkdir(parents=True)
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\npython_classes = ["Suite"]\n[tool.orchestrate]\nrequire = "all"\n'
    )
    (tmp_path / "tests/unit/test_it.py").write_text("class SuiteA:\n    def test(self): ...\n")
    ended = check("test_it.py", cwd=tmp_path / "tests/unit")
    assert "MS001 SuiteA" in ended.out


def test_case_53_folders_and_files_that_pytest_leaves_out_are_left_out(project: Path) -> None:
    (project / "pytest.ini").write_text(
        "[pytest]\nnorecursedirs = slow\naddopts = --ignore=tests/old --ignore-glob 'tests/*_gen.py'\n"
    )
    for path in ("tests/slow/test_a.py", "tests/old/test_b.py", "tests/test_c_gen.py"):
        (project / path).parent.mkdir(exist_ok=True)
        (project / path).write_text(BAD)
        assert "MS001" in check(path, cwd=project).out, "a file that is named is meant"
    out = check("tests", cwd=project).out
    assert {line.partition(":")[0] for line in out.splitlines()} == {"tests/test_bad.py"}


def test_names_that_a_terminal_cannot_show_are_escaped(project: Path) -> None:
    (project / "tests/test_\N{SNOWMAN}.py").write_text(BAD)
    ended = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", MAIN, "tests"],
        cwd=project, capture_output=True, check=False, env={"PYTHONIOENCODING": "ascii", "PATH": ""},
    )  # fmt: skip
    assert b"tests/test_\\u2603.py:4:1: MS001" in ended.stdout, ended.stderr


def test_sarif_escapes_what_a_uri_cannot_hold(project: Path) -> None:
    (project / "tests/test_a b#.py").write_text(BAD)
    out = check("tests/test_a b#.py", "--format", "sarif", cwd=project).out
    assert '"uri": "tests/test_a%20b%23.py"' in out


def test_case_25_a_name_that_gives_no_group_is_refused_and_told(project: Path) -> None:
    (project / "tests/test_a@b.py").write_text(BAD)
    assert "give it another group" in check("tests/test_a@b.py", cwd=project).out
    ended = run_cli("fix", "tests", cwd=project)
    assert ended.code == 1
    assert (
        "refused: tests/test_a@b.py: 'a@b_tests' cannot be a group name: it holds '@'" in ended.err
    )
    assert "1 fixed" in ended.err
    assert run_cli("fix", "tests/test_a@b.py", "--group", "ab", cwd=project).code == 0


def test_case_68_a_link_or_a_read_only_file_that_needs_nothing_is_no_refusal(project: Path) -> None:
    (project / "tests/test_link.py").symlink_to("test_plain.py")
    (project / "tests/test_plain.py").chmod(0o444)
    for path in ("tests/test_link.py", "tests/test_plain.py"):
        ended = run_cli("fix", path, cwd=project)
        assert (ended.code, ended.out) == (0, f"no changes needed: {path}\n")


def test_case_62_a_group_that_the_encoding_cannot_hold_is_a_reason(project: Path) -> None:
    (project / "tests/test_bad.py").write_text(f"# coding: ascii\n{BAD}")
    ended = run_cli(
        "fix",
        "tests/test_bad.py",
        "--group",
        "gr\N{LATIN SMALL LETTER U WITH DIAERESIS}n",
        cwd=project,
    )
    assert ended.code == 1
    assert "cannot be written in the encoding of the file, ascii" in ended.err
    (project / "tests/test_bad.py").write_text(f"# coding: klingon\n{BAD}")
    ended = run_cli("fix", "tests/test_bad.py", cwd=project)
    assert ended.code == 1
    assert "klingon" in ended.err
    assert "the fixer failed" not in ended.err


def test_a_file_that_is_not_there_is_named(project: Path) -> None:
    (project / "tests/test_gone.py").symlink_to("nowhere.py")
    for command in ("check", "fix"):
        ended = run_cli(command, "tests/test_gone.py", cwd=project)
        assert ended.code == 2
        assert "there is no file or folder 'tests/test_gone.py'" in ended.err


@pytest.mark.parametrize("command", ["check", "status"])
def test_options_before_the_command_are_options_of_the_command(command: str, project: Path) -> None:
    """These start without typer where they are typed first; after --plan they do not."""
    ratchet = ["--ratchet"] if command == "check" else []
    first = run_cli("--plan", "nowhere.yaml", command, *ratchet, cwd=project)
    last = run_cli(command, *ratchet, "--plan", "nowhere.yaml", cwd=project)
    assert first.code == last.code == 2
    assert first.err == last.err
    assert "nowhere.yaml" in first.err


@pytest.mark.parametrize("command", ["check", "fix", "status"])
def test_both_ways_of_starting_have_the_same_help(command: str, project: Path) -> None:
    first = run_cli("--plan", "plan.yaml", command, "--help", cwd=project)
    last = run_cli(command, "--help", cwd=project)
    assert (first.code, first.out, first.err) == (last.code, last.out, last.err)
    assert f"usage: orchestrate {command}" in first.out


def test_diff_wins_over_fix_and_writes_nothing(project: Path) -> None:
    ended = check("--diff", "--fix", "tests/test_bad.py", cwd=project)
    assert ended.code == 1
    assert "+++ b/tests/test_bad.py" in ended.out
    assert (project / "tests/test_bad.py").read_text() == BAD
    ended = check("--diff", "--format", "json", "tests", cwd=project)
    assert (ended.code, ended.out) == (2, "")
    assert "--diff prints a diff, and no format changes that" in ended.err


def test_what_was_fixed_is_said_and_what_is_left(project: Path) -> None:
    (project / "tests/test_hand.py").write_text(
        f"from elsewhere import Base\n\n\n{BAD.replace('TestA:', 'TestA(Base):')}"
    )
    ended = check("--fix", "tests/test_hand.py", "tests/test_bad.py", cwd=project)
    assert ended.code == 1
    assert "fixed: tests/test_bad.py: 1 class, 1 mark, 1 teardown, 2 imports" in ended.err
    assert (
        "refused: tests/test_hand.py: TestA (line 7): its base elsewhere.Base is not in this"
        in ended.err
    )
    assert ended.err.endswith("2 errors in 1 of 2 test files; 2 for a person\n")


def test_the_command_that_is_named_does_what_it_says(project: Path) -> None:
    ended = check("--require", "all", "tests/test_plain.py", cwd=project)
    command = "orchestrate-check --fix --require all tests/test_plain.py"
    assert f"; {command} adds what is missing" in ended.err
    assert check(*command.split()[1:], cwd=project).code == 0
    assert check(*command.split()[2:], cwd=project).err == "no errors in 1 test file\n"
    many = ["tests/test_bad.py", "tests/test_plain.py", "tests/helper.py", "tests"]
    assert "; the same with --fix adds what is missing" in check(*many, cwd=project).err


def test_nothing_looked_at_is_not_silent(project: Path) -> None:
    ended = check("tests/helper.py", cwd=project)
    assert (ended.code, ended.err) == (0, "no errors in 0 test files, 1 other file passed over\n")
    (project / "tests/vendored").mkdir()
    (project / "tests/vendored/test_v.py").write_text(BAD)
    assert check("tests/vendored", cwd=project).err.startswith("no errors in 0 test files, 1 other")


def test_a_folder_can_be_excluded(project: Path) -> None:
    for pattern in ("tests/old", "tests/old/", "tests/old/*", "tests/o*"):
        (project / "tests/old").mkdir(exist_ok=True)
        (project / "tests/old/test_o.py").write_text(BAD)
        (project / "pyproject.toml").write_text(
            f"{PYPROJECT}\n[tool.orchestrate]\nexclude = [{pattern!r}]\n"
        )
        assert "test_o.py" not in check(cwd=project).out
        assert "test_bad.py" in check(cwd=project).out


def test_case_69_files_that_are_nested_too_deeply_are_told_and_the_others_go_on(
    project: Path,
) -> None:
    deep = {
        "minus": "x = " + "-" * 100_000 + "1",
        "parentheses": "x = " + "(" * 100_000 + ")" * 100_000,
        "attributes": "x = y" + ".a" * 50_000,
        "lambdas": "x = " + "lambda: " * 20_000 + "1",
        "elif": "if 1: pass\n" + "elif 2: pass\n" * 20_000,
    }
    for name, text in deep.items():
        (project / f"tests/test_{name}.py").write_text(f"{text}\n{BAD}")
    ended = check("tests", cwd=project)
    assert ended.code == 1
    told = {line.partition(":")[0] for line in ended.out.splitlines() if "MS000" in line}
    assert told == {f"tests/test_{name}.py" for name in deep}
    assert "tests/test_bad.py:4:1: MS001" in ended.out
    ended = run_cli("fix", "tests", cwd=project)
    assert "the fixer" not in ended.err
    assert "1 fixed" in ended.err
    assert f"{len(deep)} refused" in ended.err


def test_case_70_a_file_is_replaced_at_once_and_keeps_its_mode(project: Path) -> None:
    file = project / "tests/test_bad.py"
    file.chmod(0o640)
    before = file.stat()
    other = project / "hard_link.py"
    other.hardlink_to(file)
    assert run_cli("fix", "tests/test_bad.py", cwd=project).code == 0
    assert file.stat().st_mode == before.st_mode
    assert other.read_text() == BAD, "the old bytes were written over instead of being replaced"
    assert sorted(path.name for path in file.parent.iterdir() if path.suffix != ".py") == []


def test_case_72_a_second_run_and_a_dry_run_write_nothing(project: Path) -> None:
    file = project / "tests/test_bad.py"
    for arguments in (["--diff"], ["--check"], ["--diff", "--check"]):
        run_cli("fix", "tests", *arguments, cwd=project)
        assert file.read_text() == BAD
    run_cli("fix", "tests", cwd=project)
    written = file.stat()
    run_cli("fix", "tests", cwd=project)
    assert file.stat().st_mtime_ns == written.st_mtime_ns
    assert file.stat().st_ino == written.st_ino


def test_case_26_two_files_of_one_name_are_told_that_they_share_a_group(project: Path) -> None:
    for folder in ("one", "two"):
        (project / "tests" / folder).mkdir()
        (project / "tests" / folder / "test_views.py").write_text(BAD)
    shared = "its group 'views_tests' is that of tests/one/test_views.py as well"
    for _ in range(2):
        out = check("tests", cwd=project).out
        assert f"tests/two/test_views.py:1:1: MS004 {shared}: one worker runs both (warning)" in out
        ended = run_cli("fix", "tests", cwd=project)
    (project / "tests/two/test_views.py").write_text(BAD)
    ended = run_cli("fix", "tests/one", "tests/two", "--check", cwd=project)
    assert "would get the group" not in ended.err
    (project / "tests/one/test_views.py").write_text(BAD)
    ended = run_cli("fix", "tests/one", "tests/two", cwd=project)
    assert (
        "tests/two/test_views.py: 'tests/one/test_views.py' would get the group 'views_tests' as well; give one its own with --group"
        in ended.err
    )
    for folder in ("one", "two"):
        file = project / "tests" / folder / "test_views.py"
        file.write_text(file.read_text().replace("views_tests", "database"))
    assert "MS004" not in check("tests", cwd=project).out
