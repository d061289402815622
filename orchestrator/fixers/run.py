"""Gets the outcome of every file of a batch from a fixer that runs in a child process."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from orchestrator import process
from orchestrator.fixers.base import Outcome, Refusal, Source
from orchestrator.fixers.child import decoded_outcome, encoded_source

FILE_LIMIT_S = 60
"""How long one file may take, in seconds."""


def outcomes(fixer: str, sources: Sequence[Source], *, top: Path) -> list[Outcome]:
    """What `fixer` says of each of `sources`, in their order; nothing is written to the repository.

    A file that crashes, hangs or exhausts the child is refused with that reason, and a new child
    goes on with the next one.
    """
    done: list[Outcome] = []
    with tempfile.TemporaryDirectory(prefix="orchestrate-fix-") as folder:
        while len(done) < len(sources):
            rest = sources[len(done) :]
            answers, ended = _one_child(fixer, rest, top=top, folder=Path(folder))
            done += answers
            if len(answers) < len(rest):
                done.append(Refusal(rest[len(answers)].path, _why(ended)))
    return done


def _one_child(
    fixer: str, sources: Sequence[Source], *, top: Path, folder: Path
) -> tuple[list[Outcome], process.Completed]:
    requests, results = folder / "requests", folder / "results"
    job = {"fixer": fixer, "top": str(top), "limit_s": FILE_LIMIT_S}
    lines = [job, *map(encoded_source, sources)]
    requests.write_text("".join(json.dumps(line) + "\n" for line in lines), "ascii")
    results.write_bytes(b"")
    # -P: a folder called `orchestrator` in the user's repository must not be taken for ours
    command = [sys.executable, "-P", "-m", "orchestrator.fixers.child", str(requests), str(results)]
    limit_s = FILE_LIMIT_S * (len(sources) + 1)
    ended = process.run(command, cwd=top, timeout_s=limit_s, starts_others=False)
    complete = [
        line for line in results.read_text("ascii").splitlines(keepends=True) if line[-1] == "\n"
    ]
    return [decoded_outcome(json.loads(line)) for line in complete], ended


def _why(ended: process.Completed) -> str:
    if ended.exit_code == -signal.SIGALRM or ended.stopped:
        return f"the fixer needed more than {FILE_LIMIT_S} s for it"
    if ended.exit_code is not None and ended.exit_code < 0:
        return f"the fixer crashed on it ({signal.Signals(-ended.exit_code).name})"
    lines = ended.output.strip().splitlines()
    return f"the fixer ended on it: {lines[-1] if lines else f'exit code {ended.exit_code}'}"
