"""Claiming and handing over many mails at once: the two moves of a dispatcher that must not wait for others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.message import OutreachMessage
from orchestrator.repository.engine import Transaction, by_tenant
from orchestrator.repository.tables import campaigns

Key = tuple[str, str]

_HAND = {
    True: """
        UPDATE outreach_messages AS m
        SET state = 'handed', handed_at = :now, lease_until = :lease_until, subject = new.subject, account = :account
        FROM json_to_recordset(CAST(:attempts AS json)) AS new(tenant_id uuid, id uuid, lease_token text, subject text)
        WHERE m.tenant_id = new.tenant_id AND m.id = new.id AND m.lease_token = new.lease_token
          AND m.state = 'reserved'
        RETURNING m.id""",
    False: """
        UPDATE outreach_messages
        SET state = 'handed', handed_at = :now, lease_until = :lease_until, account = :account,
            subject = json_extract(new.value, '$.subject')
        FROM json_each(:attempts) AS new
        WHERE tenant_id = json_extract(new.value, '$.tenant_id')
          AND outreach_messages.id = json_extract(new.value, '$.id')
          AND lease_token = json_extract(new.value, '$.lease_token') AND state = 'reserved'
        RETURNING outreach_messages.id""",
}


def lock_due(tx: Transaction, keys: Iterable[Key], now: datetime) -> dict[Key, OutreachCampaign]:
    """Lock those of `keys` that are still due, leaving out what somebody else is working on, and return them."""
    due = sa.select(campaigns).where(campaigns.c.next_send_at.is_not(None), campaigns.c.next_send_at <= now)
    query = tx.dialect.locking(due.order_by(campaigns.c.id), skip_locked=True)
    found: dict[Key, OutreachCampaign] = {}
    for tenant_id, ids in by_tenant(keys):
        among = tx.dialect.among(campaigns.c.id, ids)
        for row in tx.execute(query.where(campaigns.c.tenant_id == tenant_id, among)):
            values: dict[str, Any] = dict(row._mapping)
            values["status"] = OutreachStatus(values["status"])
            found[tenant_id, values["id"]] = OutreachCampaign(**values)
    return found


def hand(
    tx: Transaction, attempts: Iterable[OutreachMessage], *, subjects: Mapping[str, str], until: datetime, account: str
) -> set[str]:
    """Mark reserved attempts as given to the network, where their lease is still ours; return the ids of those.

    Args:
        tx: The transaction, which has locked the addresses and the campaigns.
        attempts: As they were claimed.
        subjects: Subject by attempt id.
        until: End of the new lease.
        account: What they leave through.
    """
    rows = [
        {"tenant_id": m.tenant_id, "id": m.id, "lease_token": m.lease_token, "subject": subjects[m.id]}
        for m in attempts
    ]
    statement = sa.text(_HAND[tx.dialect.is_postgresql]).bindparams(
        sa.bindparam("now", tx.now(), campaigns.c.created_at.type),
        sa.bindparam("lease_until", until, campaigns.c.created_at.type),
    )
    result = tx.execute(statement, {"attempts": orjson.dumps(rows).decode(), "account": account})
    return {str(id_) for id_ in result.scalars()}
