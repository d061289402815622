"""When two series differ by more than they scatter."""

from __future__ import annotations

import pytest

from orchestrator.measure.noise import Difference


@pytest.mark.parametrize(
    ("before", "after", "chance", "is_real"),
    [
        pytest.param([1, 2, 3, 4], [5, 6, 7, 8], 2 / 70, True, id="apart"),
        pytest.param([1, 2, 3, 5], [4, 6, 7, 8], 4 / 70, False, id="one overlaps"),
        pytest.param([1, 1, 1, 1], [1, 1, 1, 1], 1.0, False, id="all the same"),
        pytest.param([1, 2, 3], [11, 12, 13], 2 / 20, None, id="three runs say nothing"),
        pytest.param([5, 6, 7, 8], [1, 2, 3, 4], 2 / 70, True, id="less"),
    ],
)
def test_difference(
    before: list[float], after: list[float], chance: float, is_real: bool | None
) -> None:
    found = Difference(before, after)
    assert found.chance == pytest.approx(chance)
    assert found.is_real is is_real
