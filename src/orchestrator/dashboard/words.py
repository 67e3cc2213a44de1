"""Numbers, times and statuses as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from markupsafe import Markup

from orchestrator.domain.campaign import OutreachStatus


class Chip(NamedTuple):
    """A status as it is shown: the icon, the tone (a CSS class or nothing), and the word."""

    icon: str
    tone: str
    word: str


_CHIPS = {
    OutreachStatus.SCHEDULED: Chip("clock", "", "Scheduled"),
    OutreachStatus.SENT: Chip("plane", "", "Sent"),
    OutreachStatus.DELIVERED: Chip("envelope", "", "Delivered"),
    OutreachStatus.OPENED: Chip("eye", "info", "Opened"),
    OutreachStatus.CLICKED: Chip("pointer", "info", "Clicked"),
    OutreachStatus.RESPONDED: Chip("reply", "good", "Responded"),
    OutreachStatus.UNSUBSCRIBED: Chip("stop", "", "Unsubscribed"),
    OutreachStatus.COMPLAINED: Chip("flag", "stop", "Complained"),
    OutreachStatus.BOUNCED: Chip("return", "stop", "Bounced"),
    OutreachStatus.FAILED: Chip("warning", "stop", "Failed"),
    OutreachStatus.SUPPRESSED: Chip("stop", "", "Suppressed"),
    OutreachStatus.CANCELLED: Chip("cross", "", "Cancelled"),
}
_ORDER: list[str] = [*_CHIPS]
HELD = Chip("pause", "watch", "Held")
IN_DOUBT = Chip("question", "watch", "In doubt")


def chip(status: OutreachStatus | str, held: str | None = None, *, in_doubt: bool = False) -> Chip:
    """Return how a campaign is shown: a hold or a doubt takes the status's place while it lasts."""
    if in_doubt:
        return IN_DOUBT
    return HELD if held and status == OutreachStatus.SCHEDULED else _CHIPS[OutreachStatus(status)]


def staged(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return counts by status in the order in which campaigns come by the statuses, not in that of the alphabet."""
    return sorted(counts.items(), key=lambda one: _ORDER.index(one[0]))


def number(value: int) -> str:
    """``1402`` as ``1,402``."""
    return f"{value:,}"


def up_to(value: int, most: int = 1000) -> str:
    """A number that was counted up to `most` only: ``1000`` as ``1,000+``."""
    return f"{number(most)}+" if value >= most else number(value)


def percent(value: float | None, digits: int = 1) -> str:
    """``0.0417`` as ``4.2%``; None, when there is nothing to divide by, as a dash."""
    return "–" if value is None else f"{100 * value:.{digits}f}%"


class Times:
    """Says when something was, by one clock.

    Args:
        zone: Whose clock.
        now: This moment.
    """

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self.zone = zone
        self.now = now

    @property
    def place(self) -> str:
        """``America/New_York`` as ``New York``."""
        return self.zone.key.rpartition("/")[2].replace("_", " ")

    def short(self, at: datetime) -> str:
        """The time of today, the day of this year, or the date."""
        here, today = at.astimezone(self.zone), self.now.astimezone(self.zone)
        if here.date() == today.date():
            return f"{here:%H:%M}"
        return f"{here.day} {here:%b}" if here.year == today.year else f"{here.day} {here:%b %Y}"

    def full(self, at: datetime) -> str:
        """Day and time, to the minute."""
        here = at.astimezone(self.zone)
        year = "" if here.year == self.now.astimezone(self.zone).year else f" {here.year}"
        return f"{here:%a} {here.day} {here:%b}{year}, {here:%H:%M}"

    def tick(self, at: datetime) -> str:
        """The time to the second, with the day when it is not today."""
        here = at.astimezone(self.zone)
        today = here.date() == self.now.astimezone(self.zone).date()
        return f"{here:%H:%M:%S}" if today else f"{here.day} {here:%b} {here:%H:%M}"

    def exact(self, at: datetime) -> str:
        """Day and time, to the second."""
        here = at.astimezone(self.zone)
        return f"{here.day} {here:%b %Y %H:%M:%S}"

    def element(self, at: datetime | None, form: str = "short") -> Markup:
        """A ``<time>``, with the exact moment on hover and where exact times are switched on; nothing for None."""
        if at is None:
            return Markup("")
        shown = {"short": self.short, "full": self.full, "exact": self.exact, "ago": self.ago, "tick": self.tick}[form](
            at
        )
        iso = at.astimezone(self.zone).isoformat(timespec="seconds")
        return Markup('<time datetime="{}" title="{}">{}</time>').format(iso, f"{self.exact(at)} {self.place}", shown)

    def ago(self, at: datetime) -> str:
        """How long ago, or in how long."""
        seconds = (self.now - at).total_seconds()
        return f"{span(seconds)} ago" if seconds >= 0 else f"in {span(-seconds)}"


def span(seconds: float) -> str:
    """``5072`` as ``1 h 24 min``: the two largest units."""
    whole = int(seconds)
    units = (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1))
    for position, (name, size) in enumerate(units):
        if whole >= size or name == "s":
            rest_name, rest_size = units[position + 1] if position + 1 < len(units) else ("", 1)
            rest = whole % size // rest_size
            return f"{whole // size} {name}" + (f" {rest} {rest_name}" if rest and rest_name else "")
    return ""


def latest_event(stamps: Mapping[str, datetime | None]) -> tuple[str, datetime] | None:
    """Return what happened last to a campaign, in words, and when; None when nothing has."""
    happened = [(at, words) for name, words in _EVENTS.items() if (at := stamps.get(name)) is not None]
    if not happened:
        return None
    at, words = max(happened, key=lambda one: one[0])
    return words, at


#: From the weakest to the strongest: of two at one moment, the last one counts.
_EVENTS = {
    "created_at": "Created",
    "sent_at": "Accepted by SendGrid",
    "delivered_at": "Delivered",
    "machine_opened_at": "Machine open, not counted",
    "opened_at": "Opened by a person",
    "clicked_at": "Clicked",
    "failed_at": "Failed",
    "bounced_at": "Bounced",
    "responded_at": "The owner replied",
    "unsubscribed_at": "Opted out",
    "complained_at": "Marked as spam",
}


def as_utc(at: datetime) -> str:
    """An exact moment for machines."""
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
