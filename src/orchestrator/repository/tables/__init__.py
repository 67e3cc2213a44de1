"""The tables. The migrations in `migrations/` build exactly these; a test compares the two.

Every table carries ``tenant_id`` and leads its keys with it, so that the schema can be spread over servers by tenant.
"""

from __future__ import annotations

from orchestrator.repository.tables.base import metadata
from orchestrator.repository.tables.installation import accounts, instance, tenants, workers
from orchestrator.repository.tables.journal import (
    TROUBLED,
    counters,
    events,
    outbox,
    specimens,
    unmatched_events,
    webhook_batches,
)
from orchestrator.repository.tables.ledger import DUPLICATE, IN_DOUBT, campaigns, messages
from orchestrator.repository.tables.people import WAITING, addresses, lifted_suppressions, replies, suppressions

__all__ = [
    "DUPLICATE",
    "IN_DOUBT",
    "TROUBLED",
    "WAITING",
    "accounts",
    "addresses",
    "campaigns",
    "counters",
    "events",
    "instance",
    "lifted_suppressions",
    "messages",
    "metadata",
    "outbox",
    "replies",
    "specimens",
    "suppressions",
    "tenants",
    "unmatched_events",
    "webhook_batches",
    "workers",
]
