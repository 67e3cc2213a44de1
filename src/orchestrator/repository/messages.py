"""The send ledger: one row per attempt."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from orchestrator.domain.message import LIVE_STATES, MessageState, OutreachMessage
from orchestrator.repository.columns import as_read, column_names
from orchestrator.repository.engine import Transaction, by_tenant
from orchestrator.repository.keyed import keyed
from orchestrator.repository.tables import messages as table

#: (tenant_id, campaign_id)
CampaignKey = tuple[str, str]


class LeanMessage(NamedTuple):
    """What facts are applied to: the columns of an attempt that decide where its campaign stands."""

    tenant_id: str
    state: MessageState
    id: str
    campaign_id: str
    step: int
    attempt: int
    account: str | None
    handed_at: datetime | None
    accepted_at: datetime | None
    reported_at: datetime | None
    sendgrid_message_id: str | None
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    machine_opened_at: datetime | None
    clicked_at: datetime | None
    failed_at: datetime | None
    bounced_at: datetime | None


_COLUMNS = column_names(table)
_LEANEST = sa.select(*(as_read(table.c[name]) for name in LeanMessage._fields[1:]))
_LEAN = keyed(_LEANEST, table.c.tenant_id, table.c.campaign_id)
_STATES = {str(state): state for state in MessageState}  # an enum takes six times as long to find its member

# The state is asked for in a CASE, which PostgreSQL's planner does not look into. It knows nothing yet of a young
# table's states, takes each for rare, and would read all live attempts for the few that are meant.

# A window of attempts handed over in one statement, their campaigns locked by it on the way. On PostgreSQL a row that
# was changed while we waited for a lock is looked at again as it is now, so an attempt that a command has voided in
# the meantime stays voided.
_HAND_MANY = {
    True: """
        WITH new AS (
            SELECT * FROM json_to_recordset(CAST(:attempts AS json))
            AS r(tenant_id uuid, id uuid, campaign_id uuid, lease_token text, subject text)
        ), locked AS MATERIALIZED (
            SELECT c.tenant_id, c.id FROM new JOIN outreach_campaigns c
            ON c.tenant_id = new.tenant_id AND c.id = new.campaign_id
            ORDER BY c.tenant_id, c.id FOR UPDATE OF c
        )
        UPDATE outreach_messages AS m
        SET state = 'handed', handed_at = :now, lease_until = :lease_until, subject = new.subject, account = :account
        FROM new JOIN locked ON locked.tenant_id = new.tenant_id AND locked.id = new.campaign_id
        WHERE m.tenant_id = new.tenant_id AND m.id = new.id
          AND CASE m.state WHEN 'reserved' THEN m.lease_token = new.lease_token END
        RETURNING m.id""",
    False: """
        UPDATE outreach_messages
        SET state = 'handed', handed_at = :now, lease_until = :lease_until, account = :account,
            subject = new.value->>'subject'
        FROM json_each(:attempts) AS new
        WHERE tenant_id = new.value->>'tenant_id' AND outreach_messages.id = new.value->>'id'
          AND lease_token = new.value->>'lease_token' AND state = 'reserved'
        RETURNING outreach_messages.id""",
}
_ACCEPT_MANY = {
    True: """
        UPDATE outreach_messages AS m
        SET state = 'accepted', accepted_at = :now, {stamps}, lease_token = NULL, lease_until = NULL,
            sendgrid_message_id = coalesce(m.sendgrid_message_id, new.sendgrid_message_id)
        FROM json_to_recordset(CAST(:attempts AS json))
        AS new(tenant_id uuid, id uuid, lease_token text, sendgrid_message_id text)
        WHERE m.tenant_id = new.tenant_id AND m.id = new.id
          AND CASE m.state WHEN 'handed' THEN m.lease_token = new.lease_token END
        RETURNING m.id""",
    False: """
        UPDATE outreach_messages
        SET state = 'accepted', accepted_at = :now, {stamps}, lease_token = NULL, lease_until = NULL,
            sendgrid_message_id = coalesce(sendgrid_message_id, new.value->>'sendgrid_message_id')
        FROM json_each(:attempts) AS new
        WHERE tenant_id = new.value->>'tenant_id' AND outreach_messages.id = new.value->>'id'
          AND lease_token = new.value->>'lease_token' AND state = 'handed'
        RETURNING outreach_messages.id""",
}


def _message(row: sa.Row[Any]) -> OutreachMessage:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["state"] = MessageState(values["state"])
    return OutreachMessage(**values)


def of_campaigns(tx: Transaction, keys: Iterable[CampaignKey]) -> dict[CampaignKey, list[OutreachMessage]]:
    """Return every attempt of each campaign, oldest first. The campaigns must be locked: that covers these rows."""
    found: dict[CampaignKey, list[OutreachMessage]] = {key: [] for key in keys}
    for tenant_id, ids in by_tenant(found):
        query = sa.select(table).where(table.c.tenant_id == tenant_id, tx.dialect.among(table.c.campaign_id, ids))
        for message in map(_message, tx.execute(query.order_by(table.c.campaign_id, table.c.step, table.c.attempt))):
            found[tenant_id, message.campaign_id].append(message)
    return found


def lean_of_campaigns(tx: Transaction, keys: Iterable[CampaignKey]) -> dict[CampaignKey, list[LeanMessage]]:
    """Return every attempt like `of_campaigns` but in any order, and of each only what facts are applied to."""
    found: dict[CampaignKey, list[LeanMessage]] = {key: [] for key in keys}
    for tenant_id, ids in by_tenant(found):
        for state, *others in tx.look_up(_LEAN, tenant_id, ids):
            message = LeanMessage(tenant_id, _STATES[state], *others)
            found[tenant_id, message.campaign_id].append(message)
    return found


def get(tx: Transaction, tenant_id: str, message_id: str) -> OutreachMessage | None:
    """Return one attempt, or None."""
    row = tx.execute(sa.select(table).where(table.c.tenant_id == tenant_id, table.c.id == message_id)).first()
    return _message(row) if row else None


def campaigns_of(tx: Transaction, tenant_id: str, message_ids: Iterable[str]) -> dict[str, str]:
    """Return {message id: campaign id} for those of the tenant's `message_ids` that exist."""
    query = sa.select(as_read(table.c.id), as_read(table.c.campaign_id)).where(
        table.c.tenant_id == tenant_id, tx.dialect.among(table.c.id, message_ids)
    )
    return dict(tx.execute(query).all())


def address_keys(tx: Transaction, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return {(tenant, message): address key} of those attempts that exist."""
    query = sa.select(table.c.id, table.c.address_key).where(table.c.address_key.is_not(None))
    return {
        (tenant_id, message_id): address_key
        for tenant_id, ids in by_tenant(keys)
        for message_id, address_key in tx.execute(
            query.where(table.c.tenant_id == tenant_id, tx.dialect.among(table.c.id, ids))
        )
    }


def by_sendgrid_id(tx: Transaction, sendgrid_ids: Iterable[str]) -> dict[str, tuple[str, str, str]]:
    """Return {X-Message-Id: (tenant, campaign, message)}, for events that lost our own ids."""
    wanted = list(sendgrid_ids)
    if not wanted:
        return {}
    query = sa.select(table.c.sendgrid_message_id, table.c.tenant_id, table.c.campaign_id, table.c.id)
    rows = tx.execute(query.where(tx.dialect.among(table.c.sendgrid_message_id, wanted)))
    return {sendgrid_id: (tenant, campaign, message) for sendgrid_id, tenant, campaign, message in rows}


def write(
    tx: Transaction, changes: Sequence[tuple[tuple[str, str], dict[str, Any]]], new: Sequence[OutreachMessage]
) -> None:
    """Write changed attempts, keyed by (tenant_id, message_id), and new ones; their campaigns must be locked.

    Attempts that give up a live state go first: the schema knows one live attempt of a step at any moment, also
    between two statements.
    """
    ended = [change for change in changes if _ends(change[1])]
    _update(tx, ended)
    tx.bulk.insert(table, [{name: getattr(message, name) for name in _COLUMNS} for message in new])
    _update(tx, [change for change in changes if not _ends(change[1])])


def _ends(columns: dict[str, Any]) -> bool:
    return columns.get("state") is not None and columns["state"] not in LIVE_STATES


def _update(tx: Transaction, changes: Sequence[tuple[tuple[str, str], dict[str, Any]]]) -> None:
    rows = [{"tenant_id": tenant_id, "id": message_id, **columns} for (tenant_id, message_id), columns in changes]
    tx.bulk.update(table, ("tenant_id", "id"), rows)


def hand(tx: Transaction, message: OutreachMessage, *, lease_until: datetime, subject: str, account: str) -> bool:
    """Mark `message` as given to the network, if its lease is still ours. False means: do not send it."""
    statement = table.update().where(
        table.c.tenant_id == message.tenant_id,
        table.c.id == message.id,
        table.c.lease_token == message.lease_token,
        table.c.state.in_([MessageState.RESERVED, MessageState.HANDED]),
    )
    values = {
        "state": MessageState.HANDED,
        "handed_at": tx.now(),
        "lease_until": lease_until,
        "subject": subject,
        "account": account,
    }
    return tx.execute(statement.values(values)).rowcount == 1


def hand_many(
    tx: Transaction, attempts: Iterable[OutreachMessage], *, subjects: Mapping[str, str], until: datetime, account: str
) -> set[str]:
    """Mark reserved attempts as given to the network, where their lease is still ours; return the ids of those.

    Their campaigns are locked on the way, in the one order everybody locks in.

    Args:
        tx: The transaction, which has locked the addresses.
        attempts: As they were claimed.
        subjects: Subject by attempt id.
        until: End of the new lease.
        account: What they leave through.
    """
    rows = [
        {"tenant_id": m.tenant_id, "id": m.id, "campaign_id": m.campaign_id, "lease_token": m.lease_token,
         "subject": subjects[m.id]}
        for m in attempts
    ]  # fmt: skip
    return _update_many(tx, _HAND_MANY[tx.dialect.is_postgresql], rows, account=account, lease_until=until)


def accept_many(
    tx: Transaction, accepted: Iterable[tuple[OutreachMessage, str | None]], stamps: Sequence[str]
) -> set[str]:
    """Mark attempts that are handed and whose lease is still ours as accepted; return the ids of those.

    Args:
        tx: The transaction, which has locked the campaigns.
        accepted: Each attempt as it was claimed, with SendGrid's id for it.
        stamps: The timestamps that being accepted leaves on them.
    """
    rows = [
        {"tenant_id": m.tenant_id, "id": m.id, "lease_token": m.lease_token, "sendgrid_message_id": sendgrid_id}
        for m, sendgrid_id in accepted
    ]
    sql = _ACCEPT_MANY[tx.dialect.is_postgresql].format(stamps=", ".join(f"{name} = :now" for name in stamps))
    return _update_many(tx, sql, rows)


def _update_many(tx: Transaction, sql: str, attempts: Sequence[dict[str, Any]], **values: Any) -> set[str]:
    times = {name: value for name, value in {**values, "now": tx.now()}.items() if isinstance(value, datetime)}
    statement = _prepared(sql, tuple(sorted(times)))
    result = tx.execute(statement, {**values, **times, "attempts": orjson.dumps(attempts).decode()})
    return {str(id_) for id_ in result.scalars()}


@cache
def _prepared(sql: str, times: tuple[str, ...]) -> sa.TextClause:
    return sa.text(sql).bindparams(*(sa.bindparam(name, type_=table.c.created_at.type) for name in times))


def take_back(tx: Transaction, message: OutreachMessage, *, lease_until: datetime) -> bool:
    """Mark a handed `message` as reserved again, if its lease is still ours."""
    statement = table.update().where(
        table.c.tenant_id == message.tenant_id,
        table.c.id == message.id,
        table.c.lease_token == message.lease_token,
        table.c.state == MessageState.HANDED,
    )
    return tx.execute(statement.values(state=MessageState.RESERVED, lease_until=lease_until)).rowcount == 1


def release(
    tx: Transaction, message: OutreachMessage, state: MessageState, error: str | None, *, outcome_known: bool = False
) -> bool:
    """End our lease on `message` and move it to `state`; False means that somebody else has decided.

    Args:
        tx: The transaction, which has locked the campaign.
        message: The attempt as it was claimed.
        state: Its new state.
        error: Why.
        outcome_known: We know what became of the POST. That is the truth even after others have come to doubt it.
    """
    held = [MessageState.RESERVED, MessageState.HANDED] + [MessageState.IN_DOUBT] * outcome_known
    statement = table.update().where(
        table.c.tenant_id == message.tenant_id,
        table.c.id == message.id,
        table.c.lease_token == message.lease_token,
        table.c.state.in_(held),
    )
    values = {"state": state, "error": error, "lease_token": None, "lease_until": None, "check_at": None}
    if state is MessageState.IN_DOUBT:
        values |= {"doubted_at": tx.now(), "check_at": tx.now()}
    return tx.execute(statement.values(values)).rowcount == 1


def expired(tx: Transaction, now: datetime, limit: int) -> list[OutreachMessage]:
    """Return up to `limit` attempts whose worker let its lease run out, longest dead first."""
    query = sa.select(table).where(table.c.lease_until.is_not(None), table.c.lease_until < now)
    return [_message(row) for row in tx.execute(query.order_by(table.c.lease_until).limit(limit))]
