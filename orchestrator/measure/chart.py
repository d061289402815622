"""Memory over time as an SVG: an area for each process on top of the others, with the limits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orchestrator.base.escape import for_html
from orchestrator.gates.pytest.meter import MemoryUse

WIDTH, HEIGHT = 760, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 60, 12, 14, 52
_COLOURS = ("#0969da", "#2da44e", "#bf8700", "#8250df", "#cf222e", "#1b7c83", "#bc4c00", "#57606a")
_ROWS, _COLUMNS = 4, 5


def timeline(memory: MemoryUse, *, title: str, limits_mib: Sequence[float] = ()) -> str:
    """The picture as a file of its own; limits above everything that was seen are left out."""
    points = memory.timeline
    names = [one.name for one in memory.processes]
    highest = max([1.0, *(sum(point.rss_mib.values()) for point in points)])
    top_mib = _round_up(highest)
    last_s = max([0.1, *(point.at_s for point in points)])

    def x(at_s: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * at_s / last_s, 1)

    def y(mib: float) -> float:
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * mib / top_mib, 1)

    def grid() -> Iterator[str]:
        for row in range(_ROWS + 1):
            mib = top_mib * row / _ROWS
            yield f'<path d="M{_LEFT} {y(mib)}H{WIDTH - _RIGHT}" stroke="#8b949e" opacity=".3"/>'
            yield _text(_LEFT - 6, y(mib) + 4, f"{mib:,.0f} MiB", "end")
        for column in range(_COLUMNS + 1):
            at_s = last_s * column / _COLUMNS
            yield _text(x(at_s), HEIGHT - _BOTTOM + 16, f"{at_s:.0f} s", "middle")
        for limit in limits_mib:
            if limit <= top_mib:
                line = f'<path d="M{_LEFT} {y(limit)}H{WIDTH - _RIGHT}"'
                yield f'{line} stroke="#cf222e" stroke-dasharray="5 4"/>'

    def areas() -> Iterator[str]:
        below = [0.0] * len(points)
        for number, name in enumerate(names):
            above = [low + p.rss_mib.get(name, 0.0) for low, p in zip(below, points, strict=True)]
            upper = [f"{x(p.at_s)} {y(mib)}" for p, mib in zip(points, above, strict=True)]
            lower = [f"{x(p.at_s)} {y(mib)}" for p, mib in zip(points, below, strict=True)]
            path = f"M{'L'.join(upper)}L{'L'.join(reversed(lower))}Z" if points else ""
            yield f'<path d="{path}" fill="{_colour(number)}" opacity=".75"/>'
            below = above

    def legend() -> Iterator[str]:
        for number, name in enumerate(names):
            at = _LEFT + number * min(88, (WIDTH - _LEFT) // max(1, len(names)))
            box = f'x="{at}" y="{HEIGHT - 22}" width="10" height="10"'
            yield f'<rect {box} fill="{_colour(number)}"/>'
            yield _text(at + 14, HEIGHT - 13, name, "start")

    return "".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'font-family="system-ui,sans-serif" font-size="11" fill="#656d76">',
        f"<title>{for_html(title)}</title>",
        *grid(), *areas(), *legend(), "</svg>",
    ])  # fmt: skip


def _colour(number: int) -> str:
    return _COLOURS[number % len(_COLOURS)]


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}">{for_html(text)}</text>'


def _round_up(mib: float) -> float:
    """The next number of 1, 2, 2.5 or 5 times a power of ten."""
    size = 1.0
    while size * 10 <= mib:
        size *= 10
    return next(size * step for step in (1, 2, 2.5, 5, 10) if size * step >= mib)
