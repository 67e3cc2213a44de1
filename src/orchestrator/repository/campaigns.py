"""Questions about, and changes to, ``outreach_campaigns``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.repository.engine import MAX_PARAMETERS, Transaction
from orchestrator.repository.tables import campaigns as table

#: (tenant_id, campaign_id)
Key = tuple[str, str]

_COLUMNS = tuple(column.name for column in table.columns)


def _campaign(row: sa.Row[Any]) -> OutreachCampaign:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["status"] = OutreachStatus(values["status"])
    return OutreachCampaign(**values)


def _row(campaign: OutreachCampaign) -> dict[str, Any]:
    return {name: getattr(campaign, name) for name in _COLUMNS}


def _keys(keys: Iterable[Key]) -> sa.ColumnElement[bool]:
    """Match any of `keys`, one tenant at a time, so that each part is a range of the primary key."""
    by_tenant: dict[str, list[str]] = {}
    for tenant_id, campaign_id in keys:
        by_tenant.setdefault(tenant_id, []).append(campaign_id)
    return sa.or_(
        sa.false(), *(sa.and_(table.c.tenant_id == tenant, table.c.id.in_(ids)) for tenant, ids in by_tenant.items())
    )


def get(tx: Transaction, key: Key) -> OutreachCampaign | None:
    """Return one campaign of one tenant, or None."""
    row = tx.execute(sa.select(table).where(table.c.tenant_id == key[0], table.c.id == key[1])).first()
    return _campaign(row) if row else None


def get_many(tx: Transaction, keys: Iterable[Key]) -> dict[Key, OutreachCampaign]:
    """Return those of `keys` that exist."""
    rows = tx.execute(sa.select(table).where(_keys(keys)))
    return {(c.tenant_id, c.id): c for c in map(_campaign, rows)}


def lock_many(tx: Transaction, keys: Iterable[Key]) -> dict[Key, OutreachCampaign]:
    """Lock those of `keys` that exist, in the one order everybody locks in, and return them as they are now."""
    query = sa.select(table).where(_keys(keys)).order_by(table.c.tenant_id, table.c.id)
    return {(c.tenant_id, c.id): c for c in map(_campaign, tx.execute(tx.dialect.locking(query)))}


def existing(tx: Transaction, keys: Iterable[Key]) -> set[Key]:
    """Return those of `keys` that exist."""
    return {
        (tenant_id, id_) for tenant_id, id_ in tx.execute(sa.select(table.c.tenant_id, table.c.id).where(_keys(keys)))
    }


def keys_by_id(tx: Transaction, campaign_ids: Sequence[str]) -> dict[str, Key]:
    """Return the keys of campaigns known by id alone, for events that lost their tenant."""
    if not campaign_ids:
        return {}
    rows = tx.execute(sa.select(table.c.tenant_id, table.c.id).where(table.c.id.in_(campaign_ids)))
    return {campaign_id: (tenant_id, campaign_id) for tenant_id, campaign_id in rows}


def insert_new(tx: Transaction, new: Sequence[OutreachCampaign]) -> set[str]:
    """Insert those of `new` whose (tenant, property) has no campaign yet; return the ids that were inserted.

    Rows go in sorted by property, so that two importers of the same properties never wait in a circle.
    """
    inserted: set[str] = set()
    ordered = sorted(new, key=lambda c: (c.tenant_id, c.property_id))
    size = MAX_PARAMETERS // len(_COLUMNS)
    statement = tx.dialect.insert_new(table).returning(table.c.id)
    for start in range(0, len(ordered), size):
        rows = [_row(campaign) for campaign in ordered[start : start + size]]
        inserted.update(tx.execute(statement, rows).scalars())
    return inserted


def by_property(tx: Transaction, tenant_id: str, property_ids: Sequence[str]) -> dict[str, OutreachCampaign]:
    """Return the tenant's campaigns for `property_ids`, by property id."""
    if not property_ids:
        return {}
    query = sa.select(table).where(table.c.tenant_id == tenant_id, table.c.property_id.in_(property_ids))
    return {c.property_id: c for c in map(_campaign, tx.execute(query))}


def with_status(tx: Transaction, tenant_id: str, status: OutreachStatus, limit: int) -> list[OutreachCampaign]:
    """Return up to `limit` campaigns of the tenant that have `status`, newest first."""
    query = sa.select(table).where(table.c.tenant_id == tenant_id, table.c.status == status)
    return [_campaign(row) for row in tx.execute(query.order_by(table.c.id.desc()).limit(limit))]


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


def due(tx: Transaction, now: datetime, limit: int) -> list[Key]:
    """Return keys of campaigns whose time has come, each tenant's oldest first, the tenants in turn."""
    turn = sa.func.row_number().over(partition_by=table.c.tenant_id, order_by=table.c.next_send_at).label("turn")
    ready = (
        sa.select(table.c.tenant_id, table.c.id, table.c.next_send_at, turn)
        .where(table.c.next_send_at.is_not(None), table.c.next_send_at <= now, table.c.hold_reason.is_(None))
        .subquery()
    )
    query = sa.select(ready.c.tenant_id, ready.c.id).order_by(ready.c.turn, ready.c.next_send_at).limit(limit)
    return [(tenant_id, campaign_id) for tenant_id, campaign_id in tx.execute(query)]


def next_due_at(tx: Transaction) -> datetime | None:
    """Return when the earliest scheduled campaign is due, or None when nothing is scheduled."""
    query = sa.select(sa.func.min(table.c.next_send_at)).where(
        table.c.next_send_at.is_not(None), table.c.hold_reason.is_(None)
    )
    return tx.execute(query).scalar_one()


def scheduled_to(tx: Transaction, tenant_id: str, address_keys: Iterable[str]) -> list[Key]:
    """Return keys of the tenant's campaigns to `address_keys` that have not been sent yet."""
    query = sa.select(table.c.tenant_id, table.c.id).where(
        table.c.tenant_id == tenant_id,
        table.c.owner_address_key.in_(list(address_keys)),
        table.c.status == OutreachStatus.SCHEDULED,
    )
    return [(tenant, campaign_id) for tenant, campaign_id in tx.execute(query)]


def update(tx: Transaction, changes: Sequence[tuple[Key, dict[str, Any]]]) -> None:
    """Write `changes` to campaigns that this transaction has locked; ``updated_at`` follows by itself.

    Changes of the same columns go to the database together.
    """
    now = tx.now()
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for (tenant_id, campaign_id), columns in changes:
        parameters = {"_tenant": tenant_id, "_id": campaign_id, "updated_at": now, **columns}
        groups.setdefault(tuple(sorted(columns)), []).append(parameters)
    for columns, rows in groups.items():
        statement = (
            table.update()
            .where(table.c.tenant_id == sa.bindparam("_tenant"), table.c.id == sa.bindparam("_id"))
            .values({name: sa.bindparam(name) for name in (*columns, "updated_at")})
        )
        tx.execute(statement, rows)
