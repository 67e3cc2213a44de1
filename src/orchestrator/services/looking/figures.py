"""Figures that many people look at: counted once for all of them, and again when they have grown old.

Statuses come from counters that are exact at every moment. What is counted here walks through a tenant's campaigns,
so it is kept for ten times as long as counting took: a moment where there is little, seconds where there is much.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from orchestrator.repository import Transaction, series, statistics, tenants
from orchestrator.services.looking.statistics import RATES, Funnel, Rate

Read = Callable[[], AbstractContextManager[Transaction]]

#: How many times as long as counting took they are kept.
REST = 10
LONGEST_DAYS = 366
#: Tenants whose figures are remembered.
_REMEMBERED = 200


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
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._desks: dict[tuple[str, int], _Kept] = {}

    def of(self, tenant_id: str, days: int) -> Figures:
        """Return the tenant's figures, counted a moment ago at most; while they are counted, others get the last ones.

        Args:
            tenant_id: The tenant's canonical UUID.
            days: How many days back its days go, today included.
        """
        with self._lock:
            kept = self._desks.setdefault((tenant_id, days), _Kept())
            while len(self._desks) > _REMEMBERED:
                del self._desks[next(iter(self._desks))]
        # Whoever finds old figures counts; whoever comes meanwhile takes the old ones, or waits when there are none.
        if kept.figures is not None and (self._monotonic() < kept.until or not kept.counting.acquire(blocking=False)):
            return kept.figures
        if kept.figures is None:
            kept.counting.acquire()
        try:
            if kept.figures is None or self._monotonic() >= kept.until:
                began = self._monotonic()
                kept.figures = count(self._read, tenant_id, days)
                took = self._monotonic() - began
                kept.until = self._monotonic() + REST * took
            return kept.figures
        finally:
            kept.counting.release()


class _Kept:
    """One tenant's last figures."""

    def __init__(self) -> None:
        self.counting = threading.Lock()
        self.figures: Figures | None = None
        self.until = 0.0


def count(read: Read, tenant_id: str, days: int) -> Figures:
    """Count a tenant's figures, all at one moment."""
    with read() as tx:
        now = tx.now()
        zone = zone_of(tenants.get(tx, tenant_id).time_zone)
        first = now.astimezone(zone).date() - timedelta(days=days - 1)
        since = datetime.combine(first, time.min, zone).astimezone(UTC)
        counts = statistics.reached(tx, tenant_id)
        return Figures(
            as_of=now,
            zone=zone.key,
            statuses=statistics.by_status(tx, tenant_id),
            funnel=Funnel(counts, {name: Rate(counts[a], counts[b]) for name, (a, b) in RATES.items()}),
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
