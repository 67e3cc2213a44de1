"""Numbers about a tenant's outreach, each defined once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from orchestrator.repository import Transaction, statistics

Read = Callable[[], AbstractContextManager[Transaction]]


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate with the two numbers it is made of; ``value`` is None when there is nothing to divide by."""

    numerator: int
    denominator: int

    @property
    def value(self) -> float | None:
        return self.numerator / self.denominator if self.denominator else None


@dataclass(frozen=True, slots=True)
class Funnel:
    """How far campaigns got (repository/stages.py says what proves each stage).

    ``counts`` holds campaigns: *targeted*, *sent* (SendGrid took the mail), *delivered* (reported as such, or opened,
    clicked or answered; a hard bounce takes it back, unless its owner answered, opted out or complained), *engaged*
    (delivered, and opened, clicked or answered by a person), *opened* and *clicked* (of those delivered),
    *machine_opened* (a machine fetched the pixel, whether or not a person did too), *responded*, *bounced*, *failed*,
    *undelivered* (sent, and given up by SendGrid), *in_flight* (sent, and its end not known yet), *unsubscribed*,
    *complained*, *suppressed*, *cancelled*. Sent is delivered, bounced, undelivered and in flight together, and no
    rate exceeds 1. Every rate carries its fraction.
    """

    counts: dict[str, int]
    rates: dict[str, Rate]


#: rate: (numerator, denominator)
RATES = {
    "delivery": ("delivered", "sent"),
    "human_open": ("opened", "delivered"),
    "click": ("clicked", "delivered"),
    "click_to_open": ("clicked", "opened"),
    "reply": ("responded", "delivered"),
    "bounce": ("bounced", "sent"),
    "complaint": ("complained", "delivered"),
    "unsubscribe": ("unsubscribed", "delivered"),
}


def by_status(read: Read, tenant_id: str) -> dict[str, int]:
    """Return how many campaigns have each status now; read from counters that are exact at every commit."""
    with read() as tx:
        return statistics.by_status(tx, tenant_id)


def recounted(read: Read, tenant_id: str) -> dict[str, int]:
    """Return the same numbers counted campaign by campaign, to prove the counters right."""
    with read() as tx:
        return statistics.by_status_recounted(tx, tenant_id)


def funnel(read: Read, tenant_id: str, batch: str | None = None) -> Funnel:
    """Return how far the tenant's campaigns got, all of them or those of one batch."""
    with read() as tx:
        return of_counts(statistics.reached(tx, tenant_id, batch))


def of_counts(counts: dict[str, int]) -> Funnel:
    """Return the funnel that counts make, with its rates."""
    return Funnel(counts, {name: Rate(counts[above], counts[below]) for name, (above, below) in RATES.items()})
