"""What a tenant's mail is doing right now: what is due, what waits for what, what failed; all of it up to a limit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.message import MessageState
from orchestrator.repository import stages
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import IN_DOUBT, addresses, campaigns, messages

#: Counting stops here: whoever sees this number knows that there are at least as many.
MOST = 100_000
#: Of a queue, or of what failed or is held, campaigns that are looked at.
LOOKED_AT = 5_000
#: An attempt is accepted at most so long after its id was made.
_CLAIM_TO_ACCEPT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """A tenant's queue in numbers, each counted up to `MOST`, or among the first `LOOKED_AT`."""

    due: int
    oldest_at: datetime | None
    later: int
    next_at: datetime | None
    in_flight: int
    #: In the queue again after an attempt that failed.
    again: int
    #: Later because their addresses had another mail.
    resting: int
    in_doubt: int
    #: When the next decision about a mail in doubt is made by itself.
    decided_at: datetime | None
    failed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubtful:
    """A mail of which nobody knows whether it was sent; ``check_at`` None: nothing happens by itself."""

    message_id: str
    campaign_id: str
    line1: str | None
    owner_email: str
    handed_at: datetime | None
    check_at: datetime | None
    cause: str | None
    standing: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A campaign whose mail was refused, or could not be made."""

    campaign_id: str
    line1: str | None
    owner_email: str
    failed_at: datetime | None
    last_error: str | None


def queued(tx: Transaction, tenant_id: str, gap: timedelta) -> Queued:
    """Return a tenant's queue in numbers; `gap` is the least time between two mails to one address."""
    c, now = campaigns.c, tx.now()
    due = (c.tenant_id == tenant_id, c.next_send_at.is_not(None), c.next_send_at <= now)
    later = (c.tenant_id == tenant_id, c.next_send_at.is_not(None), c.next_send_at > now)
    doubtful = sa.select(sa.func.min(messages.c.check_at))
    doubtful = doubtful.where(messages.c.tenant_id == tenant_id, messages.c.id.in_(_doubted(tenant_id)))
    return Queued(
        due=_count(tx, campaigns, *due),
        oldest_at=_first(tx, *due),
        later=_count(tx, campaigns, *later),
        next_at=_first(tx, *later),
        in_flight=_in_flight(tx, tenant_id),
        again=_again(tx, tenant_id),
        resting=_resting(tx, tenant_id, gap),
        in_doubt=_count(tx, messages, messages.c.tenant_id == tenant_id, IN_DOUBT),
        decided_at=tx.execute(doubtful).scalar(),
        failed=_failed_since(tx, tenant_id, now - timedelta(days=1)),
    )


def held(tx: Transaction, tenant_id: str) -> list[tuple[str, int]]:
    """Return (reason, campaigns) of what is held, the most first; of long reasons, their first words."""
    c = campaigns.c
    some = sa.select(sa.func.substr(c.hold_reason, 1, 200).label("reason"))
    some = some.where(c.tenant_id == tenant_id, stages.HELD).limit(LOOKED_AT)
    inner = some.subquery()
    query = sa.select(inner.c.reason, sa.func.count()).group_by(inner.c.reason)
    return [tuple(row) for row in tx.execute(query.order_by(sa.func.count().desc(), inner.c.reason))]


def doubtful(tx: Transaction, tenant_id: str, limit: int) -> list[Doubtful]:
    """Return up to `limit` mails in doubt, those first about which nothing happens by itself."""
    m, c = messages.c, campaigns.c
    query = (
        sa.select(
            m.id.label("message_id"), m.campaign_id, _line1(), c.owner_email, m.handed_at, m.check_at,
            m.error.label("cause"), c.last_error.label("standing"),
        )
        .join_from(messages, campaigns, sa.and_(c.tenant_id == m.tenant_id, c.id == m.campaign_id))
        .where(m.tenant_id == tenant_id, m.id.in_(_doubted(tenant_id)))
        .order_by(m.check_at.is_not(None), m.doubted_at, m.id)
    )  # fmt: skip
    return [Doubtful(**row._mapping) for row in tx.execute(query.limit(limit))]


def failures(tx: Transaction, tenant_id: str, limit: int) -> list[Failure]:
    """Return up to `limit` campaigns that failed, the latest made first."""
    c = campaigns.c
    query = sa.select(c.id.label("campaign_id"), _line1(), c.owner_email, c.failed_at, c.last_error)
    query = query.where(c.tenant_id == tenant_id, c.status == OutreachStatus.FAILED)
    return [Failure(**row._mapping) for row in tx.execute(query.order_by(c.id.desc()).limit(limit))]


def moved(tx: Transaction, tenant_id: str, minutes: int) -> tuple[Mapping[int, int], Mapping[int, int]]:
    """Return what moved in the last minutes, by how many whole minutes ago: (mails sent, mails that became due)."""
    now = tx.now()
    since = now - timedelta(minutes=minutes)
    m, c = messages.c, campaigns.c
    was_due = sa.func.coalesce(c.scheduled_at, c.created_at)
    sent_ago, due_ago = _minutes_ago(tx, m.accepted_at, now), _minutes_ago(tx, was_due, now)
    gone = (
        sa.select(sent_ago, sa.case((was_due >= since, due_ago), else_=-1), sa.func.count())
        .join_from(messages, campaigns, sa.and_(c.tenant_id == m.tenant_id, c.id == m.campaign_id))
        .where(m.tenant_id == tenant_id, m.id >= _id_of(since - _CLAIM_TO_ACCEPT), m.accepted_at >= since)
        .group_by(sa.literal_column("1"), sa.literal_column("2"))
    )
    sent: dict[int, int] = {}
    became_due: dict[int, int] = {}
    for ago, due, n in tx.execute(gone):
        sent[int(ago)] = sent.get(int(ago), 0) + n
        became_due[int(due)] = became_due.get(int(due), 0) + n
    came = sa.select(c.next_send_at).where(c.tenant_id == tenant_id, c.next_send_at > since, c.next_send_at <= now)
    some = came.limit(MOST).subquery()
    ago = _minutes_ago(tx, some.c.next_send_at, now)
    for due, n in tx.execute(sa.select(ago, sa.func.count()).group_by(sa.literal_column("1"))):
        became_due[int(due)] = became_due.get(int(due), 0) + n
    became_due.pop(-1, None)
    return sent, became_due


def count_due(tx: Transaction, tenant_id: str) -> int:
    """Return how many campaigns of a tenant are due, up to `MOST`."""
    c = campaigns.c
    return _count(tx, campaigns, c.tenant_id == tenant_id, c.next_send_at.is_not(None), c.next_send_at <= tx.now())


def _line1() -> sa.ColumnElement[str]:
    return campaigns.c.property_record["address"]["line1"].as_string().label("line1")


def _count(tx: Transaction, table: sa.Table, *conditions: sa.ColumnElement[bool] | sa.TextClause) -> int:
    some = sa.select(sa.literal(1)).select_from(table).where(*conditions).limit(MOST).subquery()
    return tx.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()


def _doubted(tenant_id: str) -> sa.Select[str]:
    # The index of what is in doubt knows ids alone. Asked for more at once, SQLite walks through all mails instead.
    return sa.select(messages.c.id).where(messages.c.tenant_id == tenant_id, IN_DOUBT).limit(MOST).correlate(None)


def _in_flight(tx: Transaction, tenant_id: str) -> int:
    # Few are leased, whoever's they are. Asked for a tenant's at once, SQLite walks through all mails of the tenant.
    leased = sa.select(messages.c.tenant_id, messages.c.state).where(messages.c.lease_until.is_not(None))
    some = leased.limit(MOST).subquery()
    query = sa.select(sa.func.count()).select_from(some)
    return tx.execute(query.where(some.c.tenant_id == tenant_id, some.c.state == MessageState.HANDED)).scalar_one()


def _first(tx: Transaction, *conditions: sa.ColumnElement[bool]) -> datetime | None:
    query = sa.select(campaigns.c.next_send_at).where(*conditions).order_by(campaigns.c.next_send_at).limit(1)
    return tx.execute(query).scalar()


def _queue(tenant_id: str, *columns: sa.Column[Any]) -> sa.Subquery:
    c = campaigns.c
    query = sa.select(*columns).where(c.tenant_id == tenant_id, c.next_send_at.is_not(None))
    return query.order_by(c.next_send_at).limit(LOOKED_AT).subquery()


def _again(tx: Transaction, tenant_id: str) -> int:
    queue = _queue(tenant_id, campaigns.c.last_error)
    query = sa.select(sa.func.count()).select_from(queue).where(queue.c.last_error.is_not(None))
    return tx.execute(query).scalar_one()


def _resting(tx: Transaction, tenant_id: str, gap: timedelta) -> int:
    if not gap:
        return 0
    c, a, now = campaigns.c, addresses.c, tx.now()
    queue = _queue(tenant_id, c.id, c.owner_address_key, c.next_send_at)
    known = sa.and_(a.tenant_id == tenant_id, a.address_key == queue.c.owner_address_key)
    query = sa.select(sa.func.count()).select_from(queue.join(addresses, known))
    others = sa.or_(a.last_campaign_id.is_(None), a.last_campaign_id != queue.c.id)
    return tx.execute(query.where(queue.c.next_send_at > now, a.last_handed_at > now - gap, others)).scalar_one()


def _failed_since(tx: Transaction, tenant_id: str, since: datetime) -> int:
    c = campaigns.c
    latest = sa.select(c.failed_at).where(c.tenant_id == tenant_id, c.status == OutreachStatus.FAILED)
    some = latest.order_by(c.id.desc()).limit(LOOKED_AT).subquery()
    return tx.execute(sa.select(sa.func.count()).select_from(some).where(some.c.failed_at >= since)).scalar_one()


def _minutes_ago(tx: Transaction, column: Any, now: datetime) -> sa.ColumnElement[int]:
    seconds = math.ceil(now.timestamp())
    if tx.dialect.is_postgresql:
        return sa.cast(sa.func.floor((seconds - sa.extract("epoch", column)) / 60), sa.BigInteger)
    return (seconds - sa.cast(sa.func.strftime("%s", column), sa.BigInteger)) // 60


def _id_of(at: datetime) -> str:
    """Return the least UUIDv7 of a moment (RFC 9562 §5.7)."""
    digits = f"{max(int(at.timestamp() * 1000), 0):012x}" + "0" * 20
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
