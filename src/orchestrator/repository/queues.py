"""How much waits, and for how long. Everything here reads heads and counts up to a limit: it never walks a queue."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.domain.message import MessageState
from orchestrator.repository import stages
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import accounts, campaigns, messages, outbox, tenants

#: Counting stops here. Whoever sees this number knows that there are at least as many.
MOST = 1000


def queueing(tx: Transaction, limit: int) -> list[tuple[str, datetime]]:
    """Return up to `limit` tenants with something in the queue, and when their first mail is due, by tenant."""
    queue = campaigns.alias("queue")

    def next_tenant(behind: Any) -> sa.ScalarSelect[Any]:
        query = sa.select(queue.c.tenant_id).where(queue.c.next_send_at.is_not(None), queue.c.tenant_id > behind)
        return query.order_by(queue.c.tenant_id).limit(1).scalar_subquery()

    found = sa.select(next_tenant("00000000-0000-0000-0000-000000000000").label("tenant_id")).cte(recursive=True)
    found = found.union_all(sa.select(next_tenant(found.c.tenant_id)).where(found.c.tenant_id.is_not(None)))
    first = (
        sa.select(queue.c.next_send_at)
        .where(queue.c.tenant_id == found.c.tenant_id, queue.c.next_send_at.is_not(None))
        .order_by(queue.c.next_send_at)
        .limit(1)
        .scalar_subquery()
    )
    query = sa.select(found.c.tenant_id, first.label("first")).where(found.c.tenant_id.is_not(None)).limit(limit)
    return [(tenant_id, at) for tenant_id, at in tx.execute(query) if at is not None]


def count_due(tx: Transaction, tenant_id: str, now: datetime) -> int:
    """Return how many of the tenant's campaigns are due, up to `MOST`."""
    c = campaigns.c
    return _count(tx, campaigns, c.tenant_id == tenant_id, c.next_send_at.is_not(None), c.next_send_at <= now)


def count_held(tx: Transaction) -> int:
    """Return how many campaigns wait for a person, up to `MOST`."""
    return _count(tx, campaigns, stages.HELD)


def count_in_doubt(tx: Transaction) -> int:
    """Return how many attempts are in doubt, up to `MOST`."""
    return _count(tx, messages, sa.text(f"state = '{MessageState.IN_DOUBT}'"))  # as the partial index says it


def count_unpublished(tx: Transaction) -> int:
    """Return how many events wait to be published, up to `MOST`."""
    return _count(tx, outbox, outbox.c.published_at.is_(None))


def oldest_unpublished(tx: Transaction) -> datetime | None:
    """Return when the oldest event that waits to be published was written."""
    query = sa.select(outbox.c.created_at).where(outbox.c.published_at.is_(None)).order_by(outbox.c.id).limit(1)
    return tx.execute(query).scalar()


def paused_tenants(tx: Transaction, limit: int) -> list[tuple[str, str, datetime]]:
    """Return (tenant, reason, since) of up to `limit` paused tenants."""
    c = tenants.c
    query = sa.select(c.tenant_id, c.pause_reason, c.paused_at).where(c.paused_at.is_not(None))
    return [tuple(row) for row in tx.execute(query.order_by(c.tenant_id).limit(limit))]


def paused_accounts(tx: Transaction) -> list[tuple[str, str, str, datetime]]:
    """Return (account, kind, reason, since) of every paused account."""
    c = accounts.c
    query = sa.select(c.account, c.pause_kind, c.pause_reason, c.paused_at).where(c.paused_at.is_not(None))
    return [tuple(row) for row in tx.execute(query.order_by(c.account))]


def _count(tx: Transaction, table: sa.Table, *conditions: sa.ColumnElement[bool] | sa.TextClause) -> int:
    some = sa.select(sa.literal(1)).select_from(table).where(*conditions).limit(MOST).subquery()
    return tx.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
