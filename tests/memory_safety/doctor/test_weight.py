"""What holds memory, and what holds up a run: found in a project's own tests."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from support import called, run_cli
from test_doctor import doctor, findings, level_of, project

from orchestrator.memory_safety.doctor.diagnosis import diagnosis
from orchestrator.memory_safety.doctor.examine import examine
from orchestrator.memory_safety.doctor.finding import DoctorFinding, DoctorLevel
from orchestrator.project.interpreter import Wanted, interpreter


def grouped(name: str, count: int) -> str:
    return (
        f"import pytest, time\n@pytest.mark.xdist_group(name='{name}')\n"
        f"@pytest.mark.parametrize('n', range({count}))\ndef test_it(n): ...\n"
    )


def weighed(top: Path, **changes: object) -> list[DoctorFinding]:
    examined = called(examine, top, interpreter(top, Wanted(option=sys.executable)))
    with contextlib.chdir(top):  # commands are for where a person is
        return diagnosis(replace(examined, **changes))  # type: ignore[arg-type]


def test_a_group_that_is_most_of_the_run_is_a_problem(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "-n 4 --dist loadgroup")
    (top / "tests/test_wide.py").write_text(grouped("wide", 30))
    (top / "tests/test_small.py").write_text(grouped("small", 10))
    found = {one.what: one for one in weighed(top)}
    wide = next(one for what, one in found.items() if "the largest of 2 groups" in what)
    assert "'wide', has 30 of 40 tests: one worker has 75% of the run" in wide.what
    assert "at least 3.0 times an even share (tests/test_wide.py)" in wide.what
    assert wide.level is DoctorLevel.PROBLEM
    assert wide.step == "grep -n xdist_group tests/test_wide.py"


def test_groups_are_weighed_by_seconds_where_the_tests_are_run(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "-n 2 --dist loadgroup")
    (top / "tests/test_many.py").write_text(grouped("many", 30))
    (top / "tests/test_slow.py").write_text(grouped("slow", 1).replace(": ...", ": time.sleep(1)"))
    ended = doctor(top, "--timed")
    assert "the largest of 2 groups, 'slow', has 1.0 of 1." in ended.out
    assert "'many', has 30 of 31 tests" in doctor(top).out


def test_even_groups_are_fine_and_files_stand_in_for_groups_that_are_to_be(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "-n 2 --dist loadgroup")
    for name in ("a", "b", "c"):
        (top / f"tests/test_{name}.py").write_text(grouped(name, 5))
    assert level_of("2 workers can share the tests evenly", findings(top)) == "ok"
    for name, count in (("a", 1), ("b", 1), ("c", 20)):
        text = grouped(name, count).replace(f"@pytest.mark.xdist_group(name='{name}')\n", "")
        (top / f"tests/test_{name}.py").write_text(text)
    found = [one for one in weighed(top) if "with one group for each file" in one.what]
    assert found[0].step == "grep -n 'def test' tests/test_c.py"
    methods = "".join(f"    def test_{n}(self): ...\n" for n in range(20))
    (top / "tests/test_c.py").write_text(f"class TestC:\n{methods}")
    found = [one for one in weighed(top) if "with one group for each file" in one.what]
    assert found[0].step == "orchestrate fix --grouping class tests/test_c.py"


def test_mocks_that_outlive_their_test_are_counted(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "--dist loadgroup")
    (top / "tests/test_kept.py").write_text(
        "from unittest.mock import MagicMock\nCLIENT = MagicMock()\n\n"
        "class TestA:\n    client = MagicMock()\n    def test_it(self): CLIENT()\n"
    )
    ended = doctor(top)
    assert "mocks outlive their test: 1 on modules, 1 on classes, in 1 file" in ended.out, ended
    assert "next: orchestrate check tests/test_kept.py" in ended.out
    (top / "tests/test_kept.py").write_text("def test_it(): ...\n")
    assert "no mocks on modules or classes" in doctor(top).out


def test_whether_pytest_starts_without_xdist_is_tried(tmp_path: Path) -> None:
    assert level_of("still starts with -p no:xdist", findings(project(tmp_path / "a"))) == "ok"
    found = findings(project(tmp_path / "b", "-n 2 --dist loadgroup"))
    assert level_of("does not start with -p no:xdist", found) == "warning"


def test_plugins_that_keep_something_of_every_test_are_named(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "--junitxml=out.xml")
    found = [one for one in weighed(top) if "what plugins gather" in one.what]
    assert found[0].what.endswith("JUnit (--junitxml)")
    assert not (top / "out.xml").exists()


@pytest.mark.parametrize(
    ("free_mib", "level"),
    [(10.0, DoctorLevel.PROBLEM), (160.0, DoctorLevel.WARNING), (100_000.0, DoctorLevel.OK)],
)
def test_workers_must_fit_into_what_is_free(
    tmp_path: Path, free_mib: float, level: DoctorLevel
) -> None:
    top = project(tmp_path / "p", "-n 3 --dist loadgroup")
    (top / "tests/test_a.py").write_text(grouped("a", 3))
    examined = called(examine, top, interpreter(top, Wanted(option=sys.executable)))
    assert examined.configured is not None
    configured = replace(examined.configured, rss_mib=36.0)
    found = weighed(top, free_mib=free_mib, configured=configured)
    room = next(one for one in found if "hold at least 144 MiB" in one.what)
    assert room.level is level
    if level is DoctorLevel.PROBLEM:
        assert room.step == f"{sys.executable} -m pytest -n 1 --dist loadgroup"


def test_files_that_cannot_be_collected_are_told_and_the_rest_is_weighed(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "-n 2 --dist loadgroup")
    (top / "tests/test_a.py").write_text(grouped("a", 3))
    (top / "tests/test_b.py").write_text("import nowhere\n")
    found = findings(top)
    assert level_of("1 file cannot be collected, first tests/test_b.py", found) == "warning"
    assert any("'a', has 3 of 3 tests" in what for what in found)


def test_fix_makes_the_plain_changes_after_a_diff(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "-n 2")
    (top / "requirements.txt").write_text("pytest-xdist\n")
    assert level_of("--dist load (pytest.ini): groups are inert", findings(top)) == "problem"
    assert any(one.step == "orchestrate doctor --fix" for one in weighed(top))
    before = (top / "pytest.ini").read_text()
    shown = run_cli("doctor", "--fix", cwd=top)
    assert "+addopts = -n 2 --dist loadgroup" in shown.out
    assert (top / "pytest.ini").read_text() == before
    assert run_cli("doctor", "--fix", "--yes", cwd=top).code == 0
    assert level_of("comes to -n 2 --dist loadgroup", findings(top)) == "ok"
    assert "nothing to write" in run_cli("doctor", "--fix", "--yes", cwd=top).err


def test_every_next_is_a_command_that_starts(tmp_path: Path) -> None:
    """Each first word is a program, and every file it names is there."""
    top = project(
        tmp_path / "p", "-n 2 --junitxml=o.xml", Makefile="t:\n\tpytest -n 3 --dist load\n"
    )
    (top / "tests/test_a.py").write_text(grouped("a", 30))
    steps = [one.step for one in weighed(top, free_mib=1.0) if one.step]
    assert len(steps) > 3
    for step in steps:
        program = step.split()[0]
        assert program in {"orchestrate", "grep", "git", sys.executable}, step
        if program == "grep":
            assert (top / step.split()[-1]).is_file(), step
