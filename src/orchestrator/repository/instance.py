"""Facts about this installation that must survive it, for example the secret that signs links."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import instance as table


def get(tx: Transaction, name: str) -> str | None:
    """Return the value kept under `name`, or None."""
    return tx.execute(sa.select(table.c.value).where(table.c.name == name)).scalar_one_or_none()


def keep_first(tx: Transaction, name: str, value: str) -> str:
    """Keep `value` under `name` unless something is there already; return what is there."""
    tx.bulk.insert_missing(table, [{"name": name, "value": value, "updated_at": tx.now()}])
    return tx.execute(sa.select(table.c.value).where(table.c.name == name)).scalar_one()


def put(tx: Transaction, name: str, value: str) -> None:
    """Keep `value` under `name`, whatever was there."""
    tx.bulk.insert_missing(table, [{"name": name, "value": value, "updated_at": tx.now()}])
    tx.execute(table.update().where(table.c.name == name).values(value=value, updated_at=tx.now()))
