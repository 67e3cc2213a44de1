"""Heartbeats: which processes work on this database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import workers as table


@dataclass(frozen=True, slots=True)
class Worker:
    """One process, as it last told of itself."""

    id: str
    #: ``worker`` sends; ``service`` serves, and publishes events.
    kind: str
    host: str
    pid: int
    version: str
    #: ``running``, ``draining`` or ``stopped``.
    state: str
    started_at: datetime
    seen_at: datetime
    #: Mails it has sent since it started.
    sent: int


def beat(tx: Transaction, id_: str, state: str, sent: int, **about: str | int) -> None:
    """Write down that the process is there: now, by the database's clock.

    Args:
        tx: The transaction.
        id_: The process's own id.
        state: ``running``, ``draining`` or ``stopped``.
        sent: Mails it has sent so far.
        **about: ``kind``, ``host``, ``pid`` and ``version``; kept from its first beat on.
    """
    now = tx.now()
    said = {"state": state, "sent": sent, "seen_at": now}
    if tx.execute(table.update().where(table.c.id == id_).values(said)).rowcount == 0:
        tx.execute(table.insert().values(id=id_, started_at=now, **said, **about))


def recent(tx: Transaction, since: datetime, limit: int = 200) -> list[Worker]:
    """Return the processes that were seen after `since`, the latest first."""
    query = sa.select(table).where(table.c.seen_at > since).order_by(table.c.seen_at.desc(), table.c.id).limit(limit)
    return [Worker(**row._mapping) for row in tx.execute(query)]


def forget(tx: Transaction, before: datetime) -> int:
    """Delete processes that were last seen before that time; return how many."""
    return tx.execute(table.delete().where(table.c.seen_at < before)).rowcount
