"""What a scan counts in one test file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

ASYNC_MOCK = "AsyncMock"
KINDS = (ASYNC_MOCK, "MagicMock", "Mock", "patch", "autospec", "fixture")
"""How mocks are used: three classes (`Mock` with its other relatives), patches, specs, fixtures."""


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What one test file holds. Only classes that pytest collects count, with their own methods.

    `cases` are the TestCases among the classes, `touching` those whose tests can touch a mock.
    `mocks` counts uses by `KINDS`; `held` counts mocks that outlive their test, by where they are:
    self, class, module or fixture (one of a scope wider than a test). `missing` are marks,
    teardowns and imports the fixer would add, `by_hand` the reasons it would refuse.
    """

    path: str
    classes: int = 0
    cases: int = 0
    touching: int = 0
    methods: int = 0
    async_methods: int = 0
    mocks: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    by_hand: Sequence[str] = ()
    groups: Sequence[str] = ()
    """The groups its classes are in already."""

    @property
    def lacks(self) -> bool:
        """Whether the fixer has anything to say of it."""
        return bool(self.missing or self.by_hand)
