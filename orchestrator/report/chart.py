"""The line of progress over time, as the points of an SVG."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

WIDTH, HEIGHT = 720, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 12, 12, 26
_GRID = 4
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Tick:
    """A line of the grid: where it is, and what stands beside it."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A landing: where it is, and what is told of it."""

    x: float
    y: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A stepped line from the left to the right, with the area below it; sizes in pixels."""

    line: str
    area: str
    dots: Sequence[Dot]
    rows: Sequence[Tick]
    columns: Sequence[Tick]
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    top: int = _TOP
    bottom: int = HEIGHT - _BOTTOM
    width: int = WIDTH
    height: int = HEIGHT


def chart(points: Sequence[tuple[int, int]], total: int) -> Chart | None:
    """The chart of `points` (seconds since 1970, files done) of `total`; None of fewer than two."""
    if len(points) < 2 or not total:  # noqa: PLR2004 - a line has two ends
        return None
    first, last = points[0][0], max(time for time, _ in points)
    span = max(1, last - first)

    def x_of(time: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * (time - first) / span, 1)

    def y_of(done: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * min(1.0, done / total), 1)

    steps = [f"M{x_of(points[0][0])} {y_of(points[0][1])}"]
    for time, done in points[1:]:
        steps.append(f"H{x_of(time)}V{y_of(done)}")
    line = "".join(steps)
    floor = HEIGHT - _BOTTOM
    return Chart(
        line,
        f"{line}V{floor}H{x_of(points[0][0])}Z",
        [Dot(x_of(time), y_of(done), f"{_date(time, span)}: {done:,}") for time, done in points],
        [Tick(y_of(total * i / _GRID), f"{total * i / _GRID:,.0f}") for i in range(_GRID + 1)],
        [Tick(x_of(first + span * i / 3), _date(first + span * i / 3, span)) for i in range(4)],
    )


def _date(time: float, span: float) -> str:
    """The day, or the minute where all of it was on one or two days."""
    moment = datetime.fromtimestamp(time, UTC)
    return moment.strftime("%Y-%m-%d" if span > 2 * _DAY_S else "%d %b %H:%M")
