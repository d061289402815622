"""Remembers a checked plan by the digest of its bytes, so that a large one is parsed only once."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from orchestrator import __version__
from orchestrator.plan.model import Plan
from orchestrator.plan.source import read

if TYPE_CHECKING:  # importing it imports PyYAML, which a remembered plan does not need
    from orchestrator.plan.load import Check

_KEPT = 16


def load_remembered(path: Path, *, plan_path: str, checks: Sequence[Check]) -> Plan:
    """The checked plan in `path`, from the user's cache folder where its very bytes are known.

    Nothing is written in the repository, and an unwritable cache costs only time.

    Raises:
        BadInput: what is wrong with the plan, each with `file:line:column`.
    """
    data = read(path)
    digest = hashlib.sha256(f"{__version__}\0{plan_path}\0".encode() + data).hexdigest()
    snapshot = cache_folder() / f"plan-{digest}.json"
    if (plan := _recalled(snapshot)) is None:
        from orchestrator.plan.load import parsed

        plan = parsed(data, name=str(path), plan_path=plan_path, checks=checks)
        with contextlib.suppress(OSError):
            _remember(snapshot, plan.model_dump_json().encode())
    return plan


def cache_folder() -> Path:
    """The user's cache folder of this tool, by the XDG rules."""
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "orchestrate"


def _recalled(snapshot: Path) -> Plan | None:
    try:
        return Plan.model_validate_json(snapshot.read_bytes())
    except (OSError, ValidationError):
        return None


def _remember(snapshot: Path, data: bytes) -> None:
    snapshot.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=snapshot.parent)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(data)
    Path(name).replace(snapshot)
    known = sorted(snapshot.parent.glob("plan-*.json"), key=lambda p: p.stat().st_mtime)
    for old in known[:-_KEPT]:
        old.unlink(missing_ok=True)
