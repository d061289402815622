"""Batches judged by real workers of Dask: the same commits, whoever gets lost on the way."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psutil
import pytest
from several import PYTHON, assert_nothing_left, several, told
from support import FILES, SampleRepo, make_repo

from orchestrator.engine.context.events import Notice, ignore_events
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.run_context import run_context
from orchestrator.engine.select_batch import BatchSelector
from orchestrator.errors import BadInput
from orchestrator.parallel.dask import cluster
from orchestrator.parallel.dask.parcel import Parcel, Sender
from orchestrator.parallel.dask.remote import judged_in
from orchestrator.parallel.series import next_batches_in_worktrees
from orchestrator.parallel.task import BatchTask, Judged, TaskFailed
from orchestrator.parallel.wire import plain_bytes, to_bytes

pytestmark = pytest.mark.xdist_group("cluster")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def start(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    env = {
        **os.environ,
        "DASK_DISTRIBUTED__WORKER__DAEMON": "False",
        "VIRTUAL_ENV": sys.prefix,  # this Python runs the tests there
    }
    command = [sys.executable, "-m", f"distributed.cli.{module}", *arguments]
    return subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip


class Machines:
    """A scheduler and workers, each a process of its own, as on machines of their own."""

    def __init__(self, folder: Path) -> None:
        self.address = f"tcp://127.0.0.1:{free_port()}"
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self.scheduler = self.start_scheduler()
        self.workers = [self.start_worker() for _ in range(2)]

    def start_scheduler(self) -> subprocess.Popen[bytes]:
        port = self.address.rpartition(":")[2]
        self.scheduler = start(
            "dask_scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard"
        )
        self._processes.append(self.scheduler)
        return self.scheduler

    def start_worker(self) -> subprocess.Popen[bytes]:
        number = len(self._processes)
        place = self._folder / f"worker-{number}"
        worker = start(
            "dask_worker", self.address, "--nthreads", "1", "--no-nanny", "--no-dashboard",
            "--host", "127.0.0.1", "--local-directory", str(place), "--death-timeout", "60",
        )  # fmt: skip
        self._processes.append(worker)
        return worker

    def close(self) -> None:
        for process in self._processes:
            end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    children = (
        psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    )
    process.kill()
    process.wait(10)
    for child in children:
        if psutil.pid_exists(child.pid):
            child.kill()


@pytest.fixture
def machines(tmp_path: Path) -> Iterator[Machines]:
    made = Machines(tmp_path)
    yield made
    made.close()


def test_commits_and_records_are_those_of_one_after_the_other(
    tmp_path: Path, machines: Machines
) -> None:
    files, plan = several()
    files["tests/test_x2.py"] += "\n\ndef test_red(): assert open('no-such-file')\n"
    one, many = (make_repo(tmp_path / name, files, plan=plan) for name in ("one", "many"))
    alone = one.run("next-batch", "--all", *PYTHON)
    ran = many.run("next-batch", "--all", "--engine", "dask", "--scheduler", machines.address)
    assert ran.code == alone.code, ran
    assert told(many) == told(one)
    assert_nothing_left(many)


def test_a_cluster_on_this_machine_needs_no_scheduler(tmp_path: Path) -> None:
    files, plan = several(gates="verify: {gates: [compile]}\n")
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    ran = repo.run("next-batch", "--limit", "2", "--engine", "dask", "--jobs", "2")
    assert ran.code == 0, ran
    assert len(repo.git.text("log", "--format=%s").splitlines()) == 3
    assert_nothing_left(repo)


def slow(tmp_path: Path, *, everywhere: bool) -> str:
    """A test that takes long where it is run first, and says that it began."""
    lasts = "600" if not everywhere else "4"
    return (
        "\n\ndef test_slow():\n    import os, time\n"
        f"    if not os.path.exists('{tmp_path}/began'):\n"
        f"        open('{tmp_path}/began', 'w').write(str(os.getppid()))\n        time.sleep({lasts})\n"
    )


def wait_for(path: Path) -> None:
    until_s = time.monotonic() + 60
    while not path.exists() and time.monotonic() < until_s:
        time.sleep(0.05)
    assert path.exists()


@contextmanager
def running(repo: SampleRepo, machines: Machines) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "orchestrate", "next-batch", "--all", "--engine", "dask"]
    run = subprocess.Popen(
        [*command, "--scheduler", machines.address], cwd=repo.top, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield run
    finally:
        run.kill()
        run.wait()


def test_a_worker_that_is_lost_is_done_without(tmp_path: Path, machines: Machines) -> None:
    files, plan = several()
    files["tests/test_x1.py"] += slow(tmp_path, everywhere=False)
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    with running(repo, machines) as run:
        wait_for(tmp_path / "began")
        slow_one = psutil.Process(int((tmp_path / "began").read_text()))
        above = {process.pid for process in [slow_one, *slow_one.parents()]}
        end(next(worker for worker in machines.workers if worker.pid in above))
        machines.start_worker()
        out, _ = run.communicate(timeout=120)
    assert run.returncode == 0, out
    assert len(repo.git.text("log", "--format=%s").splitlines()) == 6
    assert_nothing_left(repo)


def test_a_scheduler_that_restarts_is_waited_for(tmp_path: Path, machines: Machines) -> None:
    files, plan = several()
    files["tests/test_x1.py"] += slow(tmp_path, everywhere=True)
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    with running(repo, machines) as run:
        wait_for(tmp_path / "began")
        end(machines.scheduler)
        machines.start_scheduler()
        for _ in range(2):
            machines.start_worker()
        out, _ = run.communicate(timeout=180)
    assert run.returncode == 0, out
    assert "went away; waiting for it" in out
    assert len(repo.git.text("log", "--format=%s").splitlines()) == 6
    assert_nothing_left(repo)


def test_a_slow_worker_is_not_waited_for(
    tmp_path: Path, machines: Machines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "_SLOW_AT_LEAST_S", 3.0)
    files, plan = several()
    files["tests/test_x4.py"] += slow(tmp_path, everywhere=False)
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    said: list[str] = []
    began_s = time.monotonic()
    series = next_batches_in_worktrees(
        repo.workspace(), BatchSelector(), RunOptions(sys.executable),
        lambda event: said.append(event.what) if isinstance(event, Notice) else None,
        limit=None, make=cluster.on_cluster(machines.address, None),
    )  # fmt: skip
    assert len(series.results) == 5
    assert "first/b4 takes long: a second worker is asked" in said
    assert time.monotonic() - began_s < 400  # the slow one sleeps for longer


def test_nobody_at_the_address(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    address = f"tcp://127.0.0.1:{free_port()}"
    ran = repo.run("next-batch", "--all", "--engine", "dask", "--scheduler", address)
    assert ran.code == 4
    assert f"no scheduler answers at {address}" in ran.err
    assert_nothing_left(repo)


@pytest.mark.parametrize(
    "options",
    [["--engine", "spark"], ["--scheduler", "tcp://x:1"], ["--engine", "dask", "--jobs", "0"]],
)
def test_options_that_make_no_sense_are_refused(tmp_path: Path, options: list[str]) -> None:
    repo = make_repo(tmp_path / "repo")
    ran = repo.run("next-batch", "--all", *options)
    assert ran.code == 2
    assert "next: orchestrate next-batch --all" in ran.err


def test_dask_may_be_missing(tmp_path: Path) -> None:
    (tmp_path / "none" / "distributed").mkdir(parents=True)
    (tmp_path / "none" / "distributed" / "__init__.py").write_text("raise ImportError('no')\n")
    repo = make_repo(tmp_path / "repo")
    env = {"PYTHONPATH": str(tmp_path / "none")}
    ran = repo.run("next-batch", "--all", "--engine", "dask", env=env)
    assert ran.code == 2
    assert "pip install 'orchestrate-migration[dask]'" in ran.err


def parcel_of(
    repo: SampleRepo, paths: tuple[str, ...] = ("tests/test_a.py",)
) -> tuple[Parcel, bytes]:
    with run_context(repo.workspace(), RunOptions(sys.executable), ignore_events) as home:
        sender = Sender.of(home, repo.head, "topic")
        task = BatchTask(1, "first/one", repo.head, paths)
        return sender.parcel(task), sender.bundle()


def test_neither_paths_nor_secrets_travel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_API_TOKEN", "s3cr3t-value")
    text = (
        FILES["tests/test_a.py"]
        + "\n\ndef test_red():\n    import os\n    open(os.getcwd() + '/no-such')\n"
    )
    repo = make_repo(tmp_path / "repo", {**FILES, "tests/test_a.py": text})
    parcel, bundle = parcel_of(repo)
    sent = plain_bytes(parcel) + bundle
    assert str(tmp_path).encode() not in sent
    assert b"s3cr3t-value" not in sent
    answer = judged_in(tmp_path / "there", parcel, bundle, ignore_events)
    assert isinstance(answer, Judged), answer
    assert answer.candidate.reached.kept
    back = to_bytes(answer)
    assert str(tmp_path / "there").encode() not in back
    assert b"s3cr3t-value" not in back


def test_a_clone_is_kept_and_follows(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    parcel, bundle = parcel_of(repo)
    there = tmp_path / "there"
    assert isinstance(judged_in(there, parcel, bundle, ignore_events), Judged)
    clone = there / "clone" / ".git"
    kept = clone.stat().st_ino
    repo.write("tests/test_a.py", repo.read("tests/test_a.py") + "\n# later\n")
    root = repo.head
    repo.commit()
    with run_context(repo.workspace(), RunOptions(sys.executable), ignore_events) as home:
        sender = Sender.of(home, root, "topic")
        later = sender.parcel(BatchTask(2, "first/one", repo.head, ("tests/test_a.py",)))
    answer = judged_in(there, later, b"not needed again", ignore_events)
    assert isinstance(answer, Judged)
    assert b"# later" in (answer.candidate.reached.kept[0].changes[0].before or b"")
    assert clone.stat().st_ino == kept


def test_a_broken_clone_is_made_anew(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    parcel, bundle = parcel_of(repo)
    there = tmp_path / "there"
    judged_in(there, parcel, bundle, ignore_events)
    for pack in (there / "clone/.git/objects").rglob("*"):
        if pack.is_file():
            pack.chmod(0o644)
            pack.write_bytes(b"rubbish")
    assert isinstance(judged_in(there, parcel, bundle, ignore_events), Judged)


def test_a_bundle_that_does_not_apply_is_told(tmp_path: Path) -> None:
    repo = make_repo(tmp_path / "repo")
    parcel, bundle = parcel_of(repo)
    answer = judged_in(tmp_path / "there", parcel, bundle[:-40], ignore_events)
    assert isinstance(answer, TaskFailed)
    assert "the bundle for first/one does not apply" in answer.error.what


def test_another_version_is_told(tmp_path: Path) -> None:
    from dataclasses import replace

    repo = make_repo(tmp_path / "repo")
    parcel, bundle = parcel_of(repo)
    answer = judged_in(tmp_path / "there", replace(parcel, version="0.0"), bundle, ignore_events)
    assert isinstance(answer, TaskFailed)
    assert "was asked by 0.0" in answer.error.what


def test_files_of_this_machine_do_not_travel(tmp_path: Path) -> None:
    plan_ = several()[1].replace("phases:", "worktree: {copy: [.env]}\nphases:")
    repo = make_repo(tmp_path / "repo", several()[0], plan=plan_)
    with (
        ExitStack(),
        pytest.raises(BadInput, match="on this machine only"),
        run_context(
            repo.workspace(), RunOptions(sys.executable, trust=True), ignore_events
        ) as home,
    ):
        Sender.of(home, repo.head, "topic")


def test_a_setup_is_run_once_where_it_is_needed(tmp_path: Path) -> None:
    text = "class TestIt:\n    def test_it(self):\n        assert open('built').read() == 'z'\n"
    setup = 'worktree:\n  setup: ["{python} -c \'open(\\"built\\", \\"a\\").write(\\"z\\")\'"]\n'
    plan = several()[1].replace("phases:", f"{setup}phases:").replace("id: b0", "id: one")
    files = {**several()[0], "tests/test_x0.py": text}
    repo = make_repo(tmp_path / "repo", files, plan=plan)
    with run_context(
        repo.workspace(), RunOptions(sys.executable, trust=True), ignore_events
    ) as home:
        sender = Sender.of(home, repo.head, "topic")
        parcel, bundle = (
            sender.parcel(BatchTask(1, "first/one", repo.head, ("tests/test_x0.py",))),
            sender.bundle(),
        )
    for _ in range(2):
        answer = judged_in(tmp_path / "there", parcel, bundle, ignore_events)
        assert isinstance(answer, Judged), answer
        assert not answer.candidate.reached.verdicts[-1].failed_before
