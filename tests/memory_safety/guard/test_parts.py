"""What each part of a guard makes of a file: tables of before and after, and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support import Edit, NoChange, Refusal

from orchestrator.fixers.outcome import Outcome, Source
from orchestrator.memory_safety.guard import FIXER

HOOK = """\
- repo: local
  hooks:
    - id: validate-test-memory-safety
      name: test classes keep to the memory safety pattern
      entry: orchestrate-check --ratchet
      language: system
      types: [python]
      require_serial: true
"""


def indented(text: str, by: int) -> str:
    return "".join(f"{' ' * by}{line}" for line in text.splitlines(keepends=True))


def outcome(top: Path, path: str, text: str | bytes, **options: object) -> Outcome:
    data = text if isinstance(text, bytes) else text.encode()
    if data:
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(data)
    return FIXER.fix(Source(path, data, options, exists=bool(data)), top)


def edited(top: Path, path: str, text: str | bytes, **options: object) -> str:
    """The text after the edit, which a second run would not change."""
    found = outcome(top, path, text, **options)
    assert isinstance(found, Edit), found
    assert isinstance(outcome(top, path, found.data, **options), NoChange)
    return found.data.decode()


def refused(top: Path, path: str, text: str | bytes, **options: object) -> str:
    found = outcome(top, path, text, **options)
    assert isinstance(found, Refusal), found
    return found.reason


FLUSH = "repos:\n- repo: https://a\n  rev: v1\n  hooks:\n  - id: one\n"
INSET = (
    "# top\nrepos:\n  - repo: https://a  # why\n    rev: v1\n    hooks:\n      - id: one\n# end\n"
)
SPACED = (
    "repos:\n  - repo: https://a\n    hooks:\n      - id: one\n\n  # two\n  - repo: https://b\n"
    "    hooks:\n      - id: two\n        args:\n          - |\n            text\n            more\n"
    "\nexclude: x\n"
)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", "repos:\n" + indented(HOOK, 2), id="no file"),
        pytest.param("# ours\n", "# ours\nrepos:\n" + indented(HOOK, 2), id="comments alone"),
        pytest.param("repos: []\nfail_fast: true\n",
                     "repos:\n" + indented(HOOK, 2) + "fail_fast: true\n", id="empty list"),
        pytest.param(FLUSH, FLUSH + HOOK, id="flush with its key"),
        pytest.param(INSET, INSET.replace("# end\n", indented(HOOK, 2) + "# end\n"), id="inset"),
        pytest.param(SPACED, SPACED.replace("\nexclude", "\n" + indented(HOOK, 2) + "\nexclude"),
                     id="kept apart, ending in a block"),
        pytest.param(FLUSH.rstrip("\n"), FLUSH + HOOK, id="no newline at the end"),
        pytest.param(FLUSH.replace("\n", "\r\n"), (FLUSH + HOOK).replace("\n", "\r\n"), id="CRLF"),
    ],
)  # fmt: skip
def test_hook(tmp_path: Path, before: str, after: str) -> None:
    assert edited(tmp_path, ".pre-commit-config.yaml", before) == after


def test_hook_from_where_the_team_keeps_it(tmp_path: Path) -> None:
    found = edited(tmp_path, ".pre-commit-config.yaml", FLUSH, repo="https://g/o", rev="v9")
    assert found.endswith(
        "- repo: https://g/o\n  rev: v9\n  hooks:\n"
        "    - id: validate-test-memory-safety\n      args: [--ratchet]\n"
    )


def test_a_hook_that_somebody_tuned_is_left_alone(tmp_path: Path) -> None:
    text = FLUSH + "- repo: x\n  hooks: [{id: validate-test-memory-safety, args: [--fix]}]\n"
    assert isinstance(outcome(tmp_path, ".pre-commit-config.yaml", text), NoChange)


@pytest.mark.parametrize(
    ("path", "text", "reason"),
    [
        (".pre-commit-config.yaml", "repos: [{repo: a, hooks: []}]\n", "is written on one line"),
        (".pre-commit-config.yaml", "- a\n", "has no list of repos"),
        (".pre-commit-config.yaml", "repos: {a: b\n", "is no YAML (line 2"),
        (".pre-commit-config.yaml", "repos: text\n", "repos is no list"),
        (".pre-commit-config.yaml", b"\xff\xfe", "it is not UTF-8"),
        (".github/workflows/new.yml", "", "nothing says how CI gets orchestrate"),
        (".github/workflows/ci.yml", "on: push\n", "has no jobs"),
        (".github/workflows/ci.yml", "jobs: {a: {steps: [{run: make}]}}\n", "no job of"),
        ("tests/conftest.py", "def broken(:\n", "is no Python"),
        ("tests/conftest.py", "from x import gc\n", "the name 'gc' is not the module"),
        ("tests/conftest.py", "import pytest as pytest_\npytest = 1\n", "the name 'pytest' is not"),
        ("AGENTS.md", "<!-- test-memory-safety: begin -->\n", "has not one pair of the markers"),
        ("scripts/check.py", "print(1)\n", "is a script of yours"),
        ("pyproject.toml", "[tool.x\n", "cannot be edited so that pytest reads it"),
    ],
)
def test_what_is_refused(tmp_path: Path, path: str, text: str, reason: str) -> None:
    assert reason in refused(tmp_path, path, text)


WORKFLOW = """\
on: push
jobs:
  lint:
    steps:
      - run: ruff check
  test:
    steps:
      - uses: actions/checkout@v4

      # the tests
      - run: |
          pip install pytest
          pytest -n 2
"""


def test_the_step_comes_before_the_tests(tmp_path: Path) -> None:
    step = "- name: Validate test memory safety\n  run: orchestrate-check --ratchet --format github"
    after = WORKFLOW.replace("      # the tests", indented(step, 6) + "\n\n      # the tests")
    assert edited(tmp_path, ".github/workflows/ci.yml", WORKFLOW) == after


def test_the_step_goes_to_the_job_that_is_named(tmp_path: Path) -> None:
    found = edited(tmp_path, ".github/workflows/ci.yml", WORKFLOW, job="lint", ratchet=False)
    assert (
        "- run: ruff check\n      - name: Validate test memory safety\n        run: orchestrate-check --format"
        in found
    )
    assert "no job 'x'" in refused(tmp_path, ".github/workflows/b.yml", WORKFLOW, job="x")


def test_a_workflow_of_its_own(tmp_path: Path) -> None:
    found = edited(tmp_path, ".github/workflows/own.yml", "", repo="https://g/o", rev="v9")
    assert '- run: python -m pip install "orchestrate-migration @ git+https://g/o@v9"' in found


LINE = "xdist_group(name): tests that run in one worker of pytest-xdist"
REQUIRES = {"requirements.txt": "pytest-xdist\n"}


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [
        pytest.param("pyproject.toml",
                     '[tool.pytest.ini_options]  # ours\naddopts = "-v"  # loud\ntestpaths = ["t"]\n',
                     '[tool.pytest.ini_options]  # ours\naddopts = "-v --dist loadgroup"  # loud\n'
                     f'testpaths = ["t"]\nmarkers = ["{LINE}"]\n', id="TOML text"),
        pytest.param("pyproject.toml",
                     '[tool.pytest.ini_options]\nmarkers = [\n    "slow: a",  # one\n]\naddopts = ["-n", "2"]\n',
                     f'[tool.pytest.ini_options]\nmarkers = [\n    "slow: a",  # one\n    "{LINE}",\n]\n'
                     'addopts = ["-n", "2", "--dist", "loadgroup"]\n', id="TOML lists"),
        pytest.param("pytest.ini", "[pytest]\naddopts = -v\nmarkers =\n    slow: a\n\n[other]\nx = 1\n",
                     f"[pytest]\naddopts = -v --dist loadgroup\nmarkers =\n    slow: a\n    {LINE}\n\n[other]\nx = 1\n",
                     id="INI"),
        pytest.param("setup.cfg", "[metadata]\nname = x\n\n[tool:pytest]\naddopts =\n  -v\n  -n 2\n",
                     f"[metadata]\nname = x\n\n[tool:pytest]\nmarkers = {LINE}\naddopts =\n  -v\n  -n 2\n  --dist loadgroup\n",
                     id="setup.cfg, over lines"),
        pytest.param("tox.ini", "[tox]\nenvlist = py\n[pytest]\naddopts = --dist=load\nmarkers = xdist_group: g\n",
                     None, id="somebody chose another dist"),
    ],
)  # fmt: skip
def test_settings(tmp_path: Path, path: str, before: str, after: str | None) -> None:
    (tmp_path / "requirements.txt").write_text("pytest-xdist\n")
    if after is None:
        assert isinstance(outcome(tmp_path, path, before), NoChange)
    else:
        assert edited(tmp_path, path, before) == after


def test_settings_of_a_project_without_xdist_get_no_option_that_is_an_error(tmp_path: Path) -> None:
    assert edited(tmp_path, "pytest.ini", "[pytest]\n") == f"[pytest]\nmarkers = {LINE}\n"
    assert "--dist" not in edited(tmp_path, "pytest.ini", "[pytest]\n", dist=False)


def test_settings_that_pytest_does_not_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    reason = refused(tmp_path, "pyproject.toml", "[tool.pytest.ini_options]\n")
    assert "reads its configuration from pytest.ini" in reason


FIXTURE = '''\
@pytest.fixture(scope="module", autouse=True)
def _freeze_what_is_imported() -> None:
    """Keep what is imported out of the sight of each gc.collect()."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
'''


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", f"import gc\n\nimport pytest\n\n\n{FIXTURE}", id="no file"),
        pytest.param("# ours\n", f"# ours\n\nimport gc\n\nimport pytest\n\n\n{FIXTURE}", id="comments"),
        pytest.param("import os\n\nimport pytest\n\nX = os\n\n\n\n",
                     f"import gc\nimport os\n\nimport pytest\n\nX = os\n\n\n{FIXTURE}", id="imports"),
        pytest.param("import gc\nimport pytest\nX = 1",
                     f"import gc\nimport pytest\nX = 1\n\n\n{FIXTURE}", id="both imported"),
        pytest.param("import pytest\r\nX = 1\r\n",
                     f"import gc\n\nimport pytest\nX = 1\n\n\n{FIXTURE}".replace("\n", "\r\n"), id="CRLF"),
        pytest.param("import gc\n\n\ndef pytest_collection_finish():\n    gc.freeze()\n", None, id="freezes"),
    ],
)  # fmt: skip
def test_freeze(tmp_path: Path, before: str, after: str | None) -> None:
    if after is None:
        assert isinstance(outcome(tmp_path, "tests/conftest.py", before), NoChange)
    else:
        assert edited(tmp_path, "tests/conftest.py", before) == after


def test_what_is_imported_is_frozen_while_tests_run(tmp_path: Path) -> None:
    edit = outcome(tmp_path, "conftest.py", "")
    assert isinstance(edit, Edit)
    (tmp_path / "conftest.py").write_bytes(edit.data)
    for name in ("a", "b"):
        text = "import gc\n\ndef test_it():\n    assert gc.get_freeze_count() > 1000\n"
        (tmp_path / f"test_{name}.py").write_text(text)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "2 passed" in ended.stdout, ended.stdout


def test_section_is_kept_between_its_markers(tmp_path: Path) -> None:
    text = "# Ours\n\nOld words.\n"
    first = edited(tmp_path, "docs/AGENTS.md", text)
    assert first.startswith(text)
    assert "(../tests/MEMORY_SAFETY_GUIDELINES.md)" in first
    changed = first.replace("Test classes", "Something else") + "\nAfterwards.\n"
    assert edited(tmp_path, "docs/AGENTS.md", changed) == f"{first}\nAfterwards.\n"


def test_guidelines_have_seven_parts_and_the_numbers_of_the_project(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_a.py").write_text(
        "from unittest.mock import AsyncMock\nclass TestA: ...\n"
    )
    text = edited(tmp_path, "tests/MEMORY_SAFETY_GUIDELINES.md", "")
    assert text.count("\n## ") == 7
    assert "1 test files with about 1 test classes; 1 files use AsyncMock" in text
    assert max(map(len, text.splitlines())) < 140


def test_guidelines_that_people_changed_get_only_what_is_missing(tmp_path: Path) -> None:
    whole = edited(tmp_path, "tests/MEMORY_SAFETY_GUIDELINES.md", "")
    start, _, _ = whole.partition("## Validation")
    mine = start.replace("A worker of", "Our worker of")
    found = edited(tmp_path, "tests/MEMORY_SAFETY_GUIDELINES.md", mine)
    assert found.startswith(mine.rstrip())
    assert "## Validation" in found
    assert "## References" in found
    assert found.count("## Problem") == 1


def test_the_validator_says_what_is_missing(tmp_path: Path) -> None:
    script = tmp_path / "scripts/check.py"
    text = edited(tmp_path, "scripts/check.py", "", install="pip install 'it \"now\"'")
    script.write_text(text)
    alone = [sys.executable, "-S", "-I", str(script)]  # a Python that has nothing installed
    ended = subprocess.run(alone, capture_output=True, text=True, env={"PATH": ""}, check=False)
    assert ended.returncode == 2
    assert "orchestrate is not installed" in ended.stderr
    assert "next: pip install 'it \"now\"'" in ended.stderr
    (tmp_path / "test_a.py").write_text(
        "from unittest.mock import Mock\n\nclass TestA:\n    def test(self): Mock()\n"
    )
    run = [sys.executable, str(script), "test_a.py"]
    ended = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended
    assert "MS001" in ended.stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"part": "x"}, "part is 'x'; it can be hook, ci"),
        ({"ratchet": "yes"}, "ratchet is 'yes'; it can be true or false"),
        ({"repo": "https://g/o"}, "repo and rev belong together"),
        ({"job": ""}, "job is '', and no text"),
        ({"ratched": True}, "did you mean 'ratchet'?"),
    ],
)
def test_options(options: dict[str, object], message: str) -> None:
    assert any(message in problem for problem in FIXER.option_problems("a.md", options))


def test_a_file_no_part_is_for() -> None:
    assert "is for no part" in FIXER.option_problems("data.json", {})[0]
    assert FIXER.option_problems("data.json", {"part": "settings"}) == []


@pytest.mark.parametrize(
    ("before", "added"),
    [
        pytest.param("repos: []  # none yet\n", "repos:  # none yet\n", id="a comment behind it"),
        pytest.param("repos: &r\n  - repo: local\n    hooks: []\n", "repos: &r\n", id="an anchor"),
        pytest.param("---\nrepos:\n- repo: local\n  hooks: []\n", "---\n", id="a document's start"),
    ],
)
def test_odd_yaml_keeps_what_it_has(tmp_path: Path, before: str, added: str) -> None:
    found = edited(tmp_path, ".pre-commit-config.yaml", before)
    assert found.startswith(added)
    assert "validate-test-memory-safety" in found


@pytest.mark.parametrize(
    "text",
    ["{repos: []}\n", "repos:\n  []\n", "repos: 5\n", "repos: !!seq []\n", "repos: [\n", "---\nrepos: []\n...\n"],
)  # fmt: skip
def test_odder_yaml_is_edited_or_refused_and_never_a_bug(tmp_path: Path, text: str) -> None:
    found = outcome(tmp_path, ".pre-commit-config.yaml", text)
    assert isinstance(found, Edit | Refusal)


def test_a_workflow_with_an_anchor_or_an_odd_job(tmp_path: Path) -> None:
    text = "jobs:\n  a:\n    steps: &s\n      - run: pytest\n"
    assert "Validate" in edited(tmp_path, ".github/workflows/a.yml", text)
    assert refused(tmp_path, ".github/workflows/b.yml", text.replace("  a:", "  yes:"))


def test_an_install_command_stays_one_text(tmp_path: Path) -> None:
    import yaml

    command = "pip install \"a\" 'b' # c"
    found = edited(tmp_path, ".github/workflows/own.yml", "", install=command)
    runs = [s.get("run") for s in yaml.safe_load(found)["jobs"]["validate"]["steps"]]
    assert command in runs
    into = edited(tmp_path, ".github/workflows/ci.yml", WORKFLOW, install=command)
    steps = yaml.safe_load(into)["jobs"]["test"]["steps"]
    assert [s.get("run") for s in steps][1:3] == [
        command,
        "orchestrate-check --ratchet --format github",
    ]


def test_a_revision_that_looks_like_a_number_is_a_text(tmp_path: Path) -> None:
    found = edited(tmp_path, ".pre-commit-config.yaml", "", repo="https://g/o", rev="1.10")
    assert 'rev: "1.10"' in found


def test_markers_in_the_wrong_order_delete_nothing(tmp_path: Path) -> None:
    text = "<!-- test-memory-safety: end -->\n<!-- test-memory-safety: begin -->\nprecious\n"
    assert "has not one pair" in refused(tmp_path, "AGENTS.md", text)


@pytest.mark.parametrize(
    ("path", "before"),
    [
        pytest.param("pyproject.toml", '[tool.pytest]\nstrict = true\naddopts = ["-q"]\n', id="native TOML"),
        pytest.param("pytest.toml", "[pytest]\n", id="pytest.toml"),
        pytest.param("pytest.ini", "[pytest]  # ours\naddopts = -q\n", id="a comment at the section"),
        pytest.param("pytest.ini", "[pytest]\naddopts =\n    -q\n\n    --dist load\n", id="an empty line inside"),
        pytest.param("pytest.ini", "[pytest]\naddopts =\n    -q\n    # --dist load was slow\n", id="a comment inside"),
        pytest.param("pyproject.toml", '[tool.pytest.ini_options]\nmarkers = "slow: x"\n', id="markers as text"),
        pytest.param("pyproject.toml", '[tool.pytest.ini_options]\naddopts = """\n-q\n-v\n"""\n', id="many lines"),
        pytest.param("pyproject.toml", "[tool.pytest.ini_options]\r\naddopts = '-q'\r\n", id="CRLF"),
    ],
)  # fmt: skip
def test_pytest_still_reads_what_was_edited(tmp_path: Path, path: str, before: str) -> None:
    (tmp_path / "requirements.txt").write_text("pytest-xdist\n")
    (tmp_path / "requirements-x.txt").mkdir()
    (tmp_path / path).write_bytes(before.encode())
    (tmp_path / "test_it.py").write_text("def test_it(): ...\n")
    found = outcome(tmp_path, path, before)
    if isinstance(found, Edit):
        (tmp_path / path).write_bytes(found.data)
        assert (b"\r\n" in found.data) == ("\r\n" in before)
        assert found.data.count(b"xdist_group") == 1
    if path == "pytest.toml" or "[tool.pytest]" in before:  # these are read by pytest 9 alone
        assert isinstance(found, Edit)
        assert b'"--dist", "loadgroup"' in found.data
        assert b"ini_options" not in found.data
        return
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--strict-markers", "-n0"]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended


def test_an_unclosed_quote_in_addopts_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path, "pyproject.toml", '[tool.pytest.ini_options]\naddopts = "-k \'x"\n')


@pytest.mark.parametrize(
    "text",
    [
        "import gc\ndel gc\n",
        "try: ...\nexcept Exception as gc: ...\n",
        "def f():\n    global gc\n    gc = 1\n",
        "def f(pytest): ...\n",
    ],
)
def test_names_that_mean_something_else_anywhere_are_refused(tmp_path: Path, text: str) -> None:
    assert "is not the module of that name" in refused(tmp_path, "conftest.py", text)


def test_a_heap_that_is_frozen_by_another_name_is_left_alone(tmp_path: Path) -> None:
    found = outcome(tmp_path, "conftest.py", "import gc as g\n\ndef f():\n    g.freeze()\n")
    assert isinstance(found, NoChange)
