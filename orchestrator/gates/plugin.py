"""A gate of another package: what it complains of, and did not before, is blamed."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from orchestrator.base.changes import Change, Content
from orchestrator.base.outcomes import GateResult
from orchestrator.base.plugins import GATES, BrokenPlugin, plugins
from orchestrator.errors import CannotJudge
from orchestrator.gates.verdict import GateFailure, Verdict


class Gate(ABC):
    """One check of files. A plan names it in `verify: gates:` by the name of its entry point."""

    version: ClassVar[int] = 1

    @abstractmethod
    def complaints(self, path: str, content: bytes, top: Path) -> Iterable[str]:
        """What is wrong with a file that holds `content`, each in a line; `path` is from `top`."""


def gate_named(name: str) -> Gate:
    """The gate that a plug-in brings along under this name.

    Raises:
        CannotJudge: it does not load, or is no `Gate`.
    """
    try:
        found = plugins(GATES)[name].load()
    except BrokenPlugin as error:
        raise CannotJudge(f"the gate {error}", next_step="orchestrate fixers") from error
    if not isinstance(found, Gate):
        what = f"the gate {name!r} is a {type(found).__name__}, and no Gate"
        raise CannotJudge(what, next_step="orchestrate fixers")
    return found


def plugin_gate(name: str, changes: Sequence[Change], *, top: Path, baseline: bool) -> Verdict:
    """What the gate called `name` says of the files as they are edited, and did not say before."""
    started_s = time.monotonic()
    gate = gate_named(name)
    verdict = Verdict(name, GateResult.PASSED, len(changes), 0.0)
    blames: list[GateFailure] = []
    before = False
    try:
        for change in changes:
            now = _said(gate, change.path, change.after, top)
            old = _said(gate, change.path, change.before, top)
            before = before or bool(now & old)
            new = now - old if baseline else now
            blames += [GateFailure(change.path, None, what) for what in new]
    except Exception as error:  # noqa: BLE001 - foreign code; its bug is said, and nothing is blamed
        why = f"the gate {name} failed: {type(error).__name__}: {error}"
        return replace(verdict, kind=GateResult.CANNOT_JUDGE, why=why)
    return replace(
        verdict,
        kind=GateResult.RED if blames else GateResult.PASSED,
        blames=blames,
        failed_before=[name] if before and baseline else [],
        duration_s=time.monotonic() - started_s,
    )


def _said(gate: Gate, path: str, content: Content, top: Path) -> Counter[str]:
    if content is None:
        return Counter()
    return Counter(" ".join(str(line).split()) for line in gate.complaints(path, content, top))
