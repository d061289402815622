"""Runs one fixer over many files in a process of its own: what crashes here takes nothing along."""

from __future__ import annotations

import gc
import json
import resource
import signal
import sys
from pathlib import Path
from typing import TextIO

from orchestrator.base.codec import from_json, to_json
from orchestrator.fixers.base import FileFixer
from orchestrator.fixers.outcome import Outcome, Refusal, Source
from orchestrator.fixers.registry import get

MEMORY_LIMIT_BYTES = 4 * 2**30
"""Address space of this process, in bytes."""


def main(requests: Path, results: Path) -> None:
    """Answer every line of `requests` with a line in `results`, in order.

    The first line is the job: the fixer, the top of the repository, and how many seconds one file
    may take; past them the kernel ends this process.
    """
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_LIMIT_BYTES, MEMORY_LIMIT_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    gc.disable()  # syntax trees are many objects and no cycles worth finding; memory is bounded
    with requests.open(encoding="ascii") as lines, results.open("w", encoding="ascii") as out:
        job = json.loads(next(lines))
        fixer, top = get(job["fixer"]), Path(job["top"])
        assert isinstance(fixer, FileFixer)  # others are not run in here
        for line in lines:
            source = from_json(Source, json.loads(line))
            signal.alarm(job["limit_s"])
            try:
                outcome: Outcome = fixer.fix(source, top)
            except Exception as error:  # noqa: BLE001 - a fixer is foreign code; its bug is one file's
                outcome = Refusal(source.path, f"the fixer failed: {type(error).__name__}: {error}")
            signal.alarm(0)
            _write(out, outcome)


def _write(out: TextIO, outcome: Outcome) -> None:
    out.write(json.dumps(to_json(outcome, defaults=True)) + "\n")
    out.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
