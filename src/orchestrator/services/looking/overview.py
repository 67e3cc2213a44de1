"""How the installation stands at this moment: who works, what waits, what is stuck."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime

from orchestrator.repository import Transaction, accounts, queues, statistics, workers
from orchestrator.repository.queues import MOST
from orchestrator.services.upkeep import maintenance
from orchestrator.services.upkeep.heartbeats import SILENT_AFTER

Read = Callable[[], AbstractContextManager[Transaction]]

#: Tenants shown; with more, those whose mail has waited longest come first among the tenants that were looked at.
TENANTS = 100


@dataclass(frozen=True, slots=True)
class WorkerState:
    """One process: alive when it was seen in the last 15 seconds by the database's clock."""

    id: str
    kind: str
    host: str
    pid: int
    version: str
    state: str
    alive: bool
    started_at: datetime
    seen_at: datetime
    sent: int


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits of one tenant. `due` is counted up to 1000."""

    tenant_id: str
    scheduled: int
    due: int
    next_send_at: datetime
    #: Seconds that the mail at the head has been due; 0 while its time has not come.
    waiting: float


@dataclass(frozen=True, slots=True)
class Paused:
    """What does not send, why, and since when."""

    what: str
    kind: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class HeldOff:
    """An account that SendGrid asked to wait, by a 429 or a 503, and until when. It goes on by itself."""

    what: str
    until: datetime


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand. Counts that could be large end at `counted_up_to`: there may be more."""

    at: datetime
    workers: list[WorkerState]
    queues: list[Queue]
    paused: list[Paused]
    held_off: list[HeldOff]
    in_doubt: int
    held: int
    unpublished: int
    oldest_unpublished_at: datetime | None
    counted_up_to: int = MOST


def look(read: Read) -> Status:
    """Return how things stand. Its cost does not grow with the number of campaigns.

    Raises:
        DatabaseUnreachable, SchemaOutOfDate: The database cannot be asked.
    """
    with read() as tx:
        return Status(
            at=tx.now(),
            workers=_workers(tx),
            queues=_queues(tx),
            paused=_paused(tx),
            held_off=[HeldOff(accounts.spoken(name), until) for name, until in accounts.holding_off(tx)],
            in_doubt=queues.count_in_doubt(tx),
            held=queues.count_held(tx),
            unpublished=queues.count_unpublished(tx),
            oldest_unpublished_at=queues.oldest_unpublished(tx),
        )


def _workers(tx: Transaction) -> list[WorkerState]:
    known = workers.recent(tx, tx.now() - maintenance.KEEP_WORKERS)
    alive_since = tx.now() - SILENT_AFTER
    return [
        WorkerState(
            id=worker.id,
            kind=worker.kind,
            host=worker.host,
            pid=worker.pid,
            version=worker.version,
            state=worker.state,
            alive=worker.seen_at > alive_since,
            started_at=worker.started_at,
            seen_at=worker.seen_at,
            sent=worker.sent,
        )
        for worker in known
        if worker.state != "stopped"
    ]


def _queues(tx: Transaction) -> list[Queue]:
    heads = sorted(queues.queueing(tx, TENANTS), key=lambda head: head[1])
    return [
        Queue(
            tenant_id=tenant_id,
            scheduled=statistics.by_status(tx, tenant_id).get("scheduled", 0),
            due=queues.count_due(tx, tenant_id, tx.now()) if first <= tx.now() else 0,
            next_send_at=first,
            waiting=max(0.0, round((tx.now() - first).total_seconds(), 3)),
        )
        for tenant_id, first in heads
    ]


def _paused(tx: Transaction) -> list[Paused]:
    stopped = [
        Paused(accounts.spoken(name), kind, reason, since) for name, kind, reason, since in queues.paused_accounts(tx)
    ]
    tenants = [
        Paused(f"tenant {id_}", "operator", reason, since) for id_, reason, since in queues.paused_tenants(tx, TENANTS)
    ]
    return stopped + tenants
