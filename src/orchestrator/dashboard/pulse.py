"""The last quarter of an hour as SVG: how much was due, and how much left, minute by minute."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from orchestrator.dashboard.words import Times
from orchestrator.services.looking.dispatching import Recent

_HEIGHT, _TOP, _BOTTOM = 170, 10, 140
_APART = 17  # pixels between two labels
_LABEL_WIDTH = 106


def chart(recent: Recent, times: Times) -> Markup:
    """Return the chart: axis, plot and labels, of which only the plot stretches."""
    top = nice(max((*recent.due, *recent.sent, 0)))
    ticks = (0, top // 2, top)
    axis = "".join(f'<text x="34" y="{_y(n, top) + 4:g}" text-anchor="end">{short(n)}</text>' for n in ticks)
    rulers = "".join(
        f'<line class="ax" x1="0" x2="100%" y1="{_y(n, top):g}" y2="{_y(n, top):g}"/>' for n in ticks
    )  # fmt: skip
    curves = "".join(
        f'<polyline class="ln l{number}" points="{_points(values, top)}"/>'
        for number, values in enumerate((recent.due, recent.sent), start=1)
    )
    wide = max(1, len(recent.at) - 1)
    inner = f'<svg viewBox="0 0 {wide} {_HEIGHT}" preserveAspectRatio="none" width="100%" height="{_HEIGHT}">'
    first, middle = recent.at[0], recent.at[len(recent.at) // 2]
    dates = (
        f'<text x="0" y="158">{times.short(first)}</text>'
        f'<text x="50%" y="158" text-anchor="middle">{times.short(middle)}</text>'
        '<text x="100%" y="158" text-anchor="end">now</text>'
    )
    return Markup(  # noqa: S704 -- made of numbers and times only
        f'<svg width="40" height="{_HEIGHT}" aria-hidden="true">{axis}</svg>'
        f'<svg class="plot" height="{_HEIGHT}" role="img" aria-labelledby="ct cs">{rulers}'
        f"{inner}{curves}</svg>{dates}</svg>"
        f'<svg width="{_LABEL_WIDTH}" height="{_HEIGHT}" aria-hidden="true">{_ends(recent, top)}</svg>'
    )


def summary(recent: Recent) -> str:
    """Say in one sentence what the chart shows."""
    first, last, left = recent.due[0], recent.due[-1], sum(recent.sent)
    if not left and not any(recent.due):
        return "Nothing was due and nothing left in these 15 minutes."
    moved = f"Due went from {first:,} to {last:,}" if first != last else f"{last:,} due, as 15 minutes ago"
    return f"{moved}; {left:,} {'mail' if left == 1 else 'mails'} left, {recent.sent[-1]:,} in the last minute."


def nice(most: int) -> int:
    """Return the next number from `most` on that has a whole half."""
    return next(
        step * magnitude
        for magnitude in (10**power for power in range(12))
        for step in (2, 4, 10)
        if step * magnitude >= most
    )


def short(n: int) -> str:
    """``40000`` as ``40k``."""
    return f"{n // 1000}k" if n >= 10_000 else f"{n:,}"


def _ends(recent: Recent, top: int) -> str:
    """Name each line at its end, with at least a line's height between the names."""
    named = (
        (recent.due[-1], f"Due, {short(recent.due[-1])}"),
        (recent.sent[-1], f"Sent/min, {short(recent.sent[-1])}"),
    )
    ends = sorted((_y(value, top), number, words) for number, (value, words) in enumerate(named, start=1))
    lower = max(ends[1][0], ends[0][0] + _APART)
    over = max(0.0, lower - _BOTTOM)
    placed = ((ends[0][0] - over, *ends[0][1:]), (lower - over, *ends[1][1:]))
    return "".join(
        f'<line class="ln l{number}" x1="4" x2="22" y1="{y:g}" y2="{y:g}"/>'
        f'<text class="lb" x="27" y="{y + 4:g}">{words}</text>'
        for y, number, words in placed
    )


def _points(values: Sequence[int], top: int) -> str:
    return " ".join(f"{at},{_y(value, top):g}" for at, value in enumerate(values))


def _y(value: int, top: int) -> float:
    return round(_BOTTOM - (_BOTTOM - _TOP) * value / top, 1)
