"""`plan` and `init` write a plan that a run can carry without anybody opening it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import yaml
from support import FILES, SampleRepo, make_repo
from surroundings import programs_alone

from orchestrator.planning import tests as of_drafts
from orchestrator.planning.batches import batched, canary, slug
from orchestrator.planning.draft import BatchBounds, DraftTarget
from orchestrator.planning.text import scalar
from orchestrator.planning.trial import ChangeRequest, _title
from orchestrator.project.codeowners import owners
from orchestrator.project.commands import PytestCommand
from orchestrator.report.told import topic_of

MOCKED = "from unittest.mock import {mock}\n\n\nclass TestIt:\n{tests}"
TEST = "    def test_{n}(self):\n        assert {mock}()\n\n"


def mocked(mock: str, tests: int) -> str:
    body = "".join(TEST.format(n=n, mock=mock) for n in range(tests))
    return MOCKED.format(mock=mock, tests=body)


def many(**more: str) -> dict[str, str]:
    files = {f"tests/api/test_{name}.py": mocked("AsyncMock", 12) for name in ("a", "b", "c")}
    files |= {f"tests{folder}/__init__.py": "" for folder in ("", "/api", "/unit")}
    files |= {f"tests/unit/test_{name}.py": mocked("MagicMock", 3) for name in ("a", "x", "y")}
    return {
        "pyproject.toml": FILES["pyproject.toml"],
        ".gitignore": FILES[".gitignore"],
        **files,
    } | more


@pytest.fixture
def bare(tmp_path: Path) -> SampleRepo:
    """A repository with tests and without a plan."""
    made = make_repo(tmp_path / "repo", many())
    (made.top / "migration_plan.yaml").unlink()
    made.commit("no plan yet")
    return made


def test_from_clone_to_the_first_batch_without_opening_anything(bare: SampleRepo) -> None:
    drafted = bare.run("plan")
    assert drafted.code == 0, drafted.err
    assert "next: orchestrate next-batch" in drafted.out
    landed = bare.run("next-batch", "--all", "--python", sys.executable)
    assert landed.code == 0, landed.err
    assert bare.run("status", "--check").code == 0
    assert bare.run("check", "tests").code == 0


def test_phases_canary_groups_and_notes(bare: SampleRepo) -> None:
    programs = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    text = bare.run("plan", "--dry-run", env=programs).out
    assert not (bare.top / "migration_plan.yaml").exists()
    plan = yaml.safe_load(text)
    assert [p["id"] for p in plan["phases"]] == ["canary", "high-priority", "low-priority", "guard"]
    frozen, hook = plan["phases"][-1]["batches"]
    assert frozen["targets"] == [{"path": "tests/conftest.py", "new": True}]
    assert [t["path"] for t in hook["targets"]] == [
        ".pre-commit-config.yaml", "tests/MEMORY_SAFETY_GUIDELINES.md", "CONTRIBUTING.md",
    ]  # fmt: skip
    without = yaml.safe_load(bare.run("plan", "--dry-run", env={"PATH": programs_alone()}).out)
    assert [b["id"] for b in without["phases"][-1]["batches"]] == ["frozen-heap", "guidelines"]
    phases = plan["phases"][:-1]
    targets = {t["path"]: t for p in phases for b in p["batches"] for t in b["targets"]}
    assert len(targets) == 6
    assert targets["tests/api/test_a.py"]["options"] == {"group": "api_a_tests"}
    assert targets["tests/unit/test_a.py"]["options"] == {"group": "unit_a_tests"}
    assert "options" not in targets["tests/api/test_b.py"]
    assert targets["tests/api/test_b.py"]["expect"] == {"classes": 1, "methods": 12}
    assert text.startswith("# yaml-language-server: $schema=migration_plan.schema.json\n")
    assert "Grouping: one group per file" in text
    assert "the smallest of its kind" in text


def test_grouping_by_class_is_said_and_done(bare: SampleRepo) -> None:
    assert bare.run("plan", "--grouping", "class").code == 0
    assert "Grouping: one group per class" in bare.read("migration_plan.yaml")
    assert bare.run("next-batch", "--python", sys.executable).code == 0
    assert '_tests_TestIt")' in bare.git.text("show", "HEAD")


def test_bounds_hold(bare: SampleRepo) -> None:
    plan = yaml.safe_load(bare.run("plan", "--dry-run", "--max-files", "1").out)
    assert {len(b["targets"]) for p in plan["phases"][:-1] for b in p["batches"]} == {1}


def test_a_plan_is_never_written_over(repo: SampleRepo) -> None:
    before = repo.read("migration_plan.yaml")
    for command in ("plan", "init"):
        ended = repo.run(command)
        assert ended.code == 2
        assert "is there already" in ended.err
        assert "orchestrate plan --update" in ended.err
    assert repo.read("migration_plan.yaml") == before
    assert repo.changes == ""


def test_init_says_what_it_found(bare: SampleRepo) -> None:
    bare.write(".github/workflows/ci.yml", "jobs:\n  t:\n    steps:\n      - run: pytest -n 4\n")
    ended = bare.run("init", "--python", sys.executable)
    assert ended.code == 0, ended.err
    assert "6 test files, 6 classes, 45 test methods" in ended.out
    assert "pyproject.toml" in ended.out
    assert ".github/workflows/ci.yml:4: without --dist loadgroup no group counts" in ended.out
    assert f"next: orchestrate next-batch --python {sys.executable}" in ended.out
    assert (bare.top / "migration_plan.yaml").exists()


def test_without_a_plan_every_command_names_init(bare: SampleRepo) -> None:
    for command in ("status", "next-batch", "validate", "unresolved", "report", "history"):
        assert "orchestrate init" in bare.run(command).err, command


def test_nothing_to_do_is_said(tmp_path: Path) -> None:
    plain = {"tests/test_a.py": "class TestA:\n    def test(self): ...\n", **{
        k: FILES[k] for k in ("pyproject.toml", ".gitignore")}}  # fmt: skip
    made = make_repo(tmp_path / "repo", plain)
    (made.top / "migration_plan.yaml").unlink()
    ended = made.run("plan")
    assert ended.code == 0
    assert "orchestrate plan --require all" in ended.err
    assert made.run("plan", "--require", "all").code == 0


def test_a_taken_folder_of_records_is_left_alone(bare: SampleRepo) -> None:
    bare.write("reports/quarter.txt", "somebody's")
    assert yaml.safe_load(bare.run("plan", "--dry-run").out)["reports"] == "migration_reports"


def test_a_command_is_tried_and_only_what_it_changes_is_planned(bare: SampleRepo) -> None:
    bare.write("tool.py", "import sys\nfor n in sys.argv[1:]:\n    t = open(n).read()\n"
               "    open(n, 'w').write(t.replace('x = 1\\n', 'x = 2\\n'))\n")  # fmt: skip
    bare.write("src/one.py", "x = 1\n")
    bare.write("src/two.py", "y = 1\n")
    bare.write("src/notes.txt", "x = 1\n")
    bare.commit()
    ended = bare.run("plan", "--run", f"{sys.executable} tool.py {{files}}", "src")
    assert ended.code == 0, ended.err
    assert bare.changes.splitlines() == [
        "?? migration_plan.schema.json", "?? migration_plan.yaml",
    ]  # fmt: skip
    plan = yaml.safe_load(bare.read("migration_plan.yaml"))
    (phase,) = plan["phases"]
    assert phase["fixer"] == "command"
    assert [t["path"] for b in phase["batches"] for t in b["targets"]] == ["src/one.py"]
    assert plan["verify"]["tests"] == {"src/*": ["tests"]}
    assert "next-batch --trust" in ended.out
    assert bare.run("next-batch", "--trust", "--python", sys.executable).code == 0
    assert bare.read("src/one.py") == "x = 2\n"


def test_a_command_that_changes_nothing_makes_no_plan(bare: SampleRepo) -> None:
    ended = bare.run("plan", "--run", f"{sys.executable} -c pass {{files}}")
    assert ended.code == 0
    assert "would change none of 9 files" in ended.err
    assert not (bare.top / "migration_plan.yaml").exists()


def test_a_command_that_refuses_every_file_makes_no_plan(bare: SampleRepo) -> None:
    grows = f"{sys.executable} -c \"import sys; [open(n, 'a').write('#') for n in sys.argv[1:]]\""
    ended = bare.run("plan", "--run", f"{grows} {{files}}", "tests/api/test_a.py")
    assert ended.code == 0
    assert "command refused 1 of 1 file and would change none of the others" in ended.err


def test_the_files_of_an_agent_are_named_and_not_tried(bare: SampleRepo) -> None:
    ended = bare.run(
        "plan", "--fixer", "agent", "--run", "no-such-agent", "--instructions", "Do it.",
        "tests/api/*.py",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    plan = yaml.safe_load(bare.read("migration_plan.yaml"))
    assert plan["phases"][0]["instructions"] == "Do it."
    assert sum(len(b["targets"]) for b in plan["phases"][0]["batches"]) == 4


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--fixer", "comand"], "did you mean 'command'?"),
        (["--fixer", "command"], "run"),
        (["--run", "true {files}", "nowhere"], "'nowhere'"),
        (["--grouping", "module"], "it can be file or class"),
        (["--require", "some"], "it can be all or mocks"),
        (["--run", "true", "--option", "twice"], "NAME=VALUE"),
    ],
)
def test_what_means_nothing_is_told(bare: SampleRepo, arguments: list[str], said: str) -> None:
    ended = bare.run("plan", *arguments)
    assert ended.code == 2, ended.err
    assert said in ended.err
    assert "next: " in ended.err
    assert not (bare.top / "migration_plan.yaml").exists()


def nobody(_: str) -> str:
    return ""


def test_batches_keep_folders_and_units_together() -> None:
    items = [DraftTarget(f"tests/{d}/test_{n}.py") for d in "ab" for n in range(6)]
    made = batched(items, BatchBounds(files=8), nobody)
    assert [len(b.items) for b in made] == [6, 6]
    pair = [DraftTarget("a/x.py", together="a/x.py"), DraftTarget("z/y.py", together="a/x.py")]
    (both,) = batched(pair, BatchBounds(files=1), nobody)
    assert len(both.items) == 2


def test_batches_are_bounded_by_tests_and_have_ids_of_their_own() -> None:
    items = [DraftTarget(f"tests/test_auth_{n}.py", weight=300) for n in range(3)]
    made = batched(items, BatchBounds(), nobody, taken=["tests-auth-0"])
    assert [b.id for b in made] == ["tests-auth-0-2", "tests-auth-1", "tests-auth-2"]


def test_owners_split_batches_and_are_named(tmp_path: Path) -> None:
    (tmp_path / "CODEOWNERS").write_text(
        "# everybody\n* @all\n/tests/api/ @api @web\n*_slow.py @slow\ndocs/*  @docs\n"
    )
    owner_of = owners(tmp_path)
    assert owner_of("tests/api/v1/test_a.py") == "@api @web"
    assert owner_of("tests/api/test_is_slow.py") == "@slow"
    assert owner_of("tests/test_fast.py") == "@all"
    assert owner_of("x/test_is_slow.py") == "@slow"
    assert owner_of("docs/a.py") == "@docs"
    assert owner_of("docs/deep/a.py") == "@all"
    items = [DraftTarget("tests/api/test_a.py"), DraftTarget("tests/test_b.py")]
    made = batched(items, BatchBounds(), owner_of)
    assert [b.note for b in made] == ["owners: @all", "owners: @api @web"]


def test_the_canary_is_the_smallest_of_each_kind() -> None:
    items = [
        DraftTarget(f"{k}{n}", weight=n + 1, kind=k) for k in ("plain", "async") for n in range(5)
    ]
    assert [i.path for i in canary(items)] == ["async0", "plain0"]
    assert canary(items[:2]) == []


def test_a_topic_is_read_from_the_name() -> None:
    assert topic_of("tests/test_auth_factory.py") == "auth factory"
    assert topic_of("a/models_test.py") == "models"


@pytest.mark.parametrize(
    "text",
    ["a b", "yes", "NO", "3", "1e3", ".5", ".inf", "a: b", "a # b", "- x", "é", "~", "null", "{x}",
     "x,y", "[x]", "'", '"', "@x", "*x", "&x", "!x", "%x", "a\nb", " x", "", "0x1", "2020-01-01"],
)  # fmt: skip
def test_every_text_comes_back_from_yaml_as_it_was(text: str) -> None:
    assert yaml.safe_load(scalar(text)) == text
    assert yaml.safe_load(f"{{a: {scalar(text)}, b: 1}}") == {"a": text, "b": 1}


@pytest.mark.parametrize(
    ("options", "title"),
    [
        ({"run": "ruff check --select UP --fix {files}"}, "ruff check --select UP"),
        ({"run": ["ruff check --fix {files}", "ruff format {files}"]}, "ruff check"),
        ({"run": "{python} -m pyupgrade --py311-plus {files}"}, "pyupgrade --py311-plus"),
        ({"run": "/usr/bin/python3.11 tools/add_types.py {files}"}, "add_types"),
        ({"run": "tool --with many words that fill the line and more {files}"}, "tool --with many words that fill the"),
        ({"run": "{files}"}, "command"),
        ({"codemod": "libcst.codemod.commands.convert.ConvertFormatStringCommand"}, "convert format string"),
        ({"codemod": "mine.HTTPServerFix"}, "http server fix"),
        ({"codemod": "mine.Command"}, "command"),
        ({}, "command"),
    ],
)  # fmt: skip
def test_a_migration_is_called_by_what_it_runs(options: dict[str, object], title: str) -> None:
    assert _title(ChangeRequest("command", options)) == title


def test_an_id_holds_whole_words() -> None:
    words = "convert every format string of the package"
    assert slug(words) == "convert-every-format-string-of-the"
    assert slug("x" * 60) == "x" * 40
    assert slug("…") == "batch"


def test_tests_may_be_named_for_files_that_are_none(bare: SampleRepo) -> None:
    bare.write("src/api/one.py", "x = 1\n")
    bare.write("src/web/two.py", "x = 1\n")
    bare.write("tool.py", "import sys\nfor n in sys.argv[1:]: open(n, 'w').write('x = 2\\n')\n")
    bare.commit()
    run = ("--run", f"{sys.executable} tool.py {{files}}", "src")
    ended = bare.run(
        "plan", "--tests", "src/api/*=tests/api", "--tests", "src/api/*=tests/unit/test_x.py", *run
    )
    assert ended.code == 0, ended.err
    assert yaml.safe_load(bare.read("migration_plan.yaml"))["verify"]["tests"] == {
        "src/api/*": ["tests/api", "tests/unit/test_x.py"], "src/*": ["tests"],
    }  # fmt: skip


@pytest.mark.parametrize("given", ["src/*", "=tests", "src/*="])
def test_tests_without_a_pattern_or_a_path_are_told(bare: SampleRepo, given: str) -> None:
    ended = bare.run("plan", "--tests", given)
    assert ended.code == 2
    assert "--tests is PATTERN=TESTS" in ended.err


def test_tests_are_named_in_a_plan_about_memory_safety_as_well(bare: SampleRepo) -> None:
    assert bare.run("plan", "--tests", "lib/*=tests/unit").code == 0
    plan = yaml.safe_load(bare.read("migration_plan.yaml"))
    assert plan["verify"]["tests"] == {"lib/*": ["tests/unit"]}
    refused = bare.run("plan", "--update", "--tests", "lib/*=tests/unit")
    assert refused.code == 2
    assert "still to be written" in refused.err


def test_the_tests_of_a_source_file_are_those_of_its_project(tmp_path: Path) -> None:
    ini = "[tool.pytest.ini_options]\n"
    files = {
        "one/pyproject.toml": f"{ini}testpaths = ['t/unit']\n",
        "one/t/unit/test_a.py": "def test(): pass\n",
        "one/t/slow/test_b.py": "def test(): pass\n",
        "one/src/a.py": "x = 1\n",
        "two/pyproject.toml": ini,
        "two/tests/test_c.py": "def test(): pass\n",
        "two/more/test_d.py": "def test(): pass\n",
        "two/c.py": "x = 1\n",
    }
    repo = make_repo(tmp_path / "repo", files)
    sources = ["one/src/a.py", "two/c.py"]
    assert of_drafts.tests_for(repo.top, sources, {}) == {
        "one/src/*": ["one/t/unit"],
        "two/c.py": ["two/more", "two/tests"],
    }


WORKFLOW = """\
jobs:
  test:
    steps:
      - run: pip install pytest --ignore-installed
      - run: pytest -n 2 --ignore=tests/e2e --deselect 'tests/test_a.py::test_b[x y]' -m "not slow"
      - run: |
          python -m pytest \\
            -k "not network" --ignore ${{ matrix.skip }} --ignore-glob='*_live.py'
      - run: pytest -m slow -k smoke tests
"""


def test_what_builds_leave_out_is_offered_and_not_taken(bare: SampleRepo) -> None:
    bare.write(".github/workflows/ci.yml", WORKFLOW)
    bare.commit()
    ended = bare.run("init")
    assert ended.code == 0, ended.err
    offered = (
        'pytest_args: ["--ignore=tests/e2e", "--deselect=tests/test_a.py::test_b[x y]", "-m", '
        'not slow, "-k", not network, "--ignore-glob=*_live.py"]'
    )
    told = " ".join(ended.err.split())
    assert "leave tests out (.github/workflows/ci.yml:5, .github/workflows/ci.yml:7)" in told
    assert offered in told
    text = bare.read("migration_plan.yaml")
    assert "ci.yml:5" in text
    assert "pytest_args" not in yaml.safe_load(text).get("verify", {})
    value = yaml.safe_load("{" + offered + "}")["pytest_args"]
    assert value[1] == "--deselect=tests/test_a.py::test_b[x y]"


def test_a_quote_without_an_end_names_no_option() -> None:
    assert PytestCommand("Makefile", 1, "pytest -m 'not slow").leaves_out == []
    assert PytestCommand("ci.yml", 1, "- run: \"pytest -m 'not slow'\"").leaves_out == [
        ("-m", "not slow")
    ]


def test_what_a_build_file_holds_breaks_no_plan(bare: SampleRepo) -> None:
    bare.write("Makefile", "test:\n\tpytest --ignore='a\\\"b\x1b[31m' -m 'not \"x\"'\n")
    bare.commit()
    ended = bare.run("plan")
    assert ended.code == 0, ended.err
    assert "\x1b" not in ended.err + bare.read("migration_plan.yaml")
    assert bare.run("validate").code == 0
