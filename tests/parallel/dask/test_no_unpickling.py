"""A scheduler or a worker that means harm: nothing of what it pickles is run here."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from test_cluster import Machines, machines  # noqa: F401 - a fixture

from orchestrator.parallel.dask.no_unpickling import refuse_pickles

pytestmark = pytest.mark.xdist_group("cluster")

EVIL = """
import os


class Trap:
    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.system, (f"touch {self.file}",)


def result(file):
    return Trap(file)


def warn(file):
    import pickle

    from distributed import get_worker

    get_worker().log_event("warn", {"message": pickle.dumps(Trap(file))})
    return b"warned"


def honest(file):
    return b"data"
"""

ASKS = """
import sys
import time
from contextlib import nullcontext

import evil
from distributed import Client

from orchestrator.parallel.dask.no_unpickling import refuse_pickles

address, kind, file, door = sys.argv[1:]
with refuse_pickles() if door == "closed" else nullcontext():
    given = ["dask", "msgpack", "error"] if door == "closed" else None
    client = Client(address, timeout=20, set_as_default=False, deserializers=given)
    if door == "closed":
        for topic in ("print", "warn"):
            client.unsubscribe_topic(topic)
    client.wait_for_workers(1, timeout=60)
    future = client.submit(getattr(evil, kind), file, pure=False)
    until = time.monotonic() + 60
    while future.status == "pending" and time.monotonic() < until:
        time.sleep(0.05)
    print(future.status)
    try:
        print(future.result())
    except Exception as error:
        print(type(error).__name__)
    time.sleep(0.5)
    client.close(timeout=2)
"""


@pytest.fixture
def evil(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "evil.py").write_text(EVIL)
    (folder / "asks.py").write_text(ASKS)
    monkeypatch.setenv(
        "PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    )
    return folder


def test_nothing_that_a_worker_pickles_is_run_here(
    tmp_path: Path,
    evil: Path,
    machines: Machines,  # noqa: F811
) -> None:
    """Each trap is sprung without the door, so that the test can fail."""

    def asked(kind: str, door: str) -> tuple[bool, list[str]]:
        file = tmp_path / f"{kind}-{door}"
        command = [sys.executable, str(evil / "asks.py"), machines.address, kind, str(file), door]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
        return here(file), ended.stdout.split()

    def here(file: Path) -> bool:
        return file.exists()

    assert asked("honest", "closed")[1] == ["finished", "b'data'"]
    for kind in ("result", "warn"):
        assert asked(kind, "open")[0], kind
        was_run, said = asked(kind, "closed")
        assert not was_run, (kind, said)


def test_the_door_knows_the_type_of_bytes_and_nothing_else() -> None:
    import distributed.client
    import distributed.protocol.pickle

    theirs: Any = distributed.protocol.pickle
    before = theirs.pickle
    with refuse_pickles():
        assert theirs.loads(theirs.dumps(bytes)) is bytes
        for value in (str, KeyError("x"), time.time, {"a": 1}):
            with pytest.raises(TypeError, match="not loaded here"):
                theirs.loads(theirs.dumps(value))
        client: Any = distributed.client
        with pytest.raises(TypeError):
            client.pickle.loads(before.dumps("x"))
    assert theirs.pickle is before
    assert theirs.loads(theirs.dumps(KeyError)) is KeyError
