"""Runs one fixer over many files in a process of its own: what crashes here takes nothing along."""

from __future__ import annotations

import gc
import json
import resource
import signal
import sys
from pathlib import Path
from typing import Any, TextIO

from orchestrator.fixers.base import Edit, FileFixer, NoChange, Outcome, Refusal, Source
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
            source = decoded_source(json.loads(line))
            signal.alarm(job["limit_s"])
            try:
                outcome = fixer.fix(source, top)
            except Exception as error:  # noqa: BLE001 - a fixer is foreign code; its bug is one file's
                outcome = Refusal(source.path, f"the fixer failed: {type(error).__name__}: {error}")
            signal.alarm(0)
            _write(out, encoded_outcome(outcome))


def encoded_source(source: Source) -> dict[str, Any]:
    """A request line; latin-1 carries any bytes through JSON unchanged."""
    data = source.data.decode("latin-1")
    return {
        "path": source.path, "data": data, "options": dict(source.options), "exists": source.exists
    }  # fmt: skip


def decoded_source(line: dict[str, Any]) -> Source:
    """The inverse of `encoded_source`."""
    data = line["data"].encode("latin-1")
    return Source(line["path"], data, line["options"], line["exists"])


def encoded_outcome(outcome: Outcome) -> dict[str, Any]:
    """A result line."""
    match outcome:
        case Edit(path, data, counts, notes):
            text = data.decode("latin-1")
            return {
                "is": "edit",
                "path": path,
                "data": text,
                "counts": dict(counts),
                "notes": notes,
            }
        case NoChange(path, notes):
            return {"is": "no change", "path": path, "notes": notes}
        case Refusal(path, reason, detail):
            return {"is": "refusal", "path": path, "reason": reason, "detail": detail}


def decoded_outcome(line: dict[str, Any]) -> Outcome:
    """The inverse of `encoded_outcome`."""
    kind, path = line["is"], line["path"]
    if kind == "edit":
        return Edit(path, line["data"].encode("latin-1"), line["counts"], tuple(line["notes"]))
    if kind == "no change":
        return NoChange(path, tuple(line["notes"]))
    return Refusal(path, line["reason"], line["detail"])


def _write(out: TextIO, line: dict[str, Any]) -> None:
    out.write(json.dumps(line) + "\n")
    out.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
