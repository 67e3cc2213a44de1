"""Deleting what has become too old to be of use, some at a time: nobody waits long for the locks of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import outbox, unmatched_events


def published_events(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete up to `limit` outbox events that were published before that time; return how many."""
    return _prune(tx, outbox, (outbox.c.tenant_id, outbox.c.id), outbox.c.published_at < before, limit)


def unmatched(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete up to `limit` webhook events that belong to nobody and came before that time; return how many."""
    c = unmatched_events.c
    return _prune(tx, unmatched_events, (c.id,), c.received_at < before, limit)


def _prune(
    tx: Transaction,
    table: sa.Table,
    key: Sequence[sa.Column[Any]],
    old: sa.ColumnElement[bool],
    limit: int,
) -> int:
    some = tx.dialect.locking(sa.select(*key).where(old).limit(limit), skip_locked=True)
    return tx.execute(table.delete().where(sa.tuple_(*key).in_(some))).rowcount
