"""Starts one pytest process over the batch's files with the probe inside, and follows it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from orchestrator.base import process, tempdirs
from orchestrator.base.redact import learn
from orchestrator.gates.pytest import meter as metering
from orchestrator.gates.pytest.events import Follower, TestRun
from orchestrator.gates.pytest.meter import MemoryUse, Meter
from orchestrator.plan.verify import Verify
from orchestrator.project.folders import TOP, inside, started_in
from orchestrator.project.ids import file_of
from orchestrator.project.interpreter import Interpreter

_PROBE_FOLDER = Path(__file__).parents[1] / "probe"
_NOT_INHERITED = (
    "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_VERSION",
    "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID",
)  # fmt: skip

OnProgress = Callable[[TestRun], None]
OnMemory = Callable[[Meter], None]


@dataclass(frozen=True, slots=True)
class PytestRequest:
    """What one run of pytest is asked for. `files` are test files or folders, from the top.

    It is started in `folder`, that of their project from the top; "" is the top itself.
    `only` keeps those ids and no others; `workers` is the number of xdist processes, 0 for none.
    `edited` are files of the batch that tests should import from here, and nowhere else.
    """

    files: Sequence[str]
    only: frozenset[str] | None = None
    freeze: bool = False
    workers: int = 0
    only_collect: bool = False
    edited: Sequence[str] = ()
    folder: str = TOP


STAYED = "its tests were over and it did not exit"
"""Why a run was ended whose answer is complete."""

_STAYS_S = 3.0
"""How long a run that is over may do nothing before it is ended, in seconds."""

_IDLE_S = 0.05
"""Less of the processor's time than this is nothing, in seconds."""


@dataclass(slots=True)
class _Lingering:
    """Notices that pytest has finished its session but its process neither works nor exits."""

    pid: int = 0
    _since_s: float = 0.0
    _used_s: float = 0.0

    def is_idle(self, quiet_s: float) -> bool:
        """Whether it has printed no event for `quiet_s` seconds and used no CPU time since."""
        if quiet_s < _STAYS_S:
            return False
        now_s, used_s = time.monotonic(), process.tree_cpu_s(self.pid)
        if not self._since_s or used_s - self._used_s > _IDLE_S:
            self._since_s, self._used_s = now_s, used_s
        return now_s - self._since_s >= _STAYS_S


@dataclass(frozen=True, slots=True)
class Halt:
    """Where a run of pytest hung or died: in which file and test (None: on import of the file)."""

    path: str
    test_id: str | None
    what: str
    is_hang: bool


@dataclass(frozen=True, slots=True)
class PytestRun:
    """A run of pytest that is over: what the probe told, and how the process ended."""

    request: PytestRequest
    command: Sequence[str]
    run: TestRun
    process: process.Completed
    silent: bool
    """Whether it was ended because no test gave a sign of life within the limit."""
    collect_s: float
    """Seconds from the start of the process to the end of collection, as seen from outside."""

    memory: MemoryUse | None = None
    """What the run held, where that was asked for."""

    written: Mapping[str, str] = field(default_factory=dict)
    """Files and folders below the top that its Python code wrote to, with the test that did."""

    elsewhere: Mapping[str, str] = field(default_factory=dict)
    """Edited files that were imported from another place only, with that place."""

    read: frozenset[str] = frozenset()
    """Files below the top that its Python code read, those it imported included."""

    started: frozenset[str] = frozenset()
    """Programs it started: what they read, nobody knows."""

    def halts(self) -> list[Halt]:
        """What was at work when the run hung or its interpreter died; nothing where none is known.

        A limit of the whole run (time, memory) tells nothing of the test that happened to run.
        """
        run = self.run
        if run.lost_workers or not (self.silent or self._died()):
            return []
        how = self.process.stopped or self._death()
        what = f"never ended: {how}" if self.silent else how
        if run.running:
            return [Halt(file_of(id_), id_, what, self.silent) for id_ in run.running]
        return [Halt(run.collecting, None, what, self.silent)] if run.collecting else []

    def _died(self) -> bool:
        if self.process.stopped:
            return False
        return not self.run.finished or bool(self.run.running)

    def _death(self) -> str:
        code = self.process.exit_code
        if code is not None and code < 0:
            return f"the interpreter died of {signal.Signals(-code).name}"
        return f"the interpreter ended in the middle of it, with exit code {code}"


def run_pytest(
    request: PytestRequest,
    *,
    top: Path,
    python: Interpreter,
    verify: Verify,
    on_progress: OnProgress,
    compares_lines: bool = True,
    on_memory: OnMemory | None = None,
    env: Mapping[str, str] | None = None,
    start: process.Start | None = None,
    imports: Path | None = None,
) -> PytestRun:
    """Collect and run tests in one process (plus xdist workers, if asked for).

    With `on_memory`, which is told ten times a second, memory is measured. `env` is laid over the
    environment; its PYTHONPATH comes before the inherited one. `start` starts it in place of the
    system. What it imports is written to `imports`.
    """
    learn(env or {})
    with tempdirs.folder("gate") as name:
        folder = Path(name)
        out = folder / "events"
        out.touch()
        touched = folder / "touched"
        touched.touch()
        wanted = [inside(path, request.folder) for path in request.files]
        files = list(dict.fromkeys(f"./{_argument(path)}" for path in wanted))
        settings: dict[str, object] = {
            "out": str(out),
            "touched": str(touched),
            "edited": list(request.edited),
            "top": str(top),
            "folder": request.folder,
            "files": files,
            "wanted": wanted if any("[" in path for path in wanted) else None,
            "only": None if request.only is None else sorted(request.only),
            "workers": 0 if request.only_collect else request.workers,
            "freeze": request.freeze,
            "only_collect": request.only_collect,
            "imports": None if imports is None else str(imports),
        }
        follower = Follower(out, TestRun(top, compares_lines))
        meter = _meter(folder, request) if on_memory else None
        silent, lingering = False, _Lingering()

        def tick() -> str | None:
            nonlocal silent
            follower.poll()
            on_progress(follower.run)
            if meter is not None and on_memory is not None:
                meter.look()
                on_memory(meter)
            if follower.run.finished and lingering.is_idle(follower.quiet_s):
                return STAYED
            if follower.run.lost_workers:  # xdist may wait for ever for what it had been given
                return "a worker was lost"
            silent = follower.quiet_s > verify.test_timeout_s
            return f"no sign of life for {verify.test_timeout_s:g} s" if silent else None

        def began(pid: int) -> None:
            lingering.pid = pid
            if meter is not None:
                meter.started(pid)

        command = _command(files, folder, python, verify, metered=meter is not None)
        try:
            ended = process.run(
                command,
                cwd=top / request.folder,
                env=_environment(settings, folder, python, env or {}),
                timeout_s=verify.timeout_s,
                memory_mib=verify.memory_mib,
                on_start=began,
                on_tick=tick,
                start=start,
            )
        finally:
            follower.close()
        memory = meter.memory() if meter else None
        told = [json.loads(line) for line in touched.read_text("ascii").splitlines()]
    collect_s = ended.duration_s if follower.collect_s is None else follower.collect_s
    written = {line["path"]: line["by"] for line in reversed(told) if "by" in line}
    elsewhere = {line["path"]: line["from"] for line in told if "from" in line}
    collect_s = min(collect_s, ended.duration_s)
    return PytestRun(
        request, started_in(request.folder, command), follower.run, ended, silent, collect_s,
        memory, written, elsewhere,
        read=frozenset(line["read"] for line in told if "read" in line),
        started=frozenset(line["started"] for line in told if "started" in line),
    )  # fmt: skip


def _argument(path: str) -> str:
    """The path, or the folder above it that pytest takes as one: `[` begins parameters there."""
    plain = path.split("[", 1)[0]
    return path if plain == path else plain.rpartition("/")[0] or "."


def nothing_run(request: PytestRequest, top: Path) -> PytestRun:
    """The end of a run without any file: no test, and nothing amiss."""
    run = TestRun(top, rootdir=top, has_xdist=True, collected=True, finished=True)
    return PytestRun(request, [], run, process.Completed(0, "", 0.0), silent=False, collect_s=0.0)


def _meter(folder: Path, request: PytestRequest) -> Meter:
    (folder / "memory").mkdir()
    return Meter(folder / "memory", request.workers)


def _command(
    files: list[str], folder: Path, python: Interpreter, verify: Verify, *, metered: bool
) -> list[str]:
    return [
        str(python.path), "-m", "pytest",
        "-p", "orchestrate_probe",
        *(["-p", metering.PLUGIN] if metered else []),
        "-o", f"cache_dir={folder / 'cache'}",  # neither read (--lf) nor written in the project
        *verify.pytest_args,
        *files,
    ]  # fmt: skip


def _environment(
    settings: dict[str, object], folder: Path, python: Interpreter, env: Mapping[str, str]
) -> dict[str, str]:
    ours = {
        "ORCHESTRATE_PROBE": str(_written(settings, folder)),
        metering.VARIABLE: str(folder / "memory"),
    }
    return {**base_environment(python, env), **ours}


def base_environment(python: Interpreter, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """What every run of pytest has of an environment, with `env` laid over it."""
    env = env or {}
    given = [*python.first, env.get("PYTHONPATH"), os.environ.get("PYTHONPATH")]
    search = [str(_PROBE_FOLDER), *filter(None, given)]
    ours = {"PYTHONPATH": os.pathsep.join(search), "PYTHONHASHSEED": "0"}
    return process.environment(without=_NOT_INHERITED, **{**env, **ours})


def _written(settings: dict[str, object], folder: Path) -> Path:
    """The settings as a file: one variable of the environment holds 128 KB at most."""
    path = folder / "settings.json"
    path.write_text(json.dumps(settings), "ascii")
    return path
