"""What happened when: campaigns counted by the quarter of an hour, which every zone's days are made of."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa

from orchestrator.repository import stages
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import campaigns as table

#: What is counted, by name.
KINDS = stages.TIMED
QUARTER = 900  # seconds


def by_event(tx: Transaction, tenant_id: str, since: datetime) -> dict[str, dict[int, int]]:
    """Return {kind: {quarter hours since 1970: campaigns}} of what happened from `since` on, when it happened."""
    return {kind: dict(_by_event(tx, tenant_id, stage, since)) for kind, stage in KINDS.items()}


def _by_event(tx: Transaction, tenant_id: str, stage: stages.Stage, since: datetime) -> Iterator[tuple[int, int]]:
    quarter = tx.dialect.quarter_hours(stage.at).label("quarter")
    query = sa.select(quarter, sa.func.count()).where(table.c.tenant_id == tenant_id, stage.at >= since, stage.reached)
    for at, n in tx.execute(query.group_by(quarter)):
        yield int(at), n


def by_sending(tx: Transaction, tenant_id: str, since: datetime) -> dict[str, dict[int, int]]:
    """Return the same kinds for campaigns sent from `since` on, by when their mail was sent."""
    sent_at = KINDS["sent"].at
    quarter = tx.dialect.quarter_hours(sent_at).label("quarter")
    query = sa.select(quarter, *(sa.func.count().filter(stage.reached) for stage in KINDS.values()))
    query = query.where(table.c.tenant_id == tenant_id, sent_at >= since)
    found: dict[str, dict[int, int]] = {kind: {} for kind in KINDS}
    for at, *counts in tx.execute(query.group_by(quarter)):
        for kind, n in zip(KINDS, counts, strict=True):
            if n:
                found[kind][int(at)] = n
    return found
