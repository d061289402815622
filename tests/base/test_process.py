"""Programs are bounded in time, memory and output, and leave no process behind."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import psutil
import pytest

from orchestrator.base import process


def python(program: str, top: Path, **limits: object) -> process.Completed:
    given = {"timeout_s": 60.0, **limits}
    return process.run([sys.executable, "-c", program], cwd=top, **given)  # type: ignore[arg-type]


def test_output_and_exit_code_are_told(tmp_path: Path) -> None:
    ended = python("import sys; print('out'); print('err', file=sys.stderr); sys.exit(3)", tmp_path)
    assert (ended.exit_code, ended.stopped) == (3, None)
    assert sorted(ended.output.split()) == ["err", "out"]


def test_a_signal_is_a_negative_exit_code(tmp_path: Path) -> None:
    assert python("import os; os.kill(os.getpid(), 11)", tmp_path).exit_code == -11


def test_past_the_time_limit_it_is_ended_and_says_so(tmp_path: Path) -> None:
    started = time.monotonic()
    ended = python(
        "import time; print('began', flush=True); time.sleep(60)", tmp_path, timeout_s=1.0
    )
    assert (ended.exit_code, ended.stopped) == (None, "ran longer than 1 s")
    assert ended.output == "began\n"
    assert time.monotonic() - started < 20


def test_past_the_memory_limit_it_is_ended_and_says_so(tmp_path: Path) -> None:
    program = "import time; x = bytearray(200_000_000); time.sleep(60)"
    ended = python(program, tmp_path, memory_mib=100.0)
    assert ended.stopped is not None
    assert "more than 100 MiB" in ended.stopped


def test_a_reason_given_on_a_tick_ends_it(tmp_path: Path) -> None:
    ended = python("import time; time.sleep(60)", tmp_path, on_tick=lambda: "enough")
    assert ended.stopped == "enough"


def test_a_flood_of_output_is_kept_only_at_its_end(tmp_path: Path) -> None:
    ended = python("for n in range(300_000): print('x' * 100, n)", tmp_path)
    assert ended.output.endswith("299999\n")
    assert len(ended.output) <= 65_536


GRANDCHILD = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], {options})
print(child.pid, flush=True)
"""


@pytest.mark.parametrize(
    "options",
    [
        pytest.param("", id="fault-67 same group, holds the pipe"),
        pytest.param("start_new_session=True", id="fault-82 setsid"),
        pytest.param(
            "start_new_session=True, stdout=subprocess.DEVNULL", id="fault-82 setsid, no pipe"
        ),
    ],
)
def test_what_outlives_the_program_is_ended(options: str, tmp_path: Path) -> None:
    ended = python(GRANDCHILD.format(options=options), tmp_path)
    assert ended.exit_code == 0
    assert ended.duration_s < 20
    pid = int(ended.output)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_program_that_closes_its_output_is_still_waited_for(tmp_path: Path) -> None:
    ended = python(
        "import os, time; os.close(1); os.close(2); time.sleep(1); os._exit(4)", tmp_path
    )
    assert ended.exit_code == 4


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    with pytest.raises(process.ProgramMissing, match="'no-such-program'"):
        process.run(["no-such-program"], cwd=tmp_path, timeout_s=1)


def test_an_exception_on_a_tick_ends_the_program_too(tmp_path: Path) -> None:
    pids: list[int] = []
    others = {child.pid for child in psutil.Process().children()}

    def interrupt() -> None:
        pids.extend({child.pid for child in psutil.Process().children()} - others)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        python("import time; time.sleep(60)", tmp_path, on_tick=interrupt)
    assert pids
    assert not any(psutil.pid_exists(pid) for pid in pids)


def test_the_environment_is_the_callers_less_what_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEPT", "1")
    monkeypatch.setenv("LEFT_OUT", "1")
    env = process.environment(without=["LEFT_OUT"], ADDED="2")
    assert (env["KEPT"], env["ADDED"], "LEFT_OUT" in env) == ("1", "2", False)


@pytest.mark.parametrize("mark", ["", "a", "x" * 32, "0" * 31, " "])
def test_what_is_no_id_of_a_run_ends_no_process(mark: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import psutil

    def none_is_looked_at() -> None:
        raise AssertionError("it would have ended the processes of the user")

    monkeypatch.setattr(psutil, "process_iter", none_is_looked_at)
    process.end_marked(mark)
