"""Writing down new campaigns: their rows, the first words of their history, what is told of them, and counters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import sha256

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.cloudevents import WrittenEvent
from orchestrator.repository import Transaction, arrivals, events, outbox, statistics
from orchestrator.repository.arrivals import Placed
from orchestrator.services.recording import facts
from orchestrator.services.recording.announcements import scheduled

_WORDS = {status: str(status) for status in OutreachStatus}


def write(tx: Transaction, tenant_id: str, new: Placed) -> set[str]:
    """Write those of `new` whose property has no campaign of the tenant yet, and return their ids."""
    new = arrivals.missing(tx, tenant_id, new)
    if not new:
        return set()
    told = _told(tx, tenant_id, new)
    parts = [(arrivals.table, arrivals.columns(tx, tenant_id, new)), (events.table, _first(tx, tenant_id, new))]
    if told:
        parts.append((outbox.table, outbox.columns(tx, tenant_id, told)))
    if tx.bulk.copied(parts):
        tx.published.extend(told)
    else:
        inserted = tx.bulk.insert_new_columns(*parts[0])
        new = [one for one in new if one[0].id in inserted]
        if not new:  # somebody else was faster with all of them
            return set()
        tx.bulk.insert_columns(events.table, _first(tx, tenant_id, new))
        outbox.add(tx, tenant_id, _told(tx, tenant_id, new))
    held = [(arrival, place.hold_reason) for arrival, place in new if place.hold_reason is not None]
    events.insert_new(tx, [facts.history(tx, (tenant_id, a.id), "held", {"reason": reason}) for a, reason in held])
    statistics.count(tx, Counter((tenant_id, place.status) for _, place in new))
    return {arrival.id for arrival, _ in new}


def _first(tx: Transaction, tenant_id: str, new: Placed) -> events.Columns:
    before = f"outreach\0created\0{tenant_id}\0"
    first = [(a.id, _WORDS[place.status], sha256(f"{before}{a.id}".encode()).hexdigest()) for a, place in new]
    return events.first_columns(tx, tenant_id, first)


def _told(tx: Transaction, tenant_id: str, new: Placed) -> Sequence[WrittenEvent]:
    waiting = [(a.id, a.property_id, a.context) for a, place in new if place.status is OutreachStatus.SCHEDULED]
    return scheduled(tenant_id, waiting, tx.now())
