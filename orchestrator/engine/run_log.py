"""Keeps what the last run of a batch did here: its commands, and what its failures printed.

Local and disposable, below git's own folder: a record holds no path and no duration.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import state_files
from orchestrator.base.reading import read_own
from orchestrator.base.redact import redacted, redacted_id
from orchestrator.fixers.outcome import Refusal
from orchestrator.gates.verdict import Verdict
from orchestrator.project.interpreter import Interpreter

_MOST_BYTES = 16 * 2**20
_MOST_BYTES_OF_A_PATH = 4_096


@dataclass(frozen=True, slots=True)
class LoggedCommand:
    """One command as it was run, for which gate."""

    gate: str
    words: Sequence[str]


def write_log(
    folder: Path,
    place: str,
    verdicts: Sequence[Verdict],
    refused: Sequence[Refusal] = (),
    *,
    python: Interpreter | None,
) -> None:
    """Replace what is kept of `place` by what these verdicts hold, and what refusals showed.

    `python` is the interpreter of this very process's choice: verdicts may come from elsewhere.
    """
    at = folder / "logs" / place
    shutil.rmtree(at, ignore_errors=True)
    if python is not None:
        state_files.write(at / "python", os.fsencode(python.path))
    commands = [
        [v.gate, [words[0], *map(redacted_id, words[1:])]]
        for v in verdicts
        for words in v.commands
        if words
    ]
    if commands:
        state_files.write(at / "commands.json", json.dumps(commands, indent=1).encode())
    for path, text in _texts(verdicts, refused).items():
        state_files.write(log_path(folder, place, path), text.encode("utf-8", "replace"))


def write_seconds(
    folder: Path, plan: str, place: str, seconds: Mapping[str, float], count: int
) -> None:
    """Keep how long each step of a batch of `count` files of a plan took here, in seconds."""
    steps = {name: round(value, 3) for name, value in seconds.items()}
    kept = {"plan": plan, "files": count, "steps": steps}
    state_files.write(folder / "logs" / place / "seconds.json", json.dumps(kept).encode())


def log_path(folder: Path, place: str, path: str) -> Path:
    """Where the log of one file of a batch is, if its last run here left one."""
    digest = hashlib.sha256(path.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return folder / "logs" / place / f"{path.rpartition('/')[2][-80:]}-{digest}.log"


def logged_python(folder: Path, place: str) -> Path | None:
    """The interpreter of a batch's last run; None unless this user alone could write the log."""
    data = read_own(folder / "logs" / place / "python", most=_MOST_BYTES_OF_A_PATH)
    return Path(os.fsdecode(data)) if data and b"\0" not in data else None


def logged_commands(folder: Path, place: str) -> list[LoggedCommand]:
    """What the last run of a batch here ran, in order; nothing where it ran elsewhere.

    For people to read: a worker may have said so, and nothing of it is started again.
    """
    data = read_own(folder / "logs" / place / "commands.json", most=_MOST_BYTES)
    try:
        rows = json.loads(data or b"[]")
        return [LoggedCommand(str(gate), [*map(str, words)]) for gate, words in rows]
    except (ValueError, TypeError, RecursionError):
        return []


def _texts(verdicts: Sequence[Verdict], refused: Sequence[Refusal]) -> dict[str, str]:
    texts = {one.path: redacted(f"{one.reason}\n{one.detail}\n\n") for one in refused if one.detail}
    for verdict in verdicts:
        for blame in verdict.blames:
            head = f"{verdict.gate}: {blame.test_id or blame.path}: {blame.what}"
            block = redacted(f"{head}\n{blame.text}\n\n")
            texts[blame.path] = texts.get(blame.path, "") + block
    return texts


@dataclass(frozen=True, slots=True)
class Took:
    """How long a batch of so many files took here: seconds by step, as `next-batch` names them."""

    files: int
    seconds: Mapping[str, float]


def logged_seconds(folder: Path, plan: str) -> dict[str, Took]:
    """What every batch of a plan that landed here took, by `phase/batch`."""
    found = {}
    for file in sorted((folder / "logs").glob("*/*/seconds.json")):
        try:
            kept = json.loads(file.read_bytes())
            if kept.get("plan", plan) != plan:
                continue
            took = Took(int(kept["files"]), {str(k): float(v) for k, v in kept["steps"].items()})
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
        found[f"{file.parent.parent.name}/{file.parent.name}"] = took
    return found
