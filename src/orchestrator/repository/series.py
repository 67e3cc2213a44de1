"""What happened when: campaigns counted by the quarter of an hour, which every zone's days are made of."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.repository import stages
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import campaigns as table

#: What is counted, by name.
KINDS = stages.TIMED
QUARTER = 900  # seconds


def by_event(tx: Transaction, tenant_id: str, since: datetime) -> dict[str, dict[int, int]]:
    """Return {kind: {quarter hours since 1970: campaigns}} of what happened from `since` on, when it happened."""
    found: dict[str, dict[int, int]] = {kind: {} for kind in KINDS}
    for kind, at, n in tx.execute(_by_event(tx, tenant_id, since)):
        found[kind][int(at)] = n
    return found


def _by_event(tx: Transaction, tenant_id: str, since: datetime) -> sa.CompoundSelect[str, Any, int]:
    # One walk through what was sent for all kinds together: campaigns are wide, and their few times are not.
    happened = {kind: sa.case((sa.and_(stage.reached, stage.at >= since), stage.at)) for kind, stage in KINDS.items()}
    quarters = (tx.dialect.quarter_hours(at).label(kind) for kind, at in happened.items())
    walk = sa.select(*quarters).where(table.c.tenant_id == tenant_id, KINDS["sent"].reached)
    narrow = walk.cte("narrow").prefix_with("MATERIALIZED")
    counts = (
        sa.select(sa.literal(kind), narrow.c[kind], sa.func.count())
        .where(narrow.c[kind].is_not(None))
        .group_by(narrow.c[kind])
        for kind in KINDS
    )
    return sa.union_all(*counts)


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
