"""Questions about, and changes to, ``outreach_campaigns``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.repository.columns import as_read, column_names
from orchestrator.repository.engine import Transaction, by_tenant
from orchestrator.repository.keyed import keyed
from orchestrator.repository.tables import addresses as people
from orchestrator.repository.tables import campaigns as table
from orchestrator.repository.tables import suppressions as entries

#: (tenant_id, campaign_id)
Key = tuple[str, str]
#: RFC 9562 §5.9: sorts before every other UUID.
NIL = "00000000-0000-0000-0000-000000000000"


class LeanCampaign(NamedTuple):
    """What facts are applied to: the columns that decide where a campaign stands, and those that tell of it."""

    tenant_id: str
    status: OutreachStatus
    id: str
    property_id: str
    owner_address_key: str
    subject: str
    step: int
    created_at: datetime
    next_send_at: datetime | None
    hold_reason: str | None
    sendgrid_message_id: str | None
    context: dict[str, Any] | None
    sent_at: datetime | None
    delivered_at: datetime | None
    opened_at: datetime | None
    machine_opened_at: datetime | None
    clicked_at: datetime | None
    failed_at: datetime | None
    bounced_at: datetime | None
    responded_at: datetime | None
    unsubscribed_at: datetime | None
    complained_at: datetime | None
    last_error: str | None


_COLUMNS = column_names(table)
_values = attrgetter(*_COLUMNS)
#: Everything but the two records, which make up most of a row and matter only to who composes or shows a mail.
_LEAN = sa.select(*(column for column in table.columns if column.name not in ("property_record", "score_result")))
_LEANEST = sa.select(*(as_read(table.c[name]) for name in LeanCampaign._fields[1:]))
_LOCK_LEAN = keyed(_LEANEST, table.c.tenant_id, table.c.id, lock=True)
_STATUSES = {str(status): status for status in OutreachStatus}  # an enum takes six times as long to find its member


def _campaign(row: sa.Row[Any]) -> OutreachCampaign:
    values = dict(zip(row._fields, row, strict=True))
    values["status"] = OutreachStatus(values["status"])
    return OutreachCampaign(**values)


def get(tx: Transaction, key: Key) -> OutreachCampaign | None:
    """Return one campaign of one tenant, or None."""
    row = tx.execute(sa.select(table).where(table.c.tenant_id == key[0], table.c.id == key[1])).first()
    return _campaign(row) if row else None


def get_many(tx: Transaction, keys: Iterable[Key]) -> dict[Key, OutreachCampaign]:
    """Return those of `keys` that exist."""
    return dict(_found(tx, sa.select(table), keys))


def lock_many(
    tx: Transaction, keys: Iterable[Key], *, records: bool = False, skip_locked: bool = False
) -> dict[Key, OutreachCampaign]:
    """Lock those of `keys` that exist, in the one order everybody locks in, and return them as they are now.

    Args:
        tx: The transaction that holds the locks.
        keys: (tenant_id, campaign_id).
        records: Whether ``property_record`` and ``score_result`` are read too; without, they are None.
        skip_locked: Leave out what somebody else is working on, instead of waiting for it.
    """
    chosen = (sa.select(table) if records else _LEAN).order_by(table.c.id)
    query = tx.dialect.locking(chosen, skip_locked=skip_locked)
    return dict(_found(tx, query, keys))


def lock_due(tx: Transaction, keys: Iterable[Key], now: datetime) -> dict[Key, OutreachCampaign]:
    """Lock those of `keys` that are still due, leaving out what somebody else is working on, and return them."""
    # Asked for in a CASE, which no planner looks into: SQLite's would read the whole queue for the few that are meant.
    due = sa.select(table).where(sa.case((table.c.next_send_at <= now, 1)) == 1)
    return dict(_found(tx, tx.dialect.locking(due.order_by(table.c.id), skip_locked=True), keys))


def lock_lean(tx: Transaction, keys: Iterable[Key]) -> dict[Key, LeanCampaign]:
    """Lock like `lock_many`, and return only what facts are applied to."""
    found: dict[Key, LeanCampaign] = {}
    for tenant_id, ids in by_tenant(keys):
        for status, *others in tx.look_up(_LOCK_LEAN, tenant_id, ids):
            campaign = LeanCampaign(tenant_id, _STATUSES[status], *others)
            found[tenant_id, campaign.id] = campaign
    return found


def lock_statuses(tx: Transaction, keys: Iterable[Key]) -> dict[Key, OutreachStatus]:
    """Lock like `lock_many`, and return only the statuses, of those that nobody holds."""
    query = tx.dialect.locking(sa.select(table.c.id, table.c.status, table.c.hold_reason).order_by(table.c.id))
    return {
        (tenant_id, campaign_id): OutreachStatus(status)
        for tenant_id, ids in by_tenant(keys)
        for campaign_id, status, held in tx.execute(
            query.where(table.c.tenant_id == tenant_id, tx.dialect.among(table.c.id, ids))
        )
        if held is None
    }


def take(tx: Transaction, keys: Iterable[Key]) -> None:
    """Take campaigns that this transaction has locked off the queue: an attempt of each is on its way."""
    for tenant_id, ids in by_tenant(keys):
        mine = sa.and_(table.c.tenant_id == tenant_id, tx.dialect.among(table.c.id, ids))
        tx.execute(table.update().where(mine).values(next_send_at=None, updated_at=tx.now()))


def _found(tx: Transaction, query: sa.Select[Any], keys: Iterable[Key]) -> Iterator[tuple[Key, OutreachCampaign]]:
    for tenant_id, ids in by_tenant(keys):
        for row in tx.execute(query.where(table.c.tenant_id == tenant_id, tx.dialect.among(table.c.id, ids))):
            campaign = _campaign(row)
            yield (tenant_id, campaign.id), campaign


def address_keys(tx: Transaction, keys: Iterable[Key]) -> dict[Key, str]:
    """Return the address key of those of `keys` that exist."""
    query = sa.select(table.c.id, table.c.owner_address_key)
    return {
        (tenant_id, campaign_id): address_key
        for tenant_id, ids in by_tenant(keys)
        for campaign_id, address_key in tx.execute(
            query.where(table.c.tenant_id == tenant_id, tx.dialect.among(table.c.id, ids))
        )
    }


def keys_by_id(tx: Transaction, campaign_ids: Iterable[str]) -> dict[str, Key]:
    """Return the keys of campaigns known by id alone, for events that lost their tenant."""
    wanted = list(campaign_ids)
    if not wanted:
        return {}
    query = sa.select(table.c.tenant_id, table.c.id).where(tx.dialect.among(table.c.id, wanted))
    return {campaign_id: (tenant_id, campaign_id) for tenant_id, campaign_id in tx.execute(query)}


def by_property(tx: Transaction, tenant_id: str, property_ids: Sequence[str]) -> dict[str, OutreachCampaign]:
    """Return the tenant's campaigns for `property_ids`, by property id."""
    if not property_ids:
        return {}
    among = tx.dialect.among(table.c.property_id, property_ids)
    query = sa.select(table).where(table.c.tenant_id == tenant_id, among)
    return {campaign.property_id: campaign for campaign in map(_campaign, tx.execute(query))}


def with_status(tx: Transaction, tenant_id: str, status: OutreachStatus, limit: int) -> list[OutreachCampaign]:
    """Return up to `limit` campaigns of the tenant that have `status`, newest first."""
    query = sa.select(table).where(table.c.tenant_id == tenant_id, table.c.status == status)
    return [_campaign(row) for row in tx.execute(query.order_by(table.c.id.desc()).limit(limit))]


def failed(tx: Transaction, tenant_id: str, limit: int) -> list[OutreachCampaign]:
    """Return up to `limit` failed campaigns of the tenant that the suppression list is not about, newest first."""
    suppressed = sa.exists().where(
        people.c.tenant_id == table.c.tenant_id,
        people.c.address_key == table.c.owner_address_key,
        people.c.suppressed_at.is_not(None),
        sa.or_(people.c.suppressed_until.is_(None), people.c.suppressed_until > tx.now()),
    )
    # Two questions: as one with OR it would read the tenant's whole list for every campaign.
    ours = entries.c.tenant_id == tenant_id
    covered = sa.exists().where(ours, _of_property()), sa.exists().where(ours, _of_domain())
    query = sa.select(table).where(table.c.tenant_id == tenant_id, table.c.status == OutreachStatus.FAILED)
    query = query.where(~suppressed, *(~one for one in covered))
    return [_campaign(row) for row in tx.execute(query.order_by(table.c.id.desc()).limit(limit))]


def _of_property() -> sa.ColumnElement[bool]:
    """An entry of the suppression list is about a campaign's property."""
    return sa.and_(entries.c.kind == "property", entries.c.value == sa.cast(table.c.property_id, sa.String))


def _of_domain() -> sa.ColumnElement[bool]:
    """An entry of the suppression list is about the domain of a campaign's owner."""
    key = table.c.owner_address_key
    ending = sa.func.substr(key, sa.func.length(key) - sa.func.length(entries.c.value))
    return sa.and_(entries.c.kind == "domain", ending == sa.literal("@") + entries.c.value)


def page(
    tx: Transaction,
    tenant_id: str,
    limit: int,
    before: str | None = None,
    batch: str | None = None,
    status: OutreachStatus | None = None,
) -> list[OutreachCampaign]:
    """Return up to `limit` campaigns of the tenant, newest first, older than the campaign id `before`."""
    query = sa.select(table).where(table.c.tenant_id == tenant_id)
    if before is not None:
        query = query.where(table.c.id < before)
    if batch is not None:
        query = query.where(table.c.batch == batch)
    if status is not None:
        query = query.where(table.c.status == status)
    return [_campaign(row) for row in tx.execute(query.order_by(table.c.id.desc()).limit(limit))]


def scheduled_to(tx: Transaction, tenant_id: str, address_keys: Iterable[str]) -> list[Key]:
    """Return keys of the tenant's campaigns to `address_keys` that have not been sent yet."""
    query = sa.select(table.c.id).where(
        table.c.tenant_id == tenant_id,
        tx.dialect.among(table.c.owner_address_key, address_keys),
        table.c.status == OutreachStatus.SCHEDULED,
    )
    return [(tenant_id, campaign_id) for campaign_id in tx.execute(query).scalars()]


def held_to(tx: Transaction, tenant_id: str, address_key: str, reason: str) -> list[Key]:
    """Return keys of the tenant's campaigns to an address whose hold has a reason that begins with `reason`."""
    query = sa.select(table.c.id).where(
        table.c.tenant_id == tenant_id,
        table.c.owner_address_key == address_key,
        table.c.hold_reason.startswith(reason, autoescape=True),
    )
    return [(tenant_id, campaign_id) for campaign_id in tx.execute(query).scalars()]


def update(tx: Transaction, changes: Sequence[tuple[Key, dict[str, Any]]]) -> None:
    """Write `changes` to campaigns that this transaction has locked; ``updated_at`` follows by itself."""
    now = tx.now()
    tx.note_due(columns.get("next_send_at") for _, columns in changes)
    rows = [
        {"tenant_id": tenant_id, "id": campaign_id, "updated_at": now, **columns}
        for (tenant_id, campaign_id), columns in changes
    ]
    tx.bulk.update(table, ("tenant_id", "id"), rows)
