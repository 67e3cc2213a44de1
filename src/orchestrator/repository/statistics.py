"""Numbers. Counters change in the transaction that changes the status, so reading them is exact and costs nothing."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.repository import stages
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import campaigns, counters, events, messages

#: Writers of one tenant spread over this many rows, or they would queue for a single one.
STRIPES = 16


def count(tx: Transaction, deltas: Mapping[tuple[str, OutreachStatus], int]) -> None:
    """Add `deltas`, keyed by (tenant_id, status), to the counters. Call it last: others wait for these rows."""
    stripe = threading.get_native_id() % STRIPES  # Python's own ids differ in their high bits only
    rows = [
        {"tenant_id": tenant_id, "status": status, "stripe": stripe, "n": n}
        for (tenant_id, status), n in sorted(deltas.items())
        if n
    ]
    tx.bulk.add_up(counters, ("tenant_id", "status", "stripe"), "n", rows)


def by_status(tx: Transaction, tenant_id: str) -> dict[str, int]:
    """Return how many campaigns of the tenant have each status now; statuses nobody has are left out."""
    query = (
        sa.select(counters.c.status, sa.func.sum(counters.c.n))
        .where(counters.c.tenant_id == tenant_id)
        .group_by(counters.c.status)
    )
    return {status: int(n) for status, n in tx.execute(query) if n}


def by_status_recounted(tx: Transaction, tenant_id: str) -> dict[str, int]:
    """Return the same numbers counted row by row, to prove the counters right."""
    query = sa.select(campaigns.c.status, sa.func.count()).where(campaigns.c.tenant_id == tenant_id)
    return dict(tx.execute(query.group_by(campaigns.c.status)).all())


def attempts_by_state(tx: Transaction, tenant_ids: Sequence[str]) -> dict[str, int]:
    """Return how many attempts of these tenants are in each state, counted row by row."""
    query = sa.select(messages.c.state, sa.func.count()).where(messages.c.tenant_id.in_(tenant_ids))
    return dict(tx.execute(query.group_by(messages.c.state)).all())


def history_by_type(tx: Transaction, tenant_ids: Sequence[str]) -> dict[str, int]:
    """Return how many rows of each type the history of these tenants has, counted row by row."""
    query = sa.select(events.c.event_type, sa.func.count()).where(events.c.tenant_id.in_(tenant_ids))
    return dict(tx.execute(query.group_by(events.c.event_type)).all())


def queued_and_held(tx: Transaction, tenant_ids: Sequence[str]) -> tuple[int, int]:
    """Return how many campaigns of these tenants are in the queue, and how many wait for a person."""
    query = sa.select(sa.func.count(campaigns.c.next_send_at), sa.func.count().filter(stages.HELD))
    queued, held = tx.execute(query.where(campaigns.c.tenant_id.in_(tenant_ids))).one()
    return queued, held


def count_besides(tx: Transaction, batch: str) -> int:
    """Return how many campaigns of any tenant do not belong to `batch`."""
    query = sa.select(sa.func.count()).select_from(campaigns)
    return tx.execute(query.where(campaigns.c.batch.is_distinct_from(batch))).scalar_one()


def reached(tx: Transaction, tenant_id: str, batch: str | None = None) -> dict[str, int]:
    """Return how many campaigns have come to each of `stages.COUNTED`."""
    counts = (sa.func.count().filter(reached).label(name) for name, reached in stages.COUNTED.items())
    query = sa.select(*counts).where(campaigns.c.tenant_id == tenant_id)
    if batch is not None:
        query = query.where(campaigns.c.batch == batch)
    return {name: int(n) for name, n in tx.execute(query).one()._mapping.items()}
