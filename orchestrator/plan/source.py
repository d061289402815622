"""Reads the bytes of the plan."""

from __future__ import annotations

from pathlib import Path

from orchestrator.base.reading import read_regular
from orchestrator.errors import BadInput

MAX_BYTES = 5_000_000
"""What a plan may have at most; ten thousand targets take less than one million."""


def read(path: Path) -> bytes:
    """The bytes of the plan.

    Raises:
        BadInput: there is no such file, or it is too large.
    """
    try:
        data = read_regular(path)
    except OSError as error:
        raise BadInput(
            f"cannot read the plan {str(path)!r}: {error.strerror}",
            next_step="orchestrate init, or name another: orchestrate --plan PATH …",
        ) from error
    if len(data) > MAX_BYTES:
        raise BadInput(f"{path}: {len(data):,} bytes; a plan has at most {MAX_BYTES:,}")
    return data
