"""Judges a parcel on another machine: in a clone that is kept warm, in a checkout of its own.

This is what a worker of Dask calls; it needs this package, git, and what `worktree: setup:` needs.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from orchestrator import __version__
from orchestrator.engine.context.events import (
    Event,
    InterpreterFound,
    ParallelEvent,
    StepBegun,
    TestsRan,
)
from orchestrator.engine.context.fork_servers import ForkServers
from orchestrator.engine.context.options import RunOptions
from orchestrator.engine.context.workspace import Workspace
from orchestrator.engine.context.worktree_context import WorktreeContext, open_worktree
from orchestrator.errors import CannotJudge, OrchestrateError
from orchestrator.gates.verdict import PYTHON
from orchestrator.parallel.dask.parcel import Parcel, parcel_from
from orchestrator.parallel.places import TOP, relocated
from orchestrator.parallel.secrets import without_secrets
from orchestrator.parallel.task import Answer, TaskFailed
from orchestrator.parallel.verify_task import judged
from orchestrator.parallel.wire import to_bytes
from orchestrator.plan.projects import folders_of, projects_of, wanted_python
from orchestrator.project.interpreter import interpreter
from orchestrator.vcs import GitFailed, Repo, initialised, worktrees
from orchestrator.worktrees.checkout import Checkout

_TELL_S = 2.0
_fork_servers: dict[str, ForkServers] = {}
"""What forks runs of pytest in each checkout; it ends with this process."""

_slots: dict[str, threading.Lock] = {}
_guard = threading.Lock()


def judge_parcel(parcel: bytes, bundle: bytes) -> bytes:
    """What the task of a parcel comes to; `bundle` is of its series' first commit.

    Both ways it is data that `wire` reads. What goes wrong is an answer as well: to hear of an
    exception, whoever asked would have to unpickle it.
    """
    from distributed import get_worker

    asked = parcel_from(parcel)
    worker = get_worker()
    folder = Path(worker.local_directory) / "orchestrate" / asked.repository

    def emit(event: Event) -> None:
        if isinstance(event, StepBegun | TestsRan):
            worker.log_event(
                asked.topic, to_bytes(ParallelEvent(asked.task.place, without_secrets(event)))
            )

    try:
        answer = judged_in(folder, asked, bundle, _seldom(emit))
    except Exception as error:  # noqa: BLE001 - another worker may do better
        at = "".join(traceback.format_exception(error)[-2:])
        answer = TaskFailed(asked.task, OrchestrateError(f"{error}\n{at}"))
    return to_bytes(without_secrets(answer))


def judged_in(folder: Path, parcel: Parcel, bundle: bytes, emit: Callable[[Event], None]) -> Answer:
    """The same below `folder`, which holds the clone and its checkouts from task to task."""
    if parcel.version != __version__:
        error = CannotJudge(
            f"a worker has orchestrate {__version__}, and was asked by {parcel.version}",
            next_step="install the same version on every worker",
        )
        return TaskFailed(parcel.task, error)
    try:
        with _slot(folder) as slot:
            clone = _clone(folder, parcel, bundle)
            return _judged(clone, folder / slot, parcel, emit)
    except OrchestrateError as error:
        return TaskFailed(parcel.task, error)


@contextlib.contextmanager
def _slot(folder: Path) -> Iterator[str]:
    """The name of a checkout that no other thread of this worker is at."""
    for number in range(1, 1_000):
        with _guard:
            lock = _slots.setdefault(f"{folder}/{number}", threading.Lock())
        if lock.acquire(blocking=False):
            try:
                yield f"slot-{number}"
            finally:
                lock.release()
            return


def _clone(folder: Path, parcel: Parcel, bundle: bytes) -> Repo:
    """The clone with the task's commit; what is broken of it is made anew once.

    Raises:
        CannotJudge: the bundles do not give the commit.
    """
    place = folder / "clone"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for is_last in (False, True):
            try:
                repo = Repo(place) if (place / ".git").is_dir() else _new(place)
                for commit, data in ((parcel.root, bundle), (parcel.task.base, parcel.since)):
                    if not _has(repo, commit):
                        _unbundle(repo, data)
                if _has(repo, parcel.task.base):
                    return repo
            except GitFailed as error:
                if is_last:
                    raise CannotJudge(
                        f"the bundle for {parcel.task.place} does not apply: {error.what}",
                        next_step="orchestrate next-batch --all --jobs 1",
                    ) from error
            shutil.rmtree(place, ignore_errors=True)
            for old in folder.glob("slot-*"):
                shutil.rmtree(old, ignore_errors=True)
    raise CannotJudge(
        f"the git bundles for {parcel.task.place} do not contain commit {parcel.task.base[:10]}",
        next_step="orchestrate next-batch --all --jobs 1",
    )


def _new(place: Path) -> Repo:
    place.mkdir(parents=True)
    repo = initialised(place, user="orchestrate", address="orchestrate@localhost")
    repo.run("config", "gc.auto", "0")  # no branch holds what bundles bring
    return repo


def _has(repo: Repo, commit: str) -> bool:
    try:
        repo.run("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")
    except GitFailed:
        return False
    return True


def _unbundle(repo: Repo, data: bytes) -> None:
    with tempfile.NamedTemporaryFile(prefix="orchestrate-bundle-") as file:
        file.write(data)
        file.flush()
        repo.run("bundle", "unbundle", file.name)


def _judged(clone: Repo, slot: Path, parcel: Parcel, emit: Callable[[Event], None]) -> Answer:
    top, task = slot / "work", parcel.task
    if (top / ".git").exists() and (slot / "ready").exists():
        worktree = Repo(top, ours=True)
        worktrees.move(worktree, task.base, but=(slot / "ready").read_text().splitlines())
    else:
        worktrees.remove(clone.common_folder(), top)
        shutil.rmtree(slot, ignore_errors=True)
        slot.mkdir()
        worktree = worktrees.add(clone, top, task.base)
        checkout = Checkout(worktree, clone.common_folder())
        checkout.set_up(parcel.plan.worktree, _python_path(parcel, top), lambda what: None)
        (slot / "ready").write_text("\n".join(worktrees.unknown(worktree)))
    for folder in ("notes", "logs"):
        (slot / folder).mkdir(exist_ok=True)
    workspace = Workspace(top, top / parcel.plan_file, parcel.plan)
    options = RunOptions(strict=parcel.strict, trust=True)
    pythons = {}
    if parcel.plan.runs_tests():
        folders = folders_of(projects_of(parcel.plan, top), parcel.plan)
        pythons = {
            folder: interpreter(top, wanted_python(parcel.plan, None, folder), command=None)
            for folder in dict.fromkeys(["", *folders])
        }
    there = WorktreeContext(workspace, options, pythons, top, slot / "notes", slot / "logs")
    servers = _fork_servers.setdefault(str(top), ForkServers())
    with open_worktree(there, emit, fork_servers=servers) as context:
        answer = judged(context, task)
    words = {str(top): TOP} | {str(python.path): PYTHON for python in pythons.values()}
    told = [event for event in answer.told if not isinstance(event, InterpreterFound)]
    return relocated(replace(answer, told=told), words)


def _python_path(parcel: Parcel, top: Path) -> Path | None:
    from orchestrator.project.interpreter import chosen

    return chosen(top, wanted_python(parcel.plan, None))


def _seldom(emit: Callable[[Event], None]) -> Callable[[Event], None]:
    """Tell of steps, and now and then how far the tests are; the rest comes with the answer."""
    last_s = 0.0

    def told(event: Event) -> None:
        nonlocal last_s
        if isinstance(event, TestsRan):
            if time.monotonic() - last_s < _TELL_S:
                return
            last_s = time.monotonic()
        elif not isinstance(event, StepBegun):
            return
        emit(event)

    return told
