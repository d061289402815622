"""The codes of what the rules find in a file; they are API."""

from __future__ import annotations

RULES = {
    "MS000": "file that cannot be read as Python",
    "MS001": "test class without an xdist_group mark",
    "MS002": "test class without a teardown that collects garbage",
    "MS003": "gc is used and not imported",
    "MS004": "groups that are joined, or conflict",
    "MS005": "teardown that is dead, or that shadows another",
    "MS006": "skip condition that never or always holds",
    "MS007": "mocks held on self or at module level",
    "MS008": "scoped fixture that holds mocks",
}
"""Code → what it is about."""
