"""Figures that many people look at: counted once for all of them, and again when they have grown old.

Statuses come from counters that are exact at every moment. What is counted here walks through a tenant's campaigns,
so it is kept for a moment where there is little, and for seconds where there is much.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator.repository import Transaction, series, statistics, tenants
from orchestrator.services.looking.keeping import Keeper
from orchestrator.services.looking.statistics import Funnel, of_counts

Read = Callable[[], AbstractContextManager[Transaction]]

LONGEST_DAYS = 366
#: Days that are counted in one go, whoever asks for fewer: to count seven takes as long.
TOGETHER = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What happened on one day; kind: campaigns."""

    day: date
    counts: dict[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """A tenant's figures at one moment."""

    as_of: datetime
    zone: str
    statuses: dict[str, int]
    funnel: Funnel
    #: Oldest first; by the day on which things happened.
    by_event_day: list[Day]
    #: Oldest first; by the day on which the mail was sent.
    by_send_day: list[Day]


class Bureau:
    """Counts figures, each at most once at a time.

    Args:
        read: Opens a transaction that only reads.
        monotonic: Seconds by a clock that is never set.
    """

    def __init__(self, read: Read, monotonic: Callable[[], float]) -> None:
        self._read = read
        self._keeper: Keeper[Figures] = Keeper(monotonic)

    def of(self, tenant_id: str, days: int) -> Figures:
        """Return the tenant's figures as `keeping` has it: counted just now, or a minute ago at most.

        Args:
            tenant_id: The tenant's canonical UUID.
            days: How many days back its days go, today included.
        """
        longest = max(days, TOGETHER)
        found = self._keeper.get((tenant_id, longest), lambda: count(self._read, tenant_id, longest))
        by_event, by_send = found.by_event_day[-days:], found.by_send_day[-days:]
        return replace(found, by_event_day=by_event, by_send_day=by_send)


def count(read: Read, tenant_id: str, days: int) -> Figures:
    """Count a tenant's figures, all at one moment."""
    with read() as tx:
        now = tx.now()
        zone = zone_of(tenants.get(tx, tenant_id).time_zone)
        first = now.astimezone(zone).date() - timedelta(days=days - 1)
        since = datetime.combine(first, time.min, zone).astimezone(UTC)
        return Figures(
            as_of=now,
            zone=zone.key,
            statuses=statistics.by_status(tx, tenant_id),
            funnel=of_counts(statistics.reached(tx, tenant_id)),
            by_event_day=_by_day(series.by_event(tx, tenant_id, since), zone, first, days),
            by_send_day=_by_day(series.by_sending(tx, tenant_id, since), zone, first, days),
        )


def zone_of(name: str | None) -> ZoneInfo:
    """Return the zone of that name, or UTC where there is none, also none any more."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _by_day(quarters: dict[str, dict[int, int]], zone: ZoneInfo, first: date, days: int) -> list[Day]:
    found = {first + timedelta(days=n): dict.fromkeys(series.KINDS, 0) for n in range(days)}
    for kind, counted in quarters.items():
        for quarter, n in counted.items():
            on = datetime.fromtimestamp(quarter * series.QUARTER, zone).date()
            if on in found:  # what is dated into the future is on no day yet
                found[on][kind] += n
    return [Day(day=day, counts=counts) for day, counts in found.items()]
