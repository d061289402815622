"""Starts the commands of a plan in a scratch copy, one after the other, bounded in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.base import commandline, process
from orchestrator.base.redact import last_lines
from orchestrator.fixers.program_options import Running
from orchestrator.fixers.program_run import ProgramFailure
from orchestrator.fixers.task import Task

_LAST_LINES = 40
_KEEP_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Ended:
    """How the commands of one run ended: all they printed, and what failed, if so."""

    printed: str
    failed: ProgramFailure | None = None


def started(
    running: Running,
    task: Task,
    paths: Sequence[str],
    *,
    more: Mapping[str, str] | None = None,
    stdin: Path | None = None,
) -> Ended:
    """Run each command over `paths`, until one does not end as it should.

    Raises:
        CannotJudge: there is no such program, or no Python for one that needs it.
    """
    folder = task.scratch().folder
    python = task.python_path()
    printed = ""
    for command in running.commands:
        words = commandline.words(command, paths, python, more)
        words[0] = _found(words[0], folder, task.top)
        try:
            ended = process.run(
                words,
                cwd=folder,
                env=commandline.environment(folder, python),
                timeout_s=running.minutes * 60,
                keep_bytes=_KEEP_BYTES,
                stdin=stdin,
            )
        except process.ProgramMissing as error:
            raise commandline.missing(error, f"run: {command}", words[0]) from error
        printed += ended.output
        if ended.exit_code is None:
            return Ended(
                printed,
                ProgramFailure(
                    f"{words[0]} {ended.stopped}", last_lines(ended.output, _LAST_LINES)
                ),
            )
        if ended.exit_code not in running.exit_codes:
            return Ended(printed, _failed(words[0], ended))
    return Ended(printed)


def _failed(program: str, ended: process.Completed) -> ProgramFailure:
    said = last_lines(ended.output, _LAST_LINES)
    last = said.splitlines()[-1].strip() if said else "it printed nothing"
    name = Path(program).name
    return ProgramFailure(
        f"{name} ended with {ended.exit_code}: {last} (`exit_codes:` says which are no failure)",
        said,
    )


def _found(program: str, folder: Path, top: Path) -> str:
    """A program named by a relative path: that of the copy, else the one in the work tree."""
    if "/" in program and not program.startswith("/") and not (folder / program).exists():
        return str(top / program)
    return program
