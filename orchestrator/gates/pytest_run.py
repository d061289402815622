"""Starts one pytest process over the batch's files with the probe inside, and follows it."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator import process
from orchestrator.gates.events import Follower, TestRun
from orchestrator.gates.interpreter import Interpreter
from orchestrator.plan.model import Verify

_PROBE_FOLDER = Path(__file__).parent / "probe"
_NOT_INHERITED = (
    "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_VERSION",
    "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT", "PYTEST_XDIST_TESTRUNUID",
)  # fmt: skip

OnProgress = Callable[[TestRun], None]


@dataclass(frozen=True, slots=True)
class Ended:
    """A run of pytest that is over: what the probe told, and how the process ended."""

    run: TestRun
    process: process.Completed
    silent: bool
    """Whether it was ended because no test gave a sign of life within the limit."""
    collect_s: float
    """Seconds from the start of the process to the end of collection, as seen from outside."""


def run_pytest(
    paths: Sequence[str],
    *,
    top: Path,
    python: Interpreter,
    verify: Verify,
    freeze: bool,
    on_progress: OnProgress,
    only_collect: bool = False,
) -> Ended:
    """Collect and run the tests of `paths` in one process (plus xdist workers, if asked for)."""
    with tempfile.TemporaryDirectory(prefix="orchestrate-gate-") as name:
        folder = Path(name)
        out = folder / "events"
        out.touch()
        files = [f"./{path}" for path in paths]
        settings = {
            "out": str(out),
            "files": files,
            "workers": 0 if only_collect else verify.workers,
            "freeze": freeze,
            "only_collect": only_collect,
        }
        follower = Follower(out, TestRun(top))
        silent = False

        def tick() -> str | None:
            nonlocal silent
            follower.poll()
            on_progress(follower.run)
            if follower.run.lost_workers:  # xdist may wait for ever for what it had been given
                return "a worker was lost"
            silent = follower.quiet_s > verify.test_timeout_s
            return f"no sign of life for {verify.test_timeout_s:g} s" if silent else None

        ended = process.run(
            _command(files, folder, python, verify),
            cwd=top,
            env=_environment(settings),
            timeout_s=verify.timeout_s,
            memory_mib=verify.memory_mib,
            on_tick=tick,
        )
        follower.close()
    collect_s = ended.duration_s if follower.collect_s is None else follower.collect_s
    return Ended(follower.run, ended, silent, min(collect_s, ended.duration_s))


def _command(files: list[str], folder: Path, python: Interpreter, verify: Verify) -> list[str]:
    return [
        str(python.path), "-m", "pytest",
        "-p", "orchestrate_probe",
        "-o", f"cache_dir={folder / 'cache'}",  # neither read (--lf) nor written in the project
        *verify.pytest_args,
        *files,
    ]  # fmt: skip


def _environment(settings: dict[str, object]) -> dict[str, str]:
    inherited = os.environ.get("PYTHONPATH")
    search = [str(_PROBE_FOLDER), *([inherited] if inherited else [])]
    return process.environment(
        without=_NOT_INHERITED,
        PYTHONPATH=os.pathsep.join(search),
        PYTHONHASHSEED="0",
        ORCHESTRATE_PROBE=json.dumps(settings),
    )
