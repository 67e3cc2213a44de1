"""What is due, read from the heads of the tenants' queues."""

from __future__ import annotations

from datetime import datetime
from itertools import islice, zip_longest
from typing import Any

import sqlalchemy as sa

from orchestrator.repository.campaigns import NIL, Key
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import campaigns as table
from orchestrator.repository.tables import tenants as decided


def find(tx: Transaction, now: datetime, limit: int, *, after: str | None = None) -> list[Key]:
    """Return keys of campaigns whose time has come: the tenants in turn, each tenant's oldest first.

    Reads the head of each tenant's queue, never the queue, so one tenant's million costs as much as another's ten.
    A tenant that is paused is passed over, whatever waits there.

    Args:
        tx: The transaction.
        now: Campaigns due until then.
        limit: Most keys returned, and most tenants looked at.
        after: Tenant id to begin behind, so that with more tenants than `limit` others come first next time.
    """
    waiting = _queueing(tx, now, limit, after)
    share = -(-limit // max(1, len(waiting)))
    heads = [_head(tx, tenant_id, now, share) for tenant_id in waiting]
    if sum(map(len, heads)) < limit:  # some have less than their share: the others may have more
        heads = [
            head if len(head) < share else _head(tx, tenant_id, now, limit)
            for tenant_id, head in zip(waiting, heads, strict=True)
        ]
    in_turn = (key for turn in zip_longest(*heads) for key in turn if key is not None)
    return list(islice(in_turn, limit))


def _head(tx: Transaction, tenant_id: str, now: datetime, limit: int) -> list[Key]:
    queue = sa.select(table.c.id).where(
        table.c.tenant_id == tenant_id, table.c.next_send_at.is_not(None), table.c.next_send_at <= now
    )
    rows = tx.execute(queue.order_by(table.c.next_send_at).limit(limit))
    return [(tenant_id, campaign_id) for campaign_id in rows.scalars()]


def _queueing(tx: Transaction, now: datetime, limit: int, after: str | None) -> list[str]:
    """Return tenants that have something due, from the one behind `after` on and round to the beginning."""
    if after is None:
        return _tenants(tx, now, limit, NIL)
    behind = _tenants(tx, now, limit, after)
    return behind + [tenant_id for tenant_id in _tenants(tx, now, limit - len(behind), NIL) if tenant_id <= after]


def _tenants(tx: Transaction, now: datetime, limit: int, after: str) -> list[str]:
    # A loose index scan: neither database skips from one tenant of the queue's index to the next by itself.
    queue = table.alias("queue")

    def next_tenant(behind: Any) -> sa.ScalarSelect[Any]:
        query = sa.select(queue.c.tenant_id).where(queue.c.next_send_at.is_not(None), queue.c.tenant_id > behind)
        return query.order_by(queue.c.tenant_id).limit(1).scalar_subquery()

    tenants = sa.select(next_tenant(after).label("tenant_id")).cte("queueing", recursive=True)
    tenants = tenants.union_all(sa.select(next_tenant(tenants.c.tenant_id)).where(tenants.c.tenant_id.is_not(None)))
    earliest = (
        sa.select(queue.c.next_send_at)
        .where(queue.c.tenant_id == tenants.c.tenant_id, queue.c.next_send_at.is_not(None))
        .order_by(queue.c.next_send_at)
        .limit(1)
        .scalar_subquery()
    )
    paused = sa.exists().where(decided.c.tenant_id == tenants.c.tenant_id, decided.c.paused_at.is_not(None))
    query = sa.select(tenants.c.tenant_id).where(tenants.c.tenant_id.is_not(None), ~paused, earliest <= now)
    return list(tx.execute(query.limit(limit)).scalars())
