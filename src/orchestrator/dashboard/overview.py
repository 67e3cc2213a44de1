"""The overview: six figures with their fractions, how things go by day, how far campaigns got, what needs a person."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends
from markupsafe import Markup
from starlette.responses import Response

from orchestrator.dashboard import activity, charts
from orchestrator.dashboard.frame import View
from orchestrator.dashboard.health import ENOUGH, Health, judge
from orchestrator.dashboard.viewing import House
from orchestrator.services.looking.figures import Day, Figures
from orchestrator.services.looking.statistics import Rate

#: What may be looked at.
DAYS = (7, 30, 90)
_DRAWN = (("delivered", "Delivered"), ("opened", "Human opens"), ("clicked", "Clicks"), ("responded", "Replies"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One of the six: its rate with the words of its fraction, and where it has been going."""

    title: str
    rate: Rate
    fraction: str
    health: Health | None
    #: What else is to be known of it, where there is nothing to judge.
    note: str
    spark: Markup


#: title, rate, words between its numbers, the limit that is drawn. What outreach is for comes first.
_SIX = (
    ("Replies", "reply", "{} of {} delivered", None),
    ("Human opens", "human_open", "{} of {} delivered", None),
    ("Clicks of opens", "click_to_open", "{} of {} opened", None),
    ("Delivery", "delivery", "{} of {} sent", None),
    ("Bounces", "bounce", "{} of {} sent", 0.02),
    ("Complaints", "complaint", "{} of {} delivered", 0.0008),
)
_OF_DAY: dict[str, tuple[str, str]] = {
    "delivery": ("delivered", "sent"),
    "human_open": ("opened", "delivered"),
    "click_to_open": ("clicked", "opened"),
    "reply": ("responded", "delivered"),
    "bounce": ("bounced", "sent"),
    "complaint": ("complained", "delivered"),
}


def routes(house: House) -> APIRouter:
    """Return the page and its numbers as CSV."""
    router = APIRouter(include_in_schema=False)
    seen = Depends(house.view)

    @router.get("/t/{tenant}/")  # as people type it
    @router.get("/t/{tenant}")
    def page(days: int = 30, by: str = "event", view: View = seen) -> Response:
        return house.frame.page(view, "overview.html", **_context(house, view, days, by))

    @router.get("/t/{tenant}/days.csv")
    def numbers(days: int = 30, by: str = "event", view: View = seen) -> Response:
        figures = house.orchestrator.desk.figures(view.tenant.tenant_id, _days(days))
        kinds = ("sent", *(kind for kind, _ in _DRAWN), "bounced", "complained")
        rows = [",".join((day.day.isoformat(), *(str(day.counts[k]) for k in kinds))) for day in _by(figures, by)]
        content = "\r\n".join([",".join(("day", *kinds)), *rows, ""])
        headers = {"Content-Disposition": 'attachment; filename="days.csv"'}
        return Response(content, media_type="text/csv; charset=utf-8", headers=headers)

    return router


def _context(house: House, view: View, days: int, by: str) -> dict[str, Any]:
    figures = house.orchestrator.desk.figures(view.tenant.tenant_id, _days(days))
    shown, counts = _by(figures, by), figures.funnel.counts
    drawn = [charts.Line(name, [day.counts[kind] for day in shown]) for kind, name in _DRAWN]
    return {
        "figures": figures,
        "six": [_figure(figures, *one) for one in _SIX],
        "health": judge(figures.funnel),
        "chart": charts.lines([day.day for day in shown], drawn, "vt vs"),
        "days": shown[::-1],
        "drawn": _DRAWN,
        "span": len(shown),
        "spans": DAYS,
        "by": "send" if by == "send" else "event",
        "adds_up": counts["sent"] == sum(counts[end] for end in ("delivered", "bounced", "undelivered", "in_flight")),
        "count": counts,
        "summary": _summary(shown),
        "activity": activity.told(house.orchestrator.desk.latest(view.tenant.tenant_id)),
    }


def _figure(figures: Figures, title: str, name: str, words: str, limit: float | None) -> Figure:
    rate = figures.funnel.rates[name]
    above, below = _OF_DAY[name]
    daily = [Rate(day.counts[above], day.counts[below]).value for day in figures.by_send_day]
    return Figure(
        title=title,
        rate=rate,
        fraction=words.format(f"{rate.numerator:,}", f"{rate.denominator:,}"),
        health=next((h for h in judge(figures.funnel).findings if h.rate == name), None),
        note=_note(figures, name, limit),
        spark=charts.spark(daily, limit),
    )


def _note(figures: Figures, name: str, limit: float | None) -> str:
    counts = figures.funnel.counts
    if name == "human_open":
        return f"{counts['machine_opened']:,} by machines, apart" if counts["machine_opened"] else ""
    if limit is None:
        return ""
    return f"Good: below {100 * limit:g}%" if counts["delivered"] >= ENOUGH else "Too few to judge"


def _summary(days: Sequence[Day]) -> str:
    total: Callable[[str], int] = lambda kind: sum(day.counts[kind] for day in days)  # noqa: E731
    if not total("sent") and not total("delivered"):
        return f"Nothing was sent in these {len(days)} days."
    replies = total("responded")
    busiest = max(days, key=lambda day: day.counts["delivered"])
    return (
        f"{total('delivered'):,} delivered in {len(days)} days, most on {busiest.day:%a} {busiest.day.day} "
        f"{busiest.day:%b} ({busiest.counts['delivered']:,}); {replies:,} {'reply' if replies == 1 else 'replies'}."
    )


def _days(asked: int) -> int:
    return asked if asked in DAYS else 30


def _by(figures: Figures, by: str) -> list[Day]:
    return figures.by_send_day if by == "send" else figures.by_event_day
