"""Names of xdist groups: how one is derived from a file, and which ones cannot work."""

from __future__ import annotations

from pathlib import PurePosixPath

_FORBIDDEN = "@]['\"\\\n\r"


def derived_group(path: str) -> str:
    """The group of a file for which none is given: `tests/test_gdpr.py` → `gdpr_tests`."""
    return f"{PurePosixPath(path).stem.removeprefix('test_')}_tests"


def group_problem(group: object) -> str | None:
    """Why `group` cannot be the name of a group, or None.

    xdist appends `@group` to node ids and cuts it off at the last `@`; brackets belong to
    parametrization; quotes and line ends would leave the mark's string.
    """
    if not isinstance(group, str):
        return f"group must be text, not {group!r}"
    if not group.strip() or group != group.strip():
        return f"{group!r} cannot be a group name: it is empty or has spaces around it"
    if bad := sorted({char for char in group if char in _FORBIDDEN or not char.isprintable()}):
        return f"{group!r} cannot be a group name: it holds {' '.join(map(repr, bad))}"
    return None
