"""The append-only history: every event of every campaign, and those that belong to nobody."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from orchestrator.clock import new_id
from orchestrator.domain.events import Fact
from orchestrator.domain.text import JsonText
from orchestrator.repository.columns import column_names
from orchestrator.repository.encoding import Columns
from orchestrator.repository.engine import Transaction, by_tenant
from orchestrator.repository.tables import campaigns
from orchestrator.repository.tables import events as table
from orchestrator.repository.tables import unmatched_events as unmatched


@dataclass(slots=True, kw_only=True)  # not frozen: thousands are made a second, and that costs three times as much
class OutreachEvent:
    """One row of ``outreach_events``; ``event_data`` is the provider's event as it came."""

    id: str
    tenant_id: str
    campaign_id: str
    event_type: str
    event_data: dict[str, Any]
    occurred_at: datetime
    received_at: datetime
    dedupe_key: str
    message_id: str | None = None
    machine: bool = False
    sg_event_id: str | None = None


class Latest(NamedTuple):
    """One thing that happened lately: to which campaign, of which owner's property, and when we heard of it."""

    event_type: str
    machine: bool
    received_at: datetime
    campaign_id: str
    line1: str | None
    batch: str | None


_COLUMNS = column_names(table)
_values = attrgetter(*_COLUMNS)
_NOTHING = JsonText("{}")


def insert_new(tx: Transaction, new: Sequence[OutreachEvent]) -> set[str]:
    """Store those of `new` that are not stored yet; return the ids that were stored.

    An event is known by its content (``dedupe_key``) and, where it has one, by SendGrid's own event id.
    """
    if not new:
        return set()
    ordered = sorted(new, key=attrgetter("tenant_id", "dedupe_key"))
    columns = dict(zip(_COLUMNS, zip(*map(_values, ordered), strict=True), strict=True))
    # Providers do repeat themselves, but most batches hold nothing that is known.
    return tx.bulk.insert_columns_likely_new(table, columns)


def first_columns(tx: Transaction, tenant_id: str, new: Sequence[tuple[str, str, str]]) -> Columns:
    """Return the first events of new campaigns, at least one, by column: (campaign id, what happened, dedupe key)."""
    campaign_ids, types, dedupe_keys = zip(*new, strict=True)
    n, now = len(new), tx.now()
    return {
        "id": [new_id() for _ in new],
        "tenant_id": (tenant_id,) * n,
        "campaign_id": campaign_ids,
        "event_type": types,
        "event_data": (_NOTHING,) * n,
        "occurred_at": (now,) * n,
        "received_at": (now,) * n,
        "machine": (False,) * n,
        "dedupe_key": dedupe_keys,
    }


def of_campaign(tx: Transaction, tenant_id: str, campaign_id: str) -> list[OutreachEvent]:
    """Return the campaign's history in the order things happened."""
    query = sa.select(table).where(table.c.tenant_id == tenant_id, table.c.campaign_id == campaign_id)
    rows = tx.execute(query.order_by(table.c.occurred_at, table.c.received_at, table.c.id))
    return [OutreachEvent(**dict(zip(_COLUMNS, row, strict=True))) for row in rows]


def of_types(tx: Transaction, key: tuple[str, str], types: Sequence[str]) -> list[OutreachEvent]:
    """Return the events of one campaign, (tenant_id, campaign_id), that are of these types, in order."""
    return [event for event in of_campaign(tx, *key) if event.event_type in types]


def latest(tx: Transaction, tenant_id: str, limit: int) -> list[Latest]:
    """Return the last `limit` things that happened to a tenant's campaigns, newest first; cheap at any size."""
    # Ids are made in the order of time, and the primary key is in the order of ids.
    newest = sa.select(table.c.id, table.c.campaign_id, table.c.event_type, table.c.machine, table.c.received_at)
    newest = newest.where(table.c.tenant_id == tenant_id).order_by(table.c.id.desc()).limit(limit)
    found = newest.subquery()
    street = campaigns.c.property_record["address"]["line1"].as_string()
    query = (
        sa.select(found.c.event_type, found.c.machine, found.c.received_at, found.c.campaign_id, street)
        .add_columns(campaigns.c.batch)
        .join(campaigns, sa.and_(campaigns.c.tenant_id == tenant_id, campaigns.c.id == found.c.campaign_id))
        .order_by(found.c.id.desc())
    )
    return [Latest._make(row) for row in tx.execute(query)]


def keep_unmatched(tx: Transaction, rows: Sequence[dict[str, Any]]) -> None:
    """Keep events that belong to no campaign, each once."""
    tx.bulk.insert_missing(unmatched, sorted(rows, key=lambda row: row["dedupe_key"]))


def unmatched_of_kind(tx: Transaction, kind: str) -> dict[str, Any]:
    """Return {dedupe key: event} of those kept aside that are of `kind`; meant for kinds that are rare."""
    return dict(
        tx.execute(sa.select(unmatched.c.dedupe_key, unmatched.c.event_data).where(unmatched.c.kind == kind)).all()
    )


def count_unmatched(tx: Transaction) -> int:
    """Return how many events have been kept aside."""
    return tx.execute(sa.select(sa.func.count()).select_from(unmatched)).scalar_one()


def deliveries_to(
    tx: Transaction, keys: Iterable[tuple[str, str]], since: datetime
) -> dict[tuple[str, str], list[tuple[str, str | None, datetime]]]:
    """Return what became of mails to addresses after `since`: ``delivered`` or ``expired``, which mail, and when.

    Args:
        tx: The transaction.
        keys: (tenant_id, address_key) of the owners.
        since: Older reports are left out.
    """
    owner = campaigns.c.owner_address_key
    query = (
        sa.select(owner, table.c.event_type, table.c.message_id, table.c.occurred_at)
        .join(campaigns, sa.and_(campaigns.c.tenant_id == table.c.tenant_id, campaigns.c.id == table.c.campaign_id))
        .where(table.c.event_type.in_([str(Fact.DELIVERED), str(Fact.EXPIRED)]), table.c.occurred_at > since)
    )
    found: dict[tuple[str, str], list[tuple[str, str | None, datetime]]] = {}
    for tenant_id, names in by_tenant(keys):
        mine = query.where(campaigns.c.tenant_id == tenant_id, tx.dialect.among(owner, names))
        for name, what, mail, at in tx.execute(mine):
            found.setdefault((tenant_id, name), []).append((what, mail, at))
    return found
