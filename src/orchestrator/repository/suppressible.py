"""Which campaigns an entry of the suppression list is about."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.repository.campaigns import Key
from orchestrator.repository.engine import Transaction
from orchestrator.repository.tables import campaigns as table


class Place(NamedTuple):
    """Where a walk through the campaigns of a domain has come to."""

    address_key: str
    campaign_id: str


#: Sorts before every address and every campaign.
BEGINNING = Place("", "00000000-0000-0000-0000-000000000000")


def to_addresses(tx: Transaction, tenant_id: str, address_keys: Iterable[str], status: OutreachStatus) -> list[Key]:
    """Return keys of the tenant's campaigns to `address_keys` that have `status`."""
    query = sa.select(table.c.id).where(
        table.c.tenant_id == tenant_id,
        tx.dialect.among(table.c.owner_address_key, address_keys),
        table.c.status == status,
    )
    return [(tenant_id, campaign_id) for campaign_id in tx.execute(query).scalars()]


def of_properties(tx: Transaction, tenant_id: str, property_ids: Iterable[str], status: OutreachStatus) -> list[Key]:
    """Return keys of the tenant's campaigns about `property_ids` that have `status`."""
    query = sa.select(table.c.id).where(
        table.c.tenant_id == tenant_id, tx.dialect.among(table.c.property_id, property_ids), table.c.status == status
    )
    return [(tenant_id, campaign_id) for campaign_id in tx.execute(query).scalars()]


def in_domain(
    tx: Transaction, tenant_id: str, domain: str, status: OutreachStatus, after: Place, limit: int
) -> list[Place]:
    """Return up to `limit` of the tenant's campaigns to a domain that have `status`, behind `after`, by address.

    It walks along the tenant's addresses, because nothing is indexed by domain: rare work, and one pass for all of it.
    """
    key, ending = table.c.owner_address_key, f"@{domain}"
    query = sa.select(key, table.c.id).where(
        table.c.tenant_id == tenant_id,
        table.c.status == status,
        sa.func.substr(key, sa.func.length(key) - len(domain)) == ending,
        key >= after.address_key,
        sa.or_(key > after.address_key, table.c.id > after.campaign_id),
    )
    return [Place(*row) for row in tx.execute(query.order_by(key, table.c.id).limit(limit))]
