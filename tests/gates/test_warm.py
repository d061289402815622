"""Runs of pytest that are forked come to what started ones come to, or are not forked at all."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import time
import warnings
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from orchestrator.gates.pytest.events import TestRun
from orchestrator.gates.pytest.forked import fork_server as warm_runs
from orchestrator.gates.pytest.forked.fork_server import ForkServer
from orchestrator.gates.pytest.forked.imports import Environment, ImportLog, Learned
from orchestrator.gates.pytest.run import PytestRequest, PytestRun, run_pytest
from orchestrator.plan.verify import Verify
from orchestrator.project.interpreter import Interpreter, Wanted, interpreter

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="runs are forked on Linux only")

FORKED = "'orchestrate_warm' in open('/proc/self/cmdline').read()"
PAYS = ForkServer._pays
TELLS = f"def test_it():\n    assert not {FORKED}\n"
"""Fails where it is forked: what a project that does not stand it looks like."""


@pytest.fixture(scope="module")
def venv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment where packages can be put, with pytest of the one that runs this."""
    folder = tmp_path_factory.mktemp("venv")
    command = [sys.executable, "-m", "venv", "--without-pip", str(folder)]
    subprocess.run(command, check=True)
    (packages(folder) / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return folder


def packages(venv: Path) -> Path:
    return next((venv / "lib").glob("python*/site-packages"))


class Project:
    """Some tests, and the runs of one session."""

    def __init__(self, top: Path, venv: Path) -> None:
        self.top = top
        self.python: Interpreter = interpreter(top, Wanted(option=str(venv / "bin" / "python")))
        self.said: list[str] = []
        self._warm: ForkServer | None = None

    @property
    def warm(self) -> ForkServer:
        if self._warm is None:
            around = Environment(str(self.top), self.python, ())
            self._warm = ForkServer(around, self.top)
        return self._warm

    @property
    def spent_s(self) -> float:
        assert self.warm._learned is not None
        return self.warm._learned.spent_s

    def write(self, text: str, name: str = "test_it.py") -> None:
        (self.top / name).write_text(text)

    def run(self, *, workers: int = 0, verify: Verify | None = None) -> PytestRun:
        request = PytestRequest(["test_it.py"], workers=workers)
        run = partial(
            run_pytest,
            request,
            top=self.top,
            python=self.python,
            verify=verify or Verify(),
            on_progress=lambda run: None,
        )
        return self.warm.run(request, run, self.said.append)[0]

    def close(self) -> None:
        if self._warm is not None:
            self._warm.close()
            self._warm = None


@pytest.fixture
def project(tmp_path: Path, venv: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(
        ForkServer, "_pays", lambda self, learned: True
    )  # however long the runs took
    (tmp_path / "project").mkdir()
    made = Project(tmp_path / "project", venv)
    yield made
    made.close()


@pytest.fixture
def package(venv: Path) -> Iterator[Path]:
    """A module that is installed."""
    file = packages(venv) / "installed_here.py"
    file.write_text("")
    yield file
    file.unlink(missing_ok=True)


def outcome(run: TestRun) -> dict[str, tuple[str, ...]]:
    return {id_: run.outcome_of(id_) for id_ in run.ids}


def test_the_third_run_is_forked_and_comes_to_the_same(project: Project) -> None:
    project.write(
        "import os, jinja2, hypothesis\n\n\ndef test_green(): pass\n\n\n"
        "def test_red(): assert jinja2.Template('{{ 1 }}').render() == '2'\n\n\n"
        f"def test_how(): open('how', 'a').write(str({FORKED}) + chr(10))\n"
    )
    runs = [project.run() for _ in range(3)]
    assert [outcome(ended.run) for ended in runs] == [outcome(runs[0].run)] * 3
    assert runs[0].run.outcome_of("test_it.py::test_red")
    told = (project.top / "how").read_text().splitlines()
    assert told == ["False", "False", "True", "True"]  # learned, then proved twice, then forked
    assert runs[2].process.exit_code == 1
    assert "test_red" in runs[2].process.output
    assert not project.said


def test_what_was_proved_holds_for_the_next_session(project: Project) -> None:
    project.write(f"def test_how(): open('how', 'a').write(str({FORKED}) + chr(10))\n")
    for _ in range(2):
        project.run()
    project.close()
    (project.top / "how").unlink()
    project.run()
    assert (project.top / "how").read_text() == "True\n"


def test_what_was_learned_holds_for_a_session_of_one_run(project: Project) -> None:
    project.write(f"def test_how(): open('how', 'a').write(str({FORKED}) + chr(10))\n")
    for _ in range(3):
        project.run()
        project.close()
    assert (project.top / "how").read_text().split() == ["False", "False", "True", "True"]


def test_a_proof_that_failed_is_tried_again_once_that_pays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(warm_runs, "_ANYHOW_S", 0.0)
    project.write(TELLS)
    for _ in range(2):
        project.run()
    project.close()
    assert project.spent_s == 0.0
    monkeypatch.setattr(ForkServer, "_pays", lambda self, learned: False)
    project.run()
    assert project.spent_s > 0


def test_a_project_that_fares_otherwise_is_never_forked(project: Project) -> None:
    project.write(TELLS)
    ways = [project.run().run.outcome_of("test_it.py::test_it") for _ in range(4)]
    assert ways == [()] * 4
    assert len(project.said) == 1
    assert "test_it.py::test_it is green, and forked call: AssertionError" in project.said[0]


def test_a_flaky_test_is_no_difference(project: Project) -> None:
    project.write(
        "import pathlib\n\n\ndef test_flaky():\n    n = pathlib.Path('n')\n"
        "    n.write_text(n.read_text() + 'x' if n.exists() else 'x')\n"
        "    assert len(n.read_text()) != 2\n\n\n"
        f"def test_how(): open('how', 'a').write(str({FORKED}) + chr(10))\n"
    )
    for _ in range(3):
        project.run()
    assert not project.said
    assert (project.top / "how").read_text().splitlines()[-1] == "True"


THREAD = (
    "import threading, time\nthreading.Thread(target=time.sleep, args=[60], daemon=True).start()\n"
)
SOCKET = "import socket\nkept = socket.socket()\n"
REPOSITORY = "import beside\n"
WITHOUT = "try:\n    import beside\nexcept ImportError: beside = None\n"
NOT_YET = "import os\nos.environ['SET_BY_CONFTEST']\nimport beside\n"


@pytest.mark.parametrize("text", [THREAD, SOCKET, REPOSITORY, WITHOUT, NOT_YET])
def test_a_package_that_does_not_stand_it_is_left_out(
    project: Project, package: Path, text: str
) -> None:
    package.write_text(text)
    project.write("", "beside.py")
    project.write("import os\nos.environ['SET_BY_CONFTEST'] = 'yes'\n", "conftest.py")
    project.write(
        f"import installed_here, beside\nhere = list(__import__('sys').modules)\n\n\ndef test_it():\n"
        f"    assert getattr(installed_here, 'beside', beside) is beside\n"
        f"    open('how', 'w').write(str({FORKED}))\n"
    )
    runs = [project.run() for _ in range(3)]
    assert all(ended.run.outcome_of("test_it.py::test_it") == () for ended in runs)
    assert not project.said
    assert (project.top / "how").read_text() == "True"


def test_a_package_that_loads_something_else_where_it_is_loaded_first_is_left_out(
    project: Project, package: Path
) -> None:
    package.write_text(f"import sys\nif {FORKED}: import this\n")
    project.write("import installed_here\n\n\ndef test_it(): pass\n")
    for _ in range(3):
        assert project.run().run.outcome_of("test_it.py::test_it") == ()
    assert not project.said


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("gevent", "saved = {'socket': 1}", "gevent replaced"),
        ("tensorflow", "", "tensorflow may hold a device"),
    ],
)
def test_what_holds_a_device_or_replaces_the_library_is_not_tried(
    project: Project, venv: Path, name: str, text: str, why: str
) -> None:
    folder = packages(venv) / name
    folder.mkdir()
    try:
        (folder / "__init__.py").write_text("from . import monkey\n")
        (folder / "monkey.py").write_text(text)
        project.write(f"import {name}\n\n\ndef test_it(): pass\n")
        project.run()
    finally:
        for file in folder.rglob("*.py"):
            file.unlink()
    assert project.said == [
        f"every run of pytest starts anew: {project.said[0].partition(': ')[2]}"
    ]
    assert why in project.said[0]


def test_a_package_sees_the_environment_it_saw_when_started(
    project: Project, package: Path
) -> None:
    package.write_text(
        "import os\nseen = os.environ.get('SET_BY_CONFTEST')\nos.environ['SET_BY_PACKAGE'] = '1'\n"
    )
    project.write(
        "import os\nos.environ['SET_BY_CONFTEST'] = 'yes'\nimport installed_here\n", "conftest.py"
    )
    project.write(
        "import os, installed_here\n\n\ndef test_it():\n    assert installed_here.seen == 'yes'\n"
        "    assert os.environ['SET_BY_PACKAGE'] == '1'\n"
        f"    open('how', 'w').write(str({FORKED}))\n"
    )
    for _ in range(3):
        assert project.run().run.outcome_of("test_it.py::test_it") == ()
    assert not project.said
    assert (project.top / "how").read_text() == "True"


@pytest.mark.parametrize(("folder", "before"), [("store", "True"), ("project", "False")])
def test_a_package_may_be_a_link_but_not_into_the_repository(
    project: Project, package: Path, tmp_path: Path, folder: str, before: str
) -> None:
    """As `uv pip install --link-mode symlink` makes them, and as people link their own."""
    real = tmp_path / folder / "kept_here.py"
    real.parent.mkdir(exist_ok=True)
    real.write_text("import os\nloaded_in = os.getpid()\n")
    package.unlink()
    package.symlink_to(real)
    project.write(
        "import os, installed_here\n\n\ndef test_it():\n"
        "    open('how', 'w').write(str(installed_here.loaded_in != os.getpid()))\n"
    )
    for _ in range(3):
        assert project.run().run.outcome_of("test_it.py::test_it") == ()
    assert (project.top / "how").read_text() == before
    assert not project.said


LAZY = (
    "import os\n\n\ndef test_it(monkeypatch):\n    monkeypatch.setenv('SET_BY_TEST', 'yes')\n"
    "    import installed_here\n    assert installed_here.seen == 'yes'\n"
    "    open('how', 'a').write(str(installed_here.loaded_in != os.getpid()) + chr(10))\n\n\n"
    "def test_nothing_stays_set(): assert 'SET_BY_TEST' not in os.environ\n"
)
SEES = "import os\nloaded_in, seen = os.getpid(), os.environ.get('SET_BY_TEST')\n"


def test_what_tests_load_while_they_run_is_loaded_beforehand(
    project: Project, package: Path
) -> None:
    package.write_text(SEES)
    project.write(LAZY)
    for _ in range(3):
        assert not project.run().run.failed()
    assert (project.top / "how").read_text().split() == ["False", "False", "True", "True"]
    assert not project.said


def test_forked_runs_are_learned_from(project: Project, package: Path) -> None:
    """Other tests load more: that is proved, and loaded for all of them."""
    package.write_text(SEES)
    project.write("def test_it(): pass\n")
    for _ in range(3):
        project.run()
    project.write(LAZY)
    for _ in range(3):
        assert not project.run().run.failed()
    # forked without it and, as proof, with it; forked with it twice
    assert (project.top / "how").read_text().split() == ["False", "True", "True", "True"]
    assert not project.said
    project.close()
    assert not project.run().run.failed()  # the next session knows
    assert (project.top / "how").read_text().split()[4:] == ["True"]


def test_what_forked_runs_load_is_left_where_tests_fare_otherwise_with_it(
    project: Project, package: Path
) -> None:
    package.write_text(SEES)
    project.write("def test_it(): pass\n")
    for _ in range(3):
        project.run()
    project.write(
        LAZY.replace("    open(", "    assert installed_here.loaded_in == os.getpid()\n    open(")
    )
    for _ in range(3):
        assert not project.run().run.failed()
    # forked without it; not so with it, so started to tell chance; forked without it twice
    assert (project.top / "how").read_text().split() == ["False"] * 4
    project.write(TELLS)
    assert project.run().run.failed(), "it is still forked"
    assert not project.said


def test_what_was_loaded_twice_is_counted(
    project: Project, package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.write("def test_it(): pass\n")
    for _ in range(3):
        project.run()
    monkeypatch.setattr(ForkServer, "_pays", PAYS)
    package.write_text(SEES)
    project.write("def test_it(): import installed_here\n")
    project.run()
    assert project.spent_s == 0
    project.run()
    first = project.spent_s
    project.run()
    assert 0 < first < project.warm._proof_s
    assert project.spent_s == pytest.approx(2 * first)


def test_a_forked_run_holds_no_module_that_a_started_one_does_not(project: Project) -> None:
    """Those of the process that forks are not the project's: pytest of 3.13 needs no `socket`."""
    project.write(
        f"import sys\nname = 'forked' if {FORKED} else 'started'\n\n\n"
        "def test_it(): open(name, 'w').write(' '.join(sys.modules))\n"
    )
    for _ in range(2):
        project.run()
    forked, started = (
        set((project.top / name).read_text().split()) for name in ("forked", "started")
    )
    assert {name for name in forked - started if not name.startswith("orchestrate_")} == set()


def test_a_run_that_cannot_be_forked_leaves_no_file_open(project: Project, package: Path) -> None:
    package.write_text(SOCKET)
    project.write("import installed_here\n\n\ndef test_it(): pass\n")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always", ResourceWarning)
        for _ in range(2):
            project.run()
    assert not [str(one.message) for one in seen if "/events" in str(one.message)]


def test_the_cache_of_an_import_is_no_new_package(project: Project, venv: Path) -> None:
    cache = packages(venv) / "__pycache__"
    shutil.rmtree(cache, ignore_errors=True)
    before = Environment(str(project.top), project.python, ()).stamp()
    cache.mkdir()
    assert Environment(str(project.top), project.python, ()).stamp() == before
    (packages(venv) / "gone").touch()
    assert Environment(str(project.top), project.python, ()).stamp() != before
    (packages(venv) / "gone").unlink()
    assert Environment(str(project.top), project.python, ()).stamp() == before


def test_a_changed_package_is_loaded_anew(project: Project, package: Path) -> None:
    package.write_text("number = 1\n")
    project.write("import installed_here\n\n\ndef test_it(): assert installed_here.number == 1\n")
    for _ in range(3):
        assert project.run().run.outcome_of("test_it.py::test_it") == ()
    package.write_text("number = 2 + 0\n")
    assert project.run().run.failed() == ["test_it.py::test_it"]
    assert project.said == [f"{package} changed: packages are loaded anew"]


def test_an_installed_package_is_noticed(project: Project, venv: Path) -> None:
    project.write("def test_it(): pass\n")
    for _ in range(2):
        project.run()
    new = packages(venv) / "just_installed-1.dist-info"
    new.mkdir()
    try:
        project.run()
    finally:
        new.rmdir()
    assert project.said == ["packages were installed or removed: packages are loaded anew"]


def test_workers_of_xdist_are_started(project: Project) -> None:
    project.write("def test_it(): pass\n")
    for _ in range(3):
        assert project.run(workers=1).run.outcome_of("test_it.py::test_it") == ()
    assert project.said == [
        "every run of pytest starts anew: pytest-xdist starts its workers itself"
    ]


def test_another_system_than_linux_is_told(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    project.write("def test_it(): pass\n")
    for _ in range(3):
        assert project.run().run.outcome_of("test_it.py::test_it") == ()
    assert project.said == ["every run of pytest starts anew: they are forked on Linux only"]


def test_a_proof_waits_until_it_pays(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading takes a moment, the test a second: four runs are started before one is forked."""
    project.write(
        f"import time\n\n\ndef test_it():\n    time.sleep(1)\n    open('how', 'a').write('x' * {FORKED})\n"
    )
    monkeypatch.setattr(warm_runs, "_ANYHOW_S", 0.0)
    monkeypatch.setattr(ForkServer, "_pays", PAYS)
    for _ in range(2):
        project.run()
    assert (project.top / "how").read_text() == ""
    assert not project.said


@pytest.mark.parametrize(
    ("loading_s", "proof_s", "may"), [(0, 0, False), (1, 2, False), (2, 2, True), (3, 2, True)]
)
def test_a_proof_costs_no_more_than_was_spent_on_loading(
    loading_s: float, proof_s: float, may: bool, project: Project
) -> None:
    project.warm._proof_s = proof_s
    assert PAYS(project.warm, Learned(ImportLog("{}", None), spent_s=loading_s)) == may


def test_a_quick_start_is_not_worth_it(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ForkServer, "_pays", PAYS)
    monkeypatch.setattr(warm_runs, "_ANYHOW_S", 30.0)
    project.write(f"def test_how(): open('how', 'a').write(str({FORKED}) + chr(10))\n")
    for _ in range(4):
        project.run()
    assert (project.top / "how").read_text().split() == ["False"] * 4
    assert not project.said


def test_what_another_process_proved_holds_here(project: Project) -> None:
    project.write(f"def test_how(): open('how', 'a').write(str({FORKED}) + chr(10))\n")
    project.run()
    other = ForkServer(Environment(str(project.top), project.python, ()), project.top)
    first, project._warm = project._warm, other
    for _ in range(2):
        project.run()
    other.close()
    project._warm = first
    project.run()
    assert (project.top / "how").read_text().splitlines()[-1] == "True"


def test_a_forked_run_that_hangs_is_ended_with_all_it_started(project: Project) -> None:
    project.write("def test_it(): pass\n")
    for _ in range(2):
        project.run()
    project.write(
        "import os, subprocess, sys, time\n\n\ndef test_it():\n"
        "    left = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'], start_new_session=True)\n"
        "    if os.fork() == 0:\n        os.setsid()\n        open('forked', 'w').write(str(os.getpid()))\n        time.sleep(600)\n"
        "    open('left', 'w').write(str(left.pid))\n    time.sleep(600)\n"
    )
    ended = project.run(verify=Verify(test_timeout_s=1.5))
    assert [halt.test_id for halt in ended.halts()] == ["test_it.py::test_it"]
    for name in ("left", "forked"):
        number = int((project.top / name).read_text())
        until_s = time.monotonic() + 10
        while psutil.pid_exists(number) and time.monotonic() < until_s:
            time.sleep(0.05)
        assert not psutil.pid_exists(number)


def test_a_forked_interpreter_that_dies_is_told(project: Project) -> None:
    project.write("def test_it(): pass\n")
    for _ in range(2):
        project.run()
    project.write("import os\n\n\ndef test_it(): os.abort()\n")
    assert [halt.what for halt in project.run().halts()] == ["the interpreter died of SIGABRT"]


def test_where_the_loaded_process_is_gone_runs_are_started(project: Project) -> None:
    project.write("def test_it(): pass\n")
    for _ in range(3):
        project.run()
    own = psutil.Process(os.getpid())
    servers = [p for p in own.children() if "orchestrate_warm" in " ".join(p.cmdline())]
    assert len(servers) == 1
    servers[0].kill()
    servers[0].wait(10)
    assert project.run().run.outcome_of("test_it.py::test_it") == ()
    assert len(project.said) == 1
    assert "gone" in project.said[0] or "does not answer" in project.said[0]


def test_nothing_is_left_of_a_session(project: Project) -> None:
    project.write("def test_it(): pass\n")
    for _ in range(3):
        project.run()
    project.close()
    assert not [
        p for p in psutil.Process().children() if "orchestrate_warm" in " ".join(p.cmdline())
    ]
