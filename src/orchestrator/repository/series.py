"""What happened when: campaigns counted by the quarter of an hour, which every zone's days are made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import campaigns as table

#: What is counted, by name. Delivered is, as everywhere, what did not bounce later.
KINDS: dict[str, sa.Column[Any]] = {
    "sent": table.c.sent_at,
    "delivered": table.c.delivered_at,
    "opened": table.c.opened_at,
    "clicked": table.c.clicked_at,
    "responded": table.c.responded_at,
    "bounced": table.c.bounced_at,
    "complained": table.c.complained_at,
}
QUARTER = 900  # seconds


def by_event(tx: Transaction, tenant_id: str, since: datetime) -> dict[str, dict[int, int]]:
    """Return {kind: {quarter hours since 1970: campaigns}} of what happened from `since` on, when it happened."""
    return {kind: dict(_by_event(tx, tenant_id, column, since)) for kind, column in KINDS.items()}


def _by_event(tx: Transaction, tenant_id: str, column: sa.Column[Any], since: datetime) -> Iterator[tuple[int, int]]:
    quarter = tx.dialect.quarter_hours(column).label("quarter")
    query = sa.select(quarter, sa.func.count()).where(table.c.tenant_id == tenant_id, column >= since)
    if column is table.c.delivered_at:
        query = query.where(table.c.bounced_at.is_(None))
    for at, n in tx.execute(query.group_by(quarter)):
        yield int(at), n


def by_sending(tx: Transaction, tenant_id: str, since: datetime) -> dict[str, dict[int, int]]:
    """Return the same kinds for campaigns sent from `since` on, by when their mail was sent."""
    quarter = tx.dialect.quarter_hours(table.c.sent_at).label("quarter")
    query = sa.select(quarter, *map(_counted, KINDS.values()))
    query = query.where(table.c.tenant_id == tenant_id, table.c.sent_at >= since)
    found: dict[str, dict[int, int]] = {kind: {} for kind in KINDS}
    for at, *counts in tx.execute(query.group_by(quarter)):
        for kind, n in zip(KINDS, counts, strict=True):
            if n:
                found[kind][int(at)] = n
    return found


def _counted(column: sa.Column[Any]) -> sa.ColumnElement[int]:
    counted = sa.func.count(column)
    return counted.filter(table.c.bounced_at.is_(None)) if column is table.c.delivered_at else counted
