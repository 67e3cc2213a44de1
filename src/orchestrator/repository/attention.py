"""What of one tenant waits for a person: counted from partial indexes, up to a limit, at any size."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from orchestrator.repository import reply_lists, stages
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import (
    IN_DOUBT,
    TROUBLED,
    accounts,
    campaigns,
    counters,
    events,
    messages,
    tenants,
    webhook_batches,
    workers,
)

#: Counting stops here.
MOST = 1000
#: Of what is newest, as many are marks: what another process began earlier and committed later is among them.
_NEWEST = 50


def held(tx: Transaction, tenant_id: str) -> int:
    """Return how many campaigns somebody has to release."""
    return _count(tx, campaigns, campaigns.c.tenant_id == tenant_id, stages.HELD)


def in_doubt(tx: Transaction, tenant_id: str) -> int:
    """Return of how many mails nobody knows whether they were sent."""
    return _count(tx, messages, messages.c.tenant_id == tenant_id, IN_DOUBT)


def _count(tx: Transaction, table: sa.Table, *conditions: sa.ColumnElement[bool] | sa.TextClause) -> int:
    some = sa.select(sa.literal(1)).select_from(table).where(*conditions).limit(MOST).subquery()
    return tx.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


def marks(tx: Transaction, tenant_id: str) -> dict[str, object]:
    """Return what changes when something of a tenant has happened, by what it is about; cheap at any size."""
    happened = _newest(events, events.c.tenant_id == tenant_id)
    account = accounts.c
    stopped = sa.select(account.account, account.pause_reason, account.paused_at, account.not_before)
    stopped = stopped.where(sa.or_(account.paused_at.is_not(None), account.not_before > tx.now()))
    decided = sa.select(*(tenants.c[name] for name in _DECIDED)).where(tenants.c.tenant_id == tenant_id)
    working = sa.select(workers.c.id, workers.c.state, workers.c.sent).order_by(workers.c.id)
    return {
        "campaigns": (_rows(tx, happened), _rows(tx, _counters(tenant_id))),
        "replies": reply_lists.marks(tx, tenant_id),
        "dispatcher": (
            in_doubt(tx, tenant_id),
            held(tx, tenant_id),
            *(_rows(tx, q) for q in (stopped, decided, working)),
        ),
        # What nobody could trust, or failed here, becomes stored when it is taken in again.
        "webhooks": (_rows(tx, _newest(webhook_batches)), _rows(tx, _newest(webhook_batches, TROUBLED))),
    }


#: What is decided about a tenant and stands on the dispatcher's page.
_DECIDED = ("paused_at", "pause_reason", "missed_policy", "missed_after")


def _newest(table: sa.Table, *which: sa.ColumnElement[bool] | sa.TextClause) -> sa.Select[Any]:
    return sa.select(table.c.id).where(*which).order_by(table.c.id.desc()).limit(_NEWEST)


def _counters(tenant_id: str) -> sa.Select[Any, Any]:
    query = sa.select(counters.c.status, sa.func.sum(counters.c.n)).where(counters.c.tenant_id == tenant_id)
    return query.group_by(counters.c.status).order_by(counters.c.status)


def _rows(tx: Transaction, query: sa.Select[*tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    return tuple(tuple(row) for row in tx.execute(query))
