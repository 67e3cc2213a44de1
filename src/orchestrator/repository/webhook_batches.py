"""Webhook batches as they came in: for whoever wonders why nothing moves, and to take one in again.

They belong to the installation, not to a tenant: nobody knows whose a batch is before it has been trusted and read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import TROUBLED, unmatched_events
from orchestrator.repository.tables import webhook_batches as table

#: How a batch can have been trusted; everything else was not.
TRUSTED = ("signed", "secret")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookBatch:
    """One POST of SendGrid's, or of somebody who would like to be taken for it."""

    id: str
    #: ``events`` or ``inbound``.
    source: str
    received_at: datetime
    #: What it took, in milliseconds.
    milliseconds: int
    #: ``signed``, ``secret`` (the address ended in it), ``missing`` or ``invalid`` signature, ``unchecked`` (no key).
    trust: str
    #: ``stored``, ``refused``, ``unreadable`` (trusted, and no batch of events) or ``failed`` (on our side).
    outcome: str
    why: str | None
    #: Counts; None while nothing was stored.
    events: int | None
    new: int | None
    duplicate: int | None
    unknown: int | None
    headers: Mapping[str, str]
    #: Bytes of the body.
    size: int
    #: Whether the body was kept.
    kept: bool

    @property
    def trusted(self) -> bool:
        """Whether it was certain who sent it, when it came."""
        return self.trust in TRUSTED


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """An event that belongs to nobody, and why."""

    id: str
    kind: str
    reason: str
    event_data: Any
    received_at: datetime


_QUERY = sa.select(*(column for column in table.c if column.name != "body"), table.c.body.is_not(None).label("kept"))
_UNTRUSTED = table.c.trust.not_in(TRUSTED)


def add(tx: Transaction, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write batches down, one mapping of columns each."""
    tx.execute(table.insert(), [dict(row) for row in rows])


def page(tx: Transaction, limit: int, *, troubled: bool = False, before: str | None = None) -> list[WebhookBatch]:
    """Return up to `limit` batches, newest first: all, or those that were not stored; older than `before`."""
    query = _QUERY
    if troubled:
        query = query.where(TROUBLED)
    if before is not None:
        query = query.where(table.c.id < before)
    return [WebhookBatch(**row._mapping) for row in tx.execute(query.order_by(table.c.id.desc()).limit(limit))]


def get(tx: Transaction, id_: str) -> WebhookBatch | None:
    """Return one batch, or None."""
    row = tx.execute(_QUERY.where(table.c.id == id_)).first()
    return None if row is None else WebhookBatch(**row._mapping)


def body(tx: Transaction, id_: str) -> bytes | None:
    """Return the body of a batch, compressed as it is kept; None when it was not kept."""
    return tx.execute(sa.select(table.c.body).where(table.c.id == id_)).scalar()


def bodies(tx: Transaction, ids: Iterable[str]) -> dict[str, bytes | None]:
    """Return the bodies of batches by their ids, compressed as they are kept; None for one that was not kept."""
    query = sa.select(table.c.id, table.c.body).where(tx.dialect.among(table.c.id, ids))
    return {row[0]: row[1] for row in tx.execute(query)}


def waiting(tx: Transaction, limit: int) -> list[WebhookBatch]:
    """Return up to `limit` batches that were not stored and whose body was kept, oldest first."""
    query = _QUERY.where(TROUBLED, table.c.body.is_not(None)).order_by(table.c.id).limit(limit)
    return [WebhookBatch(**row._mapping) for row in tx.execute(query)]


def settle(tx: Transaction, id_: str, **columns: Any) -> None:
    """Write down what became of a batch that was taken in again."""
    tx.execute(table.update().where(table.c.id == id_).values(columns))


def latest(tx: Transaction, source: str) -> datetime | None:
    """Return when the latest batch of `source` came that was stored; looks at the latest 1,000 batches only."""
    recent = sa.select(table.c.source, table.c.outcome, table.c.received_at).order_by(table.c.id.desc()).limit(1000)
    some = recent.subquery()
    query = sa.select(sa.func.max(some.c.received_at)).where(some.c.source == source, some.c.outcome == "stored")
    return tx.execute(query).scalar()


def prune(tx: Transaction, before: datetime, limit: int) -> int:
    """Delete up to `limit` batches that came before that time; return how many."""
    old = sa.select(table.c.id).where(table.c.received_at < before).limit(limit)
    return tx.execute(table.delete().where(table.c.id.in_(old))).rowcount


def forget_untrusted(tx: Transaction, keep: int) -> int:
    """Delete batches of nobody knows whom beyond the latest `keep`, so that strangers fill no disk; return how many."""
    strangers = sa.select(table.c.id).where(TROUBLED, _UNTRUSTED).order_by(table.c.id.desc())
    last = tx.execute(strangers.offset(keep).limit(1)).scalar()
    if last is None:
        return 0
    return tx.execute(table.delete().where(TROUBLED, _UNTRUSTED, table.c.id <= last)).rowcount


def unmatched(tx: Transaction, limit: int, before: str | None = None) -> list[Unmatched]:
    """Return up to `limit` events that belong to nobody, newest first, older than `before`."""
    c = unmatched_events.c
    query = sa.select(c.id, c.kind, c.reason, c.event_data, c.received_at)
    if before is not None:
        query = query.where(c.id < before)
    return [Unmatched(**row._mapping) for row in tx.execute(query.order_by(c.id.desc()).limit(limit))]
