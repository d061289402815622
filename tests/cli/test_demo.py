"""The demo, from an empty folder to a commit, and the generator behind it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from support import run_cli

from orchestrator.plan.load import load
from orchestrator.sample.demo import demo_shape, shipped_plan
from orchestrator.sample.project import FileShape, ProjectShape, failing_ids, generate


def test_the_demo_shows_a_real_migration(tmp_path: Path) -> None:
    ended = run_cli("demo", "sample", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert "9 of 78 files" in ended.out
    assert "24 classes, 24 marks, 24 teardowns, 2 imports" in ended.out
    assert "1 failed before:" in ended.out
    assert "next-batch --dry-run" in ended.err
    git = ["git", "-C", str(tmp_path / "sample")]
    log = subprocess.run([*git, "log", "--format=%s"], capture_output=True, text=True, check=True)
    assert log.stdout.splitlines() == [
        "test: memory safety for api keys endpoints (Phase 2, batch 2/6, 1 of 2 files)",
        "test: memory safety for auth factory and cache (Phase 2, batch 1/6)",
        "A project before its migration",
    ]
    assert "tests/api/test_service_principals_endpoints.py was quarantined: culprit" in ended.err
    assert "['teardown_method'] == []" in ended.err
    again = run_cli("next-batch", cwd=tmp_path / "sample")
    assert again.code == 0, again.err
    assert "(Phase 2, batch 3/6)" in again.out


def test_a_folder_with_something_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    ended = run_cli("demo", "mine", cwd=tmp_path)
    assert ended.code == 3
    assert "is not empty" in ended.err


def test_the_generated_files_have_the_counts_of_the_plan(tmp_path: Path) -> None:
    plan = load(shipped_plan(), plan_path="migration_plan.yaml")
    shape = demo_shape(plan)
    generate(tmp_path, shape)
    assert len(shape.files) == 13
    for file in shape.files:
        tree = ast.parse((tmp_path / file.path).read_text())
        classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
        methods = [m for c in classes for m in c.body if isinstance(m, ast.FunctionDef)]
        assert (len(classes), len(methods)) == (file.classes, file.methods), file.path


@pytest.mark.parametrize("seed", [0, 1])
def test_generated_tests_pass_but_for_those_that_shall_fail(seed: int, tmp_path: Path) -> None:
    files = [
        FileShape("tests/test_x.py", 4, 9, failing=1, testcases=2),
        FileShape("tests/a/test_y.py", 2, 2, pinning=1),
    ]
    shape = ProjectShape(files, heavy_objects=1000)
    generate(tmp_path, shape, seed=seed)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "1 failed, 10 passed" in ended.stdout
    assert f"FAILED {failing_ids(shape)[0]}" in ended.stdout


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    shape = ProjectShape([FileShape("tests/test_x.py", 3, 7)])
    for name in ("one", "two"):
        generate(tmp_path / name, shape, seed=5)
    assert (tmp_path / "one/tests/test_x.py").read_bytes() == (
        tmp_path / "two/tests/test_x.py"
    ).read_bytes()
