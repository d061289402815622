"""Case 77: whether groups hold here, who registers the mark, which --dist counts; `inert` if not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from support import Ran, called, plan_with, run_cli

from orchestrator.memory_safety.doctor.diagnosis import diagnosis
from orchestrator.memory_safety.doctor.examine import examine
from orchestrator.memory_safety.doctor.finding import DoctorLevel
from orchestrator.project.commands import parallel_commands
from orchestrator.project.interpreter import Interpreter, Wanted, interpreter
from orchestrator.vcs import initialised


def project(top: Path, addopts: str = "", **files: str) -> Path:
    (top / "tests").mkdir(parents=True)
    (top / "pytest.ini").write_text(f"[pytest]\naddopts = {addopts}\ntestpaths = tests\n")
    for name, text in files.items():
        path = top / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    initialised(top, user="Test", address="test@example.invalid")
    return top


def doctor(top: Path, *arguments: str) -> Ran:
    return run_cli("doctor", "--python", sys.executable, *arguments, cwd=top)


def findings(top: Path, python: Path = Path(sys.executable)) -> dict[str, str]:
    """What is said, each with its level."""
    found = diagnosis(called(examine, top, interpreter(top, Wanted(option=str(python)))))
    return {one.what: one.level.value for one in found}


def level_of(part: str, found: dict[str, str]) -> str:
    levels = [level for what, level in found.items() if part in what]
    assert len(levels) == 1, (part, found)
    return levels[0]


def test_case_77_a_configuration_that_groups_is_fine(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "-n 2 --dist loadgroup")
    ended = doctor(top)
    assert ended.code == 0, ended
    assert "ok       --dist loadgroup keeps the tests of a group in one worker" in ended.out
    assert "ok       the mark xdist_group is registered" in ended.out
    assert "ok       the configuration comes to -n 2 --dist loadgroup (pytest.ini)" in ended.out
    assert "one gc.collect() takes" in ended.out
    assert "inert" not in ended.out


def test_case_77_any_other_dist_is_said_to_be_inert(tmp_path: Path) -> None:
    for number, (addopts, dist) in enumerate(
        [
            ("-n 2", "load"),
            ("-n2 --dist loadfile", "loadfile"),
            ("--numprocesses 2 --dist=load", "load"),
        ]
    ):
        top = project(tmp_path / str(number), addopts)
        said = f"the configuration comes to -n 2 --dist {dist} (pytest.ini): groups are inert"
        assert level_of(said, findings(top)) == "problem"
    ended = doctor(top)
    assert ended.code == 1
    assert "next: grep -n -e --dist pytest.ini" in ended.out


def test_case_77_workers_that_are_switched_off_are_said_to_be_so(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "--dist=loadgroup -n0")
    said = "the configuration comes to -n 0 (pytest.ini): xdist is off, and groups are inert"
    assert level_of(said, findings(top)) == "warning"


def test_case_77_no_dist_at_all_is_a_warning(tmp_path: Path) -> None:
    top = project(tmp_path / "p")
    ended = doctor(top, "--json")
    assert ended.code == 0
    warnings = [one for one in json.loads(ended.out) if one["level"] == "warning"]
    assert any("the configuration sets no --dist (pytest.ini)" in one["what"] for one in warnings)
    assert any(
        one["next"] == f"{sys.executable} -m pytest -n auto --dist loadgroup" for one in warnings
    )


def test_case_77_xdist_switched_off_leaves_the_mark_unregistered(tmp_path: Path) -> None:
    top = project(tmp_path / "off", "-p no:xdist")
    found = findings(top)
    assert level_of("switched off: the mark xdist_group is inert", found) == "problem"
    assert level_of("xdist_group is not registered", found) == "problem"
    assert not any("loadgroup" in what or "--dist" in what for what in found)
    marks = "import pytest\ndef pytest_configure(config):\n    config.addinivalue_line('markers', 'xdist_group(name): x')\n"
    top = project(tmp_path / "registered", "-p no:xdist", **{"conftest.py": marks})
    assert level_of("the mark xdist_group is registered", findings(top)) == "ok"


def test_case_77_without_xdist_the_mark_is_inert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interpreter that has none: its xdist cannot be found, nor its plugin."""
    hidden = tmp_path / "python"
    hidden.write_text(
        f"#!{sys.executable}\nimport os, sys\nos.environ['PYTEST_DISABLE_PLUGIN_AUTOLOAD'] = '1'\n"
        f"os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])\n"
    )
    hidden.chmod(0o755)
    top = project(tmp_path / "p")
    found = diagnosis(
        called(examine, top, Interpreter(hidden, "--python", "3.11", has_xdist=False))
    )
    assert found[1].what == "pytest-xdist is not installed: the mark xdist_group is inert"
    assert found[1].step == f"{hidden} -m pip install pytest-xdist"
    assert DoctorLevel.PROBLEM in {one.level for one in found}


def test_case_77_that_groups_hold_is_tried_and_not_read_off_versions(tmp_path: Path) -> None:
    """A pytest under which loadgroup does what load does, as with 9.2.0 and xdist 3.8.0."""
    inert = tmp_path / "python"
    inert.write_text(
        f"#!{sys.executable}\nimport os, sys\n"
        "words = ['load' if word == 'loadgroup' else word for word in sys.argv[1:]]\n"
        f"os.execv({sys.executable!r}, [{sys.executable!r}, *words])\n"
    )
    inert.chmod(0o755)
    found = findings(project(tmp_path / "p"), inert)
    assert level_of("--dist loadgroup does not group with pytest", found) == "problem"


def test_case_77_commands_of_the_repository_that_do_not_group_are_named(tmp_path: Path) -> None:
    files = {
        "Makefile": "test:\n\tpytest -n auto tests\nok:\n\tpytest -n 4 --dist loadgroup tests\none:\n\tpytest tests\n",
        ".github__workflows__ci.yml": "run: |\n  # pytest -n 4\n  python -m pytest \\\n    --numprocesses=4\n",
    }
    top = project(tmp_path / "p", **files)
    said = "2 commands of the repository without --dist loadgroup, where groups are inert: Makefile:2, .github/workflows/ci.yml:3"
    assert level_of(said, findings(top)) == "problem"
    (top / "pytest.ini").write_text("[pytest]\naddopts = --dist loadgroup\n")
    assert not any("commands of the repository" in what for what in findings(top))


def test_a_project_whose_pytest_does_not_start_is_told_so(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "--no-such-option")
    ended = doctor(top)
    assert ended.code == 1
    assert "problem  pytest does not start with the project's configuration: " in ended.out
    assert "unrecognized arguments: --no-such-option" in ended.out
    assert f"next: {sys.executable} -m pytest --markers" in ended.out


def test_a_slow_collection_is_a_warning_with_what_helps(tmp_path: Path) -> None:
    heap = "HEAP = [[number] for number in range(1_500_000)]\n"
    top = project(tmp_path / "p", "--dist loadgroup", **{"tests__conftest.py": heap})
    found = diagnosis(called(examine, top, interpreter(top, Wanted(option=sys.executable))))
    slow = next(one for one in found if "the pattern adds at least" in one.what)
    assert slow.level is DoctorLevel.WARNING
    assert slow.step == "orchestrate guard --only freeze"
    assert run_cli("guard", "--only", "freeze", "--yes", cwd=top).code == 0
    assert level_of("what is imported is frozen", findings(top)) == "ok"


def test_the_plans_interpreter_is_asked_and_the_project_is_left_as_it_was(tmp_path: Path) -> None:
    top = project(tmp_path / "p", "--dist loadgroup")
    (top / "migration_plan.yaml").write_text(
        plan_with(["tests/test_a.py"], verify=f"  python: {sys.executable}")
    )
    before = sorted(top.iterdir())
    ended = run_cli("doctor", cwd=top)
    assert "(verify.python of the plan)" in ended.out, ended
    assert sorted(top.iterdir()) == before
    (top / "migration_plan.yaml").write_text("version: [")
    assert run_cli("doctor", cwd=top).code == 2


COMMANDS = {
    "pytest -n auto tests": True,
    "python -m pytest -xn auto tests": True,
    "\t@pytest --numprocesses=4": True,
    'all = "pytest -n auto"': True,
    "pytest -n $(WORKERS)": True,
    "pytest -n auto # --dist loadgroup is not used": True,
    "pytest -n 4 --dist loadscope": True,
    "pytest -n 4 -o addopts=": True,
    "pytest -n 4 --dist loadgroup": False,
    "pytest -n4 --dist=loadgroup tests": False,
    "pytest tests -q | tail -n 20": False,
    "pip install pytest && head -n 3 x": False,
    "pip install pytest -n 3": False,
    "pytest -n 0": False,
    "pytest -n0 tests": False,
    'echo "run pytest with -n 4"': False,
    "# pytest -n 4": False,
    "pytest tests": False,
    "run: mypytest -n 4": False,
}


@pytest.mark.parametrize("line", COMMANDS)
def test_case_77_which_lines_start_pytest_in_parallel_without_groups(
    line: str, tmp_path: Path
) -> None:
    (tmp_path / "Makefile").write_text(f"test:\n{line}\n")
    found = [c.number for c in parallel_commands(tmp_path) if c.overrides or not c.pins]
    assert found == ([2] if COMMANDS[line] else [])


def test_case_77_a_command_that_overrides_the_configuration_is_named(tmp_path: Path) -> None:
    makefile = "a:\n\tpytest -n 4\nb:\n\tpytest -n 4 --dist loadscope\n"
    top = project(tmp_path / "p", "--dist loadgroup", Makefile=makefile)
    said = (
        "1 command of the repository without --dist loadgroup, where groups are inert: Makefile:4"
    )
    assert level_of(said, findings(top)) == "problem"


def test_case_77_a_scheduler_of_the_projects_own_is_told(tmp_path: Path) -> None:
    own = "from xdist.scheduler import LoadScheduling\ndef pytest_xdist_make_scheduler(config, log):\n    return LoadScheduling(config, log)\n"
    top = project(tmp_path / "p", "--dist loadgroup", **{"conftest.py": own})
    assert level_of("a scheduler of the project's own (conftest.py)", findings(top)) == "warning"


def test_a_pytest_that_ends_while_it_configures_itself_is_told_so(tmp_path: Path) -> None:
    stops = "import pytest\ndef pytest_configure(config): pytest.exit('no database')\n"
    top = project(tmp_path / "p", **{"conftest.py": stops})
    assert (
        level_of("pytest does not start with the project's configuration", findings(top))
        == "problem"
    )
    assert any("no database" in what for what in findings(top))
