"""What of one tenant waits for a person: counted from partial indexes, up to a limit, at any size."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from orchestrator.repository import reply_lists
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import IN_DOUBT, accounts, campaigns, counters, events, messages, workers

#: Counting stops here.
MOST = 1000


def held(tx: Transaction, tenant_id: str) -> int:
    """Return how many campaigns somebody has to release."""
    return _count(tx, campaigns, campaigns.c.tenant_id == tenant_id, campaigns.c.hold_reason.is_not(None))


def in_doubt(tx: Transaction, tenant_id: str) -> int:
    """Return of how many mails nobody knows whether they were sent."""
    return _count(tx, messages, messages.c.tenant_id == tenant_id, IN_DOUBT)


def _count(tx: Transaction, table: sa.Table, *conditions: sa.ColumnElement[bool] | sa.TextClause) -> int:
    some = sa.select(sa.literal(1)).select_from(table).where(*conditions).limit(MOST).subquery()
    return tx.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


def marks(tx: Transaction, tenant_id: str) -> dict[str, object]:
    """Return what changes when something of a tenant has happened, by what it is about; cheap at any size."""
    counted = _counters(tenant_id)
    # PostgreSQL knows no max() of a uuid.
    newest = sa.select(events.c.id).where(events.c.tenant_id == tenant_id).order_by(events.c.id.desc()).limit(1)
    paused = sa.select(accounts.c.account, accounts.c.pause_reason).where(accounts.c.paused_at.is_not(None))
    working = sa.select(workers.c.id, workers.c.state, workers.c.sent).order_by(workers.c.id)
    return {
        "campaigns": (tx.execute(newest).scalar(), _rows(tx, counted)),
        "replies": reply_lists.marks(tx, tenant_id),
        "dispatcher": (in_doubt(tx, tenant_id), held(tx, tenant_id), _rows(tx, paused), _rows(tx, working)),
    }


def _counters(tenant_id: str) -> sa.Select[Any, Any]:
    query = sa.select(counters.c.status, sa.func.sum(counters.c.n)).where(counters.c.tenant_id == tenant_id)
    return query.group_by(counters.c.status).order_by(counters.c.status)


def _rows(tx: Transaction, query: sa.Select[*tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in tx.execute(query))
