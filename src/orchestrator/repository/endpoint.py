"""What the webhook endpoint's processes keep in the database: since when each is up, until when, and what was refused.

Each process has a row of its own, so a heartbeat waits for nobody; the rows are read only when an attempt is in doubt.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import instance as table

_UP = "endpoint:"
_REFUSED = "endpoint_refused"
#: Rows of processes that died longer ago than any attempt is doubted decide about nothing any more.
_KEPT = timedelta(hours=48)


@dataclass(frozen=True, slots=True)
class Watch:
    """Spans in which some process served webhooks, without a gap within a span; and the last batch that was refused."""

    spans: tuple[tuple[datetime, datetime], ...]
    refused_at: datetime | None
    refused_why: str | None

    def up_through(self, since: datetime) -> datetime | None:
        """Return until when the endpoint was up without a gap, beginning at `since`; None: it was not up then."""
        reached = None
        for start, end in sorted(self.spans):
            if start <= (reached or since) and end >= since:
                reached = max(reached or end, end)
        return reached


def beat(tx: Transaction, process: str, gap: timedelta) -> None:
    """Say that `process` serves; a pause longer than `gap` since the last time begins a new span."""
    name = _UP + process
    query = sa.select(table.c.updated_at).where(table.c.name == name)
    last = tx.execute(query).scalar_one_or_none()
    now = tx.now()
    if last is None:
        _forget(tx, now - _KEPT)
        tx.bulk.insert_missing(table, [{"name": name, "value": now.isoformat(), "updated_at": now}])
        return
    began = {"value": now.isoformat()} if now - last > gap else {}
    tx.execute(table.update().where(table.c.name == name).values(updated_at=now, **began))


def _forget(tx: Transaction, before: datetime) -> None:
    tx.execute(table.delete().where(table.c.name.startswith(_UP), table.c.updated_at < before))


def refuse(tx: Transaction, why: str) -> None:
    """Say that a batch was refused, or could not be stored, not later than now."""
    tx.bulk.insert_missing(table, [{"name": _REFUSED, "value": why, "updated_at": tx.now()}])
    tx.execute(table.update().where(table.c.name == _REFUSED).values(value=why, updated_at=tx.now()))


def watched(tx: Transaction) -> Watch:
    """Return what is known of the endpoint."""
    query = sa.select(table.c.name, table.c.value, table.c.updated_at)
    rows = tx.execute(query.where(sa.or_(table.c.name.startswith(_UP), table.c.name == _REFUSED))).all()
    spans = [(datetime.fromisoformat(value), seen) for name, value, seen in rows if name != _REFUSED]
    refused = next(((seen, value) for name, value, seen in rows if name == _REFUSED), (None, None))
    return Watch(tuple(spans), *refused)
