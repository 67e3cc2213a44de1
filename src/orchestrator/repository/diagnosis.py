"""What the doctor asks the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from orchestrator.repository.accounts import spoken
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import DUPLICATE, IN_DOUBT, accounts, campaigns, counters, messages, tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One attempt in doubt; ``check_at`` is None when it waits for a person."""

    tenant_id: str
    campaign_id: str
    message_id: str
    #: Where the mail was going: what a person looks up at SendGrid.
    owner_email: str
    attempt: int
    handed_at: datetime | None
    doubted_at: datetime | None
    check_at: datetime | None
    #: What went wrong when it was sent.
    cause: str | None
    #: What stands in the way of a decision, or how the campaign is held.
    standing: str | None
    hold_reason: str | None


@dataclass(frozen=True, slots=True)
class Pause:
    """An account, every account, or a tenant that sends nothing."""

    what: str
    kind: str
    reason: str
    since: datetime


def doubts(tx: Transaction, limit: int) -> list[Doubt]:
    """Return up to `limit` attempts in doubt, those first that wait for a person, then the oldest."""
    m, c = messages.c, campaigns.c
    query = (
        sa.select(
            m.tenant_id, m.campaign_id, m.id.label("message_id"), c.owner_email, m.attempt, m.handed_at,
            m.doubted_at, m.check_at, m.error.label("cause"), c.last_error.label("standing"), c.hold_reason,
        )
        .join_from(messages, campaigns, sa.and_(c.tenant_id == m.tenant_id, c.id == m.campaign_id))
        .where(sa.text("outreach_messages.state = 'in_doubt'"))
        .order_by(m.check_at.is_not(None), m.doubted_at, m.id)
    )  # fmt: skip
    return [Doubt(**row._mapping) for row in tx.execute(query.limit(limit))]


def count_doubts(tx: Transaction) -> tuple[int, int]:
    """Return how many attempts in doubt are still looked at, and how many wait for a person."""
    query = sa.select(sa.func.count(messages.c.check_at), sa.func.count()).select_from(messages).where(IN_DOUBT)
    looked_at, every = tx.execute(query).one()
    return looked_at, every - looked_at


def count_duplicates(tx: Transaction) -> int:
    """Return how many mails arrived beside another one of the same step."""
    return tx.execute(sa.select(sa.func.count()).select_from(messages).where(DUPLICATE)).scalar_one()


def pauses(tx: Transaction) -> list[Pause]:
    """Return what is paused: accounts, then tenants."""
    a, t = accounts.c, tenants.c
    stopped = sa.select(a.account, a.pause_kind, a.pause_reason, a.paused_at).where(a.paused_at.is_not(None))
    quiet = sa.select(t.tenant_id, t.pause_reason, t.paused_at).where(t.paused_at.is_not(None))
    found = [Pause(spoken(row[0]), *row[1:]) for row in tx.execute(stopped.order_by(a.account))]
    return found + [Pause(f"tenant {row[0]}", "operator", *row[1:]) for row in tx.execute(quiet.order_by(t.tenant_id))]


def miscounted(tx: Transaction) -> list[tuple[str, str, int]]:
    """Return (tenant, status, campaigns too few in the counter) wherever a counter differs from a count of all rows.

    One statement, so that both sides are of the same moment however much is going on.
    """
    counted = sa.select(campaigns.c.tenant_id, campaigns.c.status, sa.func.count().label("n")).group_by(
        campaigns.c.tenant_id, campaigns.c.status
    )
    kept = sa.select(counters.c.tenant_id, counters.c.status, (-counters.c.n).label("n"))
    both = sa.union_all(counted, kept).subquery()
    total = sa.func.sum(both.c.n)
    query = sa.select(both.c.tenant_id, both.c.status, total).group_by(both.c.tenant_id, both.c.status)
    return [(tenant_id, status, int(n)) for tenant_id, status, n in tx.execute(query.having(total != 0))]
