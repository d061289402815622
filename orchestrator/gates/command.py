"""A command of the plan as a gate: it must end with 0, or say nothing it did not say before."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from orchestrator.base import commandline, process
from orchestrator.base.changes import Side
from orchestrator.base.outcomes import GateResult
from orchestrator.base.redact import last_lines
from orchestrator.gates.verdict import GateFailure, Verdict
from orchestrator.plan.verify import VerifyCommand

_VARYING = re.compile(
    r"\b0x[0-9a-f]+\b|\b[0-9a-f-]{16,}\b|(?<![\w.])\d+(?:\.\d+)?(?![\w.])", re.IGNORECASE
)
"""Positions, durations, addresses and ids: what a tool says differently of the same thing."""
_KEEP_BYTES = 4 * 2**20


@dataclass(frozen=True, slots=True)
class CommandGate:
    """One command of the plan, ready to be run in the work tree at `top`."""

    command: VerifyCommand
    top: Path
    python: Path | None
    timeout_s: float

    def words(self, paths: Sequence[str], *, python: Path | str | None) -> list[str]:
        """The command with its two placeholders filled in; files that are gone are left out.

        Raises:
            NoPython: it needs the project's interpreter, and there is none.
        """
        there = [path for path in paths if (self.top / path).exists()]
        return commandline.words(self.command.run, there, python)

    def verdict(
        self, paths: Sequence[str], put: Callable[[Side], None], *, baseline: bool
    ) -> Verdict:
        """What the command says of `paths`; red before too, with the same lines, is no fault.

        Lines are compared without their numbers, since an edit moves what comes after it.
        """
        words = self.words(paths, python=self.python)
        verdict = Verdict(self.command.name, GateResult.PASSED, len(paths), 0.0, commands=[words])
        try:
            ended = self._run(paths)
        except process.ProgramMissing as error:
            told = commandline.missing(error, "verify: commands:", words[0])
            why = f"{self.command.name}: {told.what}; {told.next_step}"
            return replace(verdict, kind=GateResult.CANNOT_JUDGE, why=why)
        verdict = replace(verdict, duration_s=ended.duration_s)
        if ended.exit_code is None:
            why = f"{self.command.name}: {ended.stopped}"
            return replace(verdict, kind=GateResult.CANNOT_JUDGE, why=why)
        if ended.exit_code == 0:
            return verdict
        new = _said(ended)
        if baseline:
            new, before = self._new(paths, new, put)
            if before is not None and not new:
                last = last_lines(before.output).rpartition("\n")[2]
                note = f"{self.command.name} fails without the edit too: {last}"
                return replace(verdict, failed_before=[self.command.name], notes=[note])
            if not new:
                note = f"{self.command.name} failed once, and passed on the same bytes"
                return replace(verdict, notes=[note])
        return replace(verdict, kind=GateResult.RED, blames=self._blames(paths, ended.output, new))

    def _new(
        self, paths: Sequence[str], said: Counter[str], put: Callable[[Side], None]
    ) -> tuple[Counter[str], process.Completed | None]:
        """What is said twice with the edit and never in two runs without, and how it failed there.

        Two runs on each side: a command may say something else each time, or fail by chance.
        """
        again = self._run(paths)
        said = said & (Counter() if again.exit_code == 0 else _said(again))
        failed = None
        try:
            put(Side.BEFORE)
            for _ in range(2):
                before = self._run(paths)
                if before.exit_code != 0:
                    failed = before
                    said = said - _said(before)
        finally:
            put(Side.EDITED)
        return said, failed

    def _run(self, paths: Sequence[str]) -> process.Completed:
        words = self.words(paths, python=self.python)
        return process.run(
            words,
            cwd=self.top,
            env=commandline.environment(self.top, self.python),
            timeout_s=self.timeout_s,
            keep_bytes=_KEEP_BYTES,
        )

    def says(self, paths: Sequence[str]) -> Counter[str] | None:
        """What it complains of now, lines without their numbers; None where it ends with 0."""
        ended = self._run(paths)
        return None if ended.exit_code == 0 else _said(ended)

    def _blames(self, paths: Sequence[str], output: str, new: Counter[str]) -> list[GateFailure]:
        lines = [line for line in output.splitlines() if _VARYING.sub("0", line).strip() in new]
        about = {path: [line for line in lines if _names(line, path)] for path in paths}
        blames = [self._blame(path, "\n".join(mine)) for path, mine in about.items() if mine]
        return blames or [replace(self._blame(paths[0], output), together=True)]

    def _blame(self, path: str, text: str) -> GateFailure:
        what = f"{self.command.name} finds something new"
        return GateFailure(path, None, what, text=last_lines(text))


def _said(ended: process.Completed) -> Counter[str]:
    """Every line with its numbers made equal, and the exit code: a silent no is one as well."""
    lines = [_VARYING.sub("0", line).strip() for line in ended.output.splitlines() if line.strip()]
    return Counter([*lines, f"exit code {ended.exit_code}"])


def _names(line: str, path: str) -> bool:
    """Whether a line names the file itself, not another one whose path ends or begins so."""
    return re.search(rf"(?<![\w/.-])(?:\./)?{re.escape(path)}(?![\w/-])", line) is not None
