"""Remembers a checked plan by the digest of its bytes, so that a large one is parsed only once."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator import __version__
from orchestrator.base.cache import cache_folder, kept, recalled
from orchestrator.base.codec import UnfitError, from_json, to_json
from orchestrator.plan.model import Plan
from orchestrator.plan.source import read

if TYPE_CHECKING:  # importing it imports PyYAML, which a remembered plan does not need
    from orchestrator.plan.load import Check


def load_remembered(path: Path, *, plan_path: str, checks: Sequence[Check]) -> Plan:
    """The checked plan in `path`, from the user's cache folder where its very bytes are known.

    Nothing is written in the repository; a cache that cannot be written, or that others can, costs
    only time.

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
            kept(snapshot, json.dumps(to_json(plan, defaults=False)).encode())
    return plan


def _recalled(snapshot: Path) -> Plan | None:
    data = recalled(snapshot)
    try:
        return None if data is None else from_json(Plan, json.loads(data))
    except (ValueError, RecursionError, UnfitError):
        return None
