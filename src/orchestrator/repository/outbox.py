"""Events for the rest of the platform, written with the change they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import outbox as table


def add(tx: Transaction, tenant_id: str, events: Sequence[dict[str, Any]]) -> None:
    """Write CloudEvents into the outbox; they exist if and only if this transaction commits."""
    if not events:
        return
    now = tx.now()
    rows = [
        {"id": event["id"], "tenant_id": tenant_id, "type": event["type"], "payload": event, "created_at": now}
        for event in events
    ]
    tx.execute(table.insert(), rows)
    tx.published.extend(events)


def take_unpublished(tx: Transaction, limit: int) -> list[dict[str, Any]]:
    """Lock and return up to `limit` CloudEvents nobody has published yet, oldest first; others' are left to them."""
    query = sa.select(table.c.payload).where(table.c.published_at.is_(None)).order_by(table.c.id).limit(limit)
    return list(tx.execute(tx.dialect.locking(query, skip_locked=True)).scalars())


def mark_published(tx: Transaction, ids: Sequence[str], at: datetime) -> None:
    """Remember that these events have left."""
    if ids:
        tx.execute(table.update().where(table.c.id.in_(ids)).values(published_at=at))


def count_unpublished(tx: Transaction) -> int:
    """Return how many events wait to be published."""
    return tx.execute(sa.select(sa.func.count()).where(table.c.published_at.is_(None))).scalar_one()
