"""The guard in a repository: tried for real, shown before it is written, carried as a phase."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import FILES, PASSING, PLAN, SampleRepo, fixer_plan, make_repo
from surroundings import programs_alone

BIN = str(Path(sys.executable).parent)
WITH_PROGRAMS = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"}
GUARD_PLAN = (
    fixer_plan([], fixer="fixer: guard", verify="gates: [compile]")
    + """\
          - {path: scripts/validate.py, new: true}
          - {path: .pre-commit-config.yaml, new: true}
          - {path: tests/MEMORY_SAFETY_GUIDELINES.md, new: true}
          - {path: CONTRIBUTING.md, new: true}
          - {path: tests/conftest.py, new: true}
          - {path: pyproject.toml}
"""
)


def test_each_file_is_shown_and_nothing_is_written_without_a_yes(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    ended = repo.run("guard", env=WITH_PROGRAMS)
    assert ended.code == 0, ended
    assert "+++ b/.pre-commit-config.yaml" in ended.out
    assert "nothing was written; next: the same with --yes" in ended.err
    assert repo.changes == ""
    assert repo.run("guard", "--check", env=WITH_PROGRAMS).code == 1


def test_it_is_written_once(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    ended = repo.run("guard", "--yes", "--validator", "scripts/validate.py", env=WITH_PROGRAMS)
    assert ended.code == 0, ended
    assert "the hook was tried: it blocks a test class without the pattern" in ended.err
    written = [
        line.removeprefix("written: ")
        for line in ended.out.splitlines()
        if line.startswith("written")
    ]
    assert written == [
        "scripts/validate.py", ".pre-commit-config.yaml", "tests/conftest.py",
        "tests/MEMORY_SAFETY_GUIDELINES.md", "CONTRIBUTING.md",
    ]  # fmt: skip
    repo.commit()
    again = repo.run("guard", "--check", "--validator", "scripts/validate.py", env=WITH_PROGRAMS)
    assert again.code == 0, again
    assert repo.changes == ""


def test_parts_can_be_chosen_and_text_for_elsewhere_is_only_printed(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    other = tmp_path / "AGENTS.md"
    ended = repo.run("guard", "--yes", "--only", "section", "--section", str(other))
    assert ended.code == 0, ended
    assert "is not in this repository, and is not written" in ended.err
    assert "## Memory safety of tests" in ended.out
    assert not other.exists()
    assert repo.changes == ""
    assert repo.run("guard", "--yes", "--only", "freeze,settings").code == 0
    assert repo.changes == "?? tests/conftest.py"
    assert repo.run("guard", "--only", "hooks").code == 2


def test_a_hook_that_would_not_start_is_not_written(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    nowhere = programs_alone()
    ended = repo.run("guard", "--yes", "--only", "hook", env={"PATH": nowhere})
    assert ended.code == 1, ended
    assert "the hook does not start" in ended.err
    assert repo.changes == ""


@pytest.mark.parametrize(
    ("entry", "said"),
    [("true", "lets a test class pass"), ("false", "the hook does not start")],
)
def test_a_hook_that_does_not_hold_is_told(tmp_path: Path, entry: str, said: str) -> None:
    from orchestrator.memory_safety.guard import FIXER

    text = (
        "repos:\n- repo: local\n  hooks:\n  - {id: validate-test-memory-safety, name: x, "
        f"entry: '{entry}', language: system}}\n"
    )
    found = FIXER.trial({".pre-commit-config.yaml": text.encode()}, tmp_path)
    assert found[0][0] == ".pre-commit-config.yaml"
    assert said in found[0][1]


def test_the_trial_goes_by_the_names_of_the_project(tmp_path: Path) -> None:
    from orchestrator.memory_safety.guard.trial import _sample

    (tmp_path / "t/unit").mkdir(parents=True)
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npython_classes = test_*\npython_files = *_test.py\ntestpaths = t/unit\n"
    )
    sample = _sample(tmp_path, None)
    assert sample is not None
    assert sample.path == "t/unit/guard_sample_test.py"
    assert b"class test_GuardSample" in sample.data


def test_a_phase_of_the_plan_carries_it_and_the_hook_blocks(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=GUARD_PLAN)
    ended = repo.run("next-batch", "--python", sys.executable, env=WITH_PROGRAMS)
    assert ended.code == 0, ended
    assert "guard       passed: 5 files" in ended.err + ended.out
    shown = repo.git.text("show", "--stat", "--format=%B", "HEAD")
    assert ".pre-commit-config.yaml: 1 hook" in shown
    assert repo.run("status", "--check", env=WITH_PROGRAMS).code == 0
    subprocess.run(
        [f"{BIN}/pre-commit", "install"], cwd=repo.top, check=True, capture_output=True,
        env={**os.environ, **WITH_PROGRAMS},
    )  # fmt: skip
    assert_blocks(repo)


def assert_blocks(repo: SampleRepo) -> None:
    """A commit of an unfixed file is blocked, and the fixed one goes through."""
    env = {**os.environ, **WITH_PROGRAMS}
    repo.write("tests/test_new.py", PASSING)
    repo.git.run("add", "tests/test_new.py")
    commit = ["git", "commit", "-m", "new"]
    ended = subprocess.run(
        commit, cwd=repo.top, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1, ended
    assert "MS001" in ended.stdout + ended.stderr
    repo.run("fix", "tests/test_new.py")
    repo.git.run("add", "tests/test_new.py")
    ended = subprocess.run(
        commit, cwd=repo.top, env=env, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended


def test_a_hook_that_does_not_hold_takes_its_file_out_of_the_batch(tmp_path: Path) -> None:
    repo = make_repo(
        tmp_path / "repo",
        plan=GUARD_PLAN.replace(
            "fixer: guard", "fixer: guard\n    options: {validator: scripts/gone.py}"
        ),
    )
    ended = repo.run("next-batch", "--python", sys.executable, env=WITH_PROGRAMS)
    assert ended.code == 1, ended
    assert "quarantined .pre-commit-config.yaml" in ended.err + ended.out
    assert not (repo.top / ".pre-commit-config.yaml").exists()
    assert (repo.top / "CONTRIBUTING.md").exists()


def ratchet(repo: SampleRepo, *paths: str) -> tuple[int, str]:
    ended = repo.run("check", "--ratchet", "--require", "all", *paths)
    return ended.code, ended.out + ended.err


@pytest.fixture
def landed(tmp_path: Path) -> SampleRepo:
    """The first of two batches has landed; another file is in no plan."""
    repo = make_repo(tmp_path / "repo", {**FILES, "reports/older.md": "not a record"}, plan=PLAN)
    repo.write("tests/test_old.py", PASSING.replace("Alpha", "Old"))
    repo.commit()
    assert repo.run("next-batch", "--python", sys.executable).code == 0
    return repo


def test_ratchet_complains_of_nothing_that_was_not_reached(landed: SampleRepo) -> None:
    code, said = ratchet(landed)
    assert code == 0, said
    assert "no errors in 2 test files, 2 other files passed over" in said
    code, said = ratchet(landed, "tests/test_c.py")
    assert code == 0, said


def test_ratchet_holds_what_landed(landed: SampleRepo) -> None:
    text = landed.read("tests/test_a.py")
    landed.write("tests/test_a.py", f"{text}\n\nclass TestMore:\n    def test_it(self): ...\n")
    code, said = ratchet(landed)
    assert code == 1, said
    assert "TestMore add @pytest.mark.xdist_group" in said
    assert "orchestrate check --fix --require all --ratchet adds what is missing" in said
    assert landed.run("check", "--ratchet", "--fix").code == 0
    assert ratchet(landed)[0] == 0


def test_ratchet_holds_a_landed_file_by_the_options_of_its_plan(landed: SampleRepo) -> None:
    """The plan asks every class, the check by itself only those that touch a mock."""
    text = landed.read("tests/test_a.py")
    landed.write("tests/test_a.py", f"{text}\n\nclass TestMore:\n    def test_it(self): ...\n")
    assert landed.run("check", "tests/test_a.py").code == 0
    assert landed.run("check", "--ratchet", "tests/test_a.py").code == 1


def test_ratchet_holds_what_is_newer_than_the_migration(landed: SampleRepo) -> None:
    landed.write("tests/test_new.py", PASSING.replace("Alpha", "New"))
    assert ratchet(landed)[0] == 1
    landed.commit()
    code, said = ratchet(landed)
    assert code == 1, said
    assert "TestNew" in said
    assert "TestOld" not in said


def test_ratchet_forgives_what_its_file_landed_with(landed: SampleRepo) -> None:
    """A person adopted a class without the pattern: that one is settled, a second one is not."""
    bare = "class TestGamma:\n    def test_one(self): ...\n    def test_two(self): ...\n"
    landed.write("tests/test_c.py", bare)
    adopted = landed.run(
        "adopt", "tests/test_c.py", "--reason", "as it is", "--python", sys.executable
    )
    assert adopted.code == 0, adopted
    assert ratchet(landed, "tests/test_c.py")[0] == 0
    landed.write("tests/test_c.py", f"# moved down\n\n{bare}")
    assert ratchet(landed, "tests/test_c.py")[0] == 0
    landed.write("tests/test_c.py", f"{bare}\n\nclass TestTwo:\n    def test_it(self): ...\n")
    code, said = ratchet(landed, "tests/test_c.py")
    assert code == 1
    assert "TestTwo" in said
    assert "TestGamma" not in said


def test_without_a_plan_the_ratchet_holds_everything(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    (repo.top / "migration_plan.yaml").unlink()
    assert ratchet(repo)[0] == 1


def test_a_broken_plan_is_no_pass(landed: SampleRepo) -> None:
    landed.write("migration_plan.yaml", "version: 7\n")
    assert ratchet(landed)[0] == 2


def test_the_trial_never_touches_the_repository_whose_hook_it_runs_in(tmp_path: Path) -> None:
    """In a hook git's own variables speak of the user's repository and index."""
    repo = make_repo(tmp_path / "repo")
    git = {"GIT_DIR": str(repo.top / ".git"), "GIT_INDEX_FILE": str(repo.top / ".git/index")}
    ended = repo.run("guard", "--only", "hook", "--check", env={**WITH_PROGRAMS, **git})
    assert ended.code == 1, ended
    assert repo.changes == ""
    assert repo.git.text("config", "--get", "core.bare") == "false"


def test_the_trial_stays_in_its_folder(tmp_path: Path) -> None:
    outside = tmp_path / "elsewhere"
    outside.mkdir()
    (outside / "test_guard_sample.py").write_text("precious\n")
    repo = make_repo(
        tmp_path / "repo", {**FILES, "pytest.ini": f"[pytest]\ntestpaths = {outside}\n"}
    )
    assert repo.run("guard", "--only", "hook", "--check", env=WITH_PROGRAMS).code == 1
    assert (outside / "test_guard_sample.py").read_text() == "precious\n"
    assert list(outside.iterdir()) == [outside / "test_guard_sample.py"]


@pytest.mark.parametrize("line", ["exclude: ^tests/", "files: ^src/"])
def test_a_configuration_that_passes_tests_over_is_told(tmp_path: Path, line: str) -> None:
    repo = make_repo(
        tmp_path / "repo", {**FILES, ".pre-commit-config.yaml": f"{line}\nrepos: []\n"}
    )
    ended = repo.run("guard", "--only", "hook", "--yes", env=WITH_PROGRAMS)
    assert ended.code == 1, ended
    assert "its files are skipped" in ended.err
    assert repo.changes == ""


def test_links_and_folders_are_refused_and_nothing_is_half_written(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    (tmp_path / "shared.ini").write_text("[pytest]\n")
    (repo.top / "pytest.ini").symlink_to(tmp_path / "shared.ini")
    ended = repo.run("guard", "--only", "settings,section", "--section", "tests", "--yes")
    assert ended.code == 1
    assert "pytest.ini is a symbolic link" in ended.err
    assert "tests is a folder" in ended.err
    assert (tmp_path / "shared.ini").read_text() == "[pytest]\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--only", "validator", "--validator", "../x.py"],
        ["--only", "ci", "--workflow", "/tmp/w.yml"],
    ],
)
def test_files_outside_the_project_are_no_part_of_it(tmp_path: Path, arguments: list[str]) -> None:
    repo = make_repo(tmp_path / "repo")
    ended = repo.run("guard", "--yes", *arguments, env=WITH_PROGRAMS)
    assert ended.code == 2, ended
    assert "lies outside the project" in ended.err


def test_a_second_run_keeps_to_the_validator_of_the_first(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    repo.run("guard", "--yes", "--validator", "scripts/my check.py", env=WITH_PROGRAMS)
    repo.commit()
    assert repo.run("guard", "--check", env=WITH_PROGRAMS).code == 0


def test_a_project_below_the_top_gets_its_own_settings_and_fixture(tmp_path: Path) -> None:
    repo = make_repo(
        tmp_path / "repo",
        {**FILES, "backend/pytest.ini": "[pytest]\n", "backend/tests/test_x.py": PASSING},
    )
    from support import run_cli

    ended = run_cli("guard", "--yes", "--only", "settings,freeze", cwd=repo.top / "backend")
    assert ended.code == 0, ended
    assert repo.changes.split() == ["M", "backend/pytest.ini", "??", "backend/tests/conftest.py"]


def test_ratchet_of_a_plan_about_another_change_holds_everything(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo", plan=GUARD_PLAN)
    assert ratchet(repo)[0] == 1


def test_ratchet_holds_a_new_file_that_the_plan_took_in_since(landed: SampleRepo) -> None:
    landed.write("tests/test_new.py", PASSING.replace("Alpha", "New"))
    plan = landed.read("migration_plan.yaml")
    landed.write("migration_plan.yaml", f"{plan}          - path: tests/test_new.py\n")
    landed.commit()
    assert ratchet(landed)[0] == 1


def test_ratchet_says_what_a_shallow_clone_does_not_know(
    landed: SampleRepo, tmp_path: Path
) -> None:
    from support import run_cli

    subprocess.run(
        ["git", "clone", "-q", "--depth", "1", f"file://{landed.top}", tmp_path / "s"], check=True
    )
    ended = run_cli("check", "--ratchet", cwd=tmp_path / "s")
    assert "this is a shallow clone" in ended.err
    assert "next: git fetch --unshallow" in ended.err
