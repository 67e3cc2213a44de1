"""Charts as SVG, made on the server: they print, need no script, and a screen reader finds the numbers beside them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from markupsafe import Markup

HEIGHT = 240
_TOP, _BOTTOM = 12, 204
#: Least distance of two labels at the lines' ends, in pixels.
_APART = 17
_LABELS_WIDTH = 124
_STILL_ARRIVING = 3  # days


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: what it is called, and a value for each day."""

    name: str
    values: Sequence[int]


def spark(values: Sequence[float | None], limit: float | None = None) -> Markup:
    """Return a line so small that it only shows where things are going; `limit` is drawn dashed across it."""
    known = [value for value in values if value is not None]
    top = max([*known, limit or 0.0, 0.0]) or 1.0
    points = " ".join(f"{at},{_round(22 - 20 * value / top)}" for at, value in enumerate(values) if value is not None)
    width = max(1, len(values) - 1)
    ruler = ""
    if limit is not None:
        y = _round(22 - 20 * limit / top)
        ruler = f'<line class="ln lim" x1="0" x2="{width}" y1="{y}" y2="{y}"/>'
    return Markup(  # noqa: S704 -- made of numbers only
        f'<svg class="spark" viewBox="0 0 {width} 24" preserveAspectRatio="none" aria-hidden="true">'
        f'{ruler}<polyline class="ln l1" points="{points}"/></svg>'
    )


def lines(days: Sequence[date], drawn: Sequence[Line], label: str) -> Markup:
    """Return a line chart of up to four lines over days: axis, plot and labels, of which only the plot stretches.

    Args:
        days: What stands below, oldest first.
        drawn: The lines; the first is drawn solid, the others each with dashes of their own.
        label: Ids of the elements that say what is shown (``aria-labelledby``).
    """
    top = _nice(max((max(line.values, default=0) for line in drawn), default=0))
    ticks = [top * step // 4 for step in range(5)]
    axis = "".join(f'<text x="26" y="{_round(_y(tick, top) + 4)}" text-anchor="end">{tick:,}</text>' for tick in ticks)
    plot = _plot(days, drawn, top, ticks)
    return Markup(  # noqa: S704 -- made of numbers, and of names that are escaped
        f'<div class="chart"><svg width="32" height="{HEIGHT}" aria-hidden="true">{axis}</svg>'
        f'<svg class="plot" height="{HEIGHT}" role="img" aria-labelledby="{label}">{plot}</svg>'
        f'<svg width="{_LABELS_WIDTH}" height="{HEIGHT}" aria-hidden="true">{_ends(drawn, top)}</svg></div>'
    )


def _plot(days: Sequence[date], drawn: Sequence[Line], top: int, ticks: Sequence[int]) -> str:
    width = 100 / len(days)
    tall = _BOTTOM - _TOP
    weekends = "".join(
        f'<rect class="wk" x="{_round(at * width)}%" width="{_round(width)}%" y="{_TOP}" height="{tall}"/>'
        for at, day in enumerate(days)
        if day.weekday() >= 5
    )
    rulers = "".join(
        f'<line class="ax" x1="0" x2="100%" y1="{_round(_y(tick, top))}" y2="{_round(_y(tick, top))}"/>'
        for tick in ticks
    )
    late = min(_STILL_ARRIVING, len(days)) * width
    arriving = (
        '<defs><pattern id="h" width="6" height="6" patternUnits="userSpaceOnUse"><path class="hatch" d="M0 6 6 0"/>'
        f'</pattern></defs><rect x="{_round(100 - late)}%" width="{_round(late)}%" y="{_TOP}" height="{tall}" '
        'fill="url(#h)"/>'
    )
    curves = "".join(
        f'<polyline class="ln l{number}" points="{_points(line.values, top)}"/>'
        for number, line in enumerate(drawn, start=1)
    )
    inner = f'<svg viewBox="0 0 {len(days)} {HEIGHT}" preserveAspectRatio="none" width="100%" height="{HEIGHT}">'
    return f"{weekends}{rulers}{arriving}{inner}{curves}</svg>{_dates(days)}"


def _dates(days: Sequence[date]) -> str:
    width, every = 100 / len(days), max(1, len(days) // 4)
    named = [
        f'<text{"" if at == 0 else _WIDE_ONLY} x="{_round((at + 0.5) * width)}%" y="222" text-anchor="middle">'
        f"{days[at].day} {days[at]:%b}</text>"
        for at in range(0, max(1, len(days) - every // 2 - 1), every)
    ]
    return "".join(named) + '<text x="100%" y="222" text-anchor="end">today</text>'


_WIDE_ONLY = ' class="x2"'


def _ends(drawn: Sequence[Line], top: int) -> str:
    """Name each line at its end, the names a line apart, with leaders to where the lines really end."""
    ends = sorted((_y(line.values[-1] if line.values else 0, top), number) for number, line in enumerate(drawn, 1))
    placed: list[tuple[float, float, int]] = []
    for y, number in ends:
        floor = placed[-1][1] + _APART if placed else -math.inf
        placed.append((y, max(y, floor), number))
    over = max(0.0, placed[-1][1] - (HEIGHT - 30)) if placed else 0.0
    return "".join(
        f'<polyline class="ld" points="1,{_round(y)} 9,{_round(shown - over)} 13,{_round(shown - over)}"/>'
        f'<line class="ln l{number}" x1="15" x2="33" y1="{_round(shown - over)}" y2="{_round(shown - over)}"/>'
        f'<text class="lb" x="38" y="{_round(shown - over + 4)}">{Markup.escape(drawn[number - 1].name)}</text>'
        for y, shown, number in placed
    )


def _points(values: Sequence[int], top: int) -> str:
    return " ".join(f"{at + 0.5},{_round(_y(value, top))}" for at, value in enumerate(values))


def _y(value: float, top: int) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * value / top


def _nice(most: int) -> int:
    """Return the next number above `most` that four even steps lead to."""
    for magnitude in (10**power for power in range(12)):
        for step in (4, 8, 12, 20, 40):
            if step * magnitude >= most:
                return step * magnitude
    return most


def _round(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
