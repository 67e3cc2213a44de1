"""Campaigns that are new, as bulk imports bring them: by column, their records written as JSON already."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachCampaign, OutreachStatus
from orchestrator.domain.text import JsonText
from orchestrator.repository.columns import as_read
from orchestrator.repository.encoding import Columns
from orchestrator.repository.engine import Transaction
from orchestrator.repository.keyed import keyed
from orchestrator.repository.tables import campaigns as table


class Arrival(NamedTuple):
    """What is known of a new campaign before the database is asked; the fields are columns."""

    id: str
    property_id: str
    owner_name: str | None
    owner_email: str
    owner_address_key: str
    subject: str
    memo_url: str
    batch: str | None
    context: JsonText | None
    scheduled_at: datetime | None
    property_record: JsonText
    score_result: JsonText
    greeting: str | None = None
    country: str | None = None
    consent_basis: str | None = None
    consent_source: str | None = None


class Place(NamedTuple):
    """Where a new campaign stands, which the transaction decides; the fields are columns."""

    status: OutreachStatus
    next_send_at: datetime | None
    hold_reason: str | None
    last_error: str | None


_KNOWN = keyed(sa.select(as_read(table.c.property_id)), table.c.tenant_id, table.c.property_id)

#: New campaigns, and where each of them stands.
Placed = Sequence[tuple[Arrival, Place]]


def missing(tx: Transaction, tenant_id: str, new: Placed) -> list[tuple[Arrival, Place]]:
    """Return those of `new` whose property has no campaign of the tenant yet.

    They come sorted by property, so that two importers of the same properties never wait in a circle.
    """
    known = _known_properties(tx, tenant_id, [arrival.property_id for arrival, _ in new])
    return sorted((one for one in new if one[0].property_id not in known), key=_property_id)


def columns(tx: Transaction, tenant_id: str, new: Placed) -> Columns:
    """Return the rows of `new`, at least one, by column."""
    arrivals, places = zip(*new, strict=True)
    columns: dict[str, Sequence[Any]] = {
        **dict(zip(Arrival._fields, zip(*arrivals, strict=True), strict=True)),
        **dict(zip(Place._fields, zip(*places, strict=True), strict=True)),
    }
    tx.note_due(columns["next_send_at"])
    for name, value in (("tenant_id", tenant_id), ("step", 1), ("created_at", tx.now()), ("updated_at", tx.now())):
        columns[name] = (value,) * len(new)
    return columns


def campaign(tenant_id: str, arrival: Arrival, place: Place, at: datetime) -> OutreachCampaign:
    """Return the campaign that was inserted at the moment `at`."""
    values = arrival._asdict() | place._asdict()
    for name in ("property_record", "score_result", "context"):
        values[name] = None if values[name] is None else orjson.loads(values[name].encode())
    return OutreachCampaign(tenant_id=tenant_id, created_at=at, updated_at=at, **values)


def _property_id(one: tuple[Arrival, Place]) -> str:
    return one[0].property_id


def _known_properties(tx: Transaction, tenant_id: str, property_ids: Sequence[str]) -> set[str]:
    """Return those of `property_ids` that have a campaign already."""
    return {row[0] for row in tx.look_up(_KNOWN, tenant_id, property_ids)}
