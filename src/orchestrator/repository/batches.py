"""Questions about all campaigns of one import."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.repository.campaigns import Key
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import campaigns as table


def in_batch(tx: Transaction, tenant_id: str, batch: str, status: OutreachStatus, after: str, limit: int) -> list[Key]:
    """Return keys of up to `limit` campaigns of one import that have `status`, oldest first, behind id `after`."""
    query = sa.select(table.c.id).where(
        table.c.tenant_id == tenant_id, table.c.status == status, table.c.id > after, table.c.batch == batch
    )
    return [(tenant_id, campaign_id) for campaign_id in tx.execute(query.order_by(table.c.id).limit(limit)).scalars()]
