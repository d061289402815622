"""Runs nothing a plan brings along until a person here has seen it; a change asks anew."""

from __future__ import annotations

import hashlib
from pathlib import Path

from orchestrator import private
from orchestrator.errors import Refused
from orchestrator.fixers import planned
from orchestrator.plan.model import Plan


def check_trust(plan: Plan, folder: Path, *, trust: bool, command: str = "next-batch") -> None:
    """Make sure that what the plan would execute was trusted here, or trust it now.

    `folder` is ours below git's own; what is trusted is remembered there by its digest.

    Raises:
        Refused: it was not, and `trust` does not say so.
    """
    commands = planned.commands(plan)
    if not commands:
        return
    trusted = folder / "trusted"
    text = "\n".join(commands)
    digest = hashlib.sha256(text.encode()).hexdigest()
    known = trusted.read_text("ascii").split() if trusted.exists() else []
    if digest in known:
        return
    if not trust:
        raise Refused(
            f"the plan would run commands that were not trusted here yet:\n{text}",
            next_step=f"look at them, then once: orchestrate {command} --trust",
        )
    private.write(trusted, "\n".join([*known, digest, ""]).encode("ascii"))
