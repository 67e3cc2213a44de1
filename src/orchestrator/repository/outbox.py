"""Events for the rest of the platform, written with the change they tell of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from orchestrator.domain.cloudevents import WrittenEvent
from orchestrator.repository.encoding import Columns
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import outbox as table


def add(tx: Transaction, tenant_id: str, events: Sequence[WrittenEvent]) -> None:
    """Write CloudEvents into the outbox; they exist if and only if this transaction commits."""
    if not events:
        return
    tx.bulk.insert_columns(table, columns(tx, tenant_id, events))
    tx.published.extend(events)


def columns(tx: Transaction, tenant_id: str, events: Sequence[WrittenEvent]) -> Columns:
    """Return the rows of CloudEvents, at least one, by column."""
    ids, types, texts = zip(*events, strict=True)
    n = len(events)
    return {"id": ids, "tenant_id": (tenant_id,) * n, "type": types, "payload": texts, "created_at": (tx.now(),) * n}


def claim(tx: Transaction, limit: int, lease: timedelta) -> list[dict[str, Any]]:
    """Lease up to `limit` CloudEvents that nobody has published or is publishing, and return them oldest first."""
    now = tx.now()
    free = sa.select(table.c.tenant_id, table.c.id).where(
        table.c.published_at.is_(None), sa.or_(table.c.lease_until.is_(None), table.c.lease_until < now)
    )
    mine = tx.dialect.locking(free.order_by(table.c.id).limit(limit), skip_locked=True)
    leased = table.update().where(sa.tuple_(table.c.tenant_id, table.c.id).in_(mine)).values(lease_until=now + lease)
    return sorted(tx.execute(leased.returning(table.c.payload)).scalars(), key=lambda event: event["id"])


def mark_published(tx: Transaction, published: Sequence[dict[str, Any]]) -> None:
    """Remember that these CloudEvents have left."""
    _update(tx, published, {"published_at": tx.now(), "lease_until": None})


def give_back(tx: Transaction, unpublished: Sequence[dict[str, Any]]) -> None:
    """End the lease on CloudEvents that did not leave, so that they keep their place in front of later ones."""
    _update(tx, unpublished, {"lease_until": None})


def _update(tx: Transaction, events: Sequence[dict[str, Any]], columns: dict[str, Any]) -> None:
    rows = [{"tenant_id": event["data"]["tenant_id"], "id": event["id"], **columns} for event in events]
    tx.bulk.update(table, ("tenant_id", "id"), rows)


def count_unpublished(tx: Transaction) -> int:
    """Return how many events wait to be published."""
    return tx.execute(sa.select(sa.func.count()).where(table.c.published_at.is_(None))).scalar_one()
