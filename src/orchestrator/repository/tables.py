"""The tables. The migrations in `migrations/` build exactly these; a test compares the two.

Every table carries ``tenant_id`` and leads its keys with it, so that the schema can be spread over servers by tenant.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.message import LIVE_STATES, MessageState
from orchestrator.repository.columns import UtcDateTime, json_type, one_of, uuid_type

metadata = sa.MetaData()
_live = f"state IN ({', '.join(repr(str(s)) for s in LIVE_STATES)})"


def _partial(
    name: str, where: sa.ColumnElement[bool] | sa.TextClause, *columns: sa.Column[Any], unique: bool = False
) -> None:
    """Declare an index of those rows only that fulfil `where`; on most rows it costs nothing."""
    sa.Index(name, *columns, unique=unique, postgresql_where=where, sqlite_where=where)


campaigns = sa.Table(
    "outreach_campaigns",
    metadata,
    sa.Column("id", uuid_type(), nullable=False),
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("property_id", uuid_type(), nullable=False),
    sa.Column("owner_name", sa.String),
    sa.Column("owner_email", sa.String, nullable=False),
    sa.Column("owner_address_key", sa.String, nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("subject", sa.String, nullable=False),
    sa.Column("memo_url", sa.Text, nullable=False),
    sa.Column("sendgrid_message_id", sa.String),
    sa.Column("batch", sa.String),
    sa.Column("account", sa.String),
    sa.Column("step", sa.SmallInteger, nullable=False),
    sa.Column("scheduled_at", UtcDateTime),
    sa.Column("next_send_at", UtcDateTime),
    sa.Column("hold_reason", sa.String),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("opened_at", UtcDateTime),
    sa.Column("machine_opened_at", UtcDateTime),
    sa.Column("clicked_at", UtcDateTime),
    sa.Column("responded_at", UtcDateTime),
    sa.Column("bounced_at", UtcDateTime),
    sa.Column("unsubscribed_at", UtcDateTime),
    sa.Column("complained_at", UtcDateTime),
    sa.Column("failed_at", UtcDateTime),
    sa.Column("response_text", sa.Text),
    sa.Column("is_interested", sa.Boolean),
    sa.Column("greeting", sa.String),
    sa.Column("country", sa.String(2)),
    sa.Column("consent_basis", sa.String),
    sa.Column("consent_source", sa.String),
    sa.Column("last_error", sa.Text),
    sa.Column("property_record", json_type(), nullable=False),
    sa.Column("score_result", json_type(), nullable=False),
    sa.Column("context", json_type()),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outreach_campaigns"),
    sa.UniqueConstraint("tenant_id", "property_id", name="uq_outreach_campaigns_property"),
    one_of("status", OutreachStatus, "ck_outreach_campaigns_status"),
    # Only a scheduled campaign that nobody holds may be due: nothing else goes out by itself, or stands in the queue.
    sa.CheckConstraint(
        "next_send_at IS NULL OR (status = 'scheduled' AND hold_reason IS NULL)", name="ck_outreach_campaigns_due"
    ),
    postgresql_with={"fillfactor": "70"},
)
_partial(
    "ix_outreach_campaigns_due", campaigns.c.next_send_at.is_not(None), campaigns.c.tenant_id, campaigns.c.next_send_at
)
_partial("ix_outreach_campaigns_held", campaigns.c.hold_reason.is_not(None), campaigns.c.tenant_id, campaigns.c.id)
sa.Index("ix_outreach_campaigns_status", campaigns.c.tenant_id, campaigns.c.status, campaigns.c.id)
sa.Index("ix_outreach_campaigns_address", campaigns.c.tenant_id, campaigns.c.owner_address_key, campaigns.c.status)

messages = sa.Table(
    "outreach_messages",
    metadata,
    sa.Column("id", uuid_type(), nullable=False),
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("campaign_id", uuid_type(), nullable=False),
    sa.Column("step", sa.SmallInteger, nullable=False),
    sa.Column("attempt", sa.SmallInteger, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("account", sa.String),
    sa.Column("address_key", sa.String),
    sa.Column("subject", sa.String),
    sa.Column("lease_token", sa.String),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("handed_at", UtcDateTime),
    sa.Column("accepted_at", UtcDateTime),
    sa.Column("sendgrid_message_id", sa.String),
    sa.Column("error", sa.Text),
    sa.Column("sent_at", UtcDateTime),
    sa.Column("delivered_at", UtcDateTime),
    sa.Column("opened_at", UtcDateTime),
    sa.Column("machine_opened_at", UtcDateTime),
    sa.Column("clicked_at", UtcDateTime),
    sa.Column("failed_at", UtcDateTime),
    sa.Column("bounced_at", UtcDateTime),
    sa.Column("reported_at", UtcDateTime),
    sa.Column("doubted_at", UtcDateTime),
    sa.Column("check_at", UtcDateTime),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outreach_messages"),
    sa.UniqueConstraint("tenant_id", "campaign_id", "step", "attempt", name="uq_outreach_messages_attempt"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "campaign_id"],
        ["outreach_campaigns.tenant_id", "outreach_campaigns.id"],
        name="fk_outreach_messages_campaign",
    ),
    one_of("state", MessageState, "ck_outreach_messages_state"),
    postgresql_with={"fillfactor": "70"},
)
# Two live attempts of one step cannot exist, whatever the code believes.
_partial(
    "uq_outreach_messages_live",
    sa.text(_live),
    messages.c.tenant_id,
    messages.c.campaign_id,
    messages.c.step,
    unique=True,
)
_partial(
    "ix_outreach_messages_sendgrid_id", messages.c.sendgrid_message_id.is_not(None), messages.c.sendgrid_message_id
)
_partial("ix_outreach_messages_leased", messages.c.lease_until.is_not(None), messages.c.lease_until)
_partial("ix_outreach_messages_check", messages.c.check_at.is_not(None), messages.c.check_at)
#: Attempts in doubt, whether anybody still looks at them or not.
IN_DOUBT = sa.text("state = 'in_doubt'")
_partial("ix_outreach_messages_in_doubt", IN_DOUBT, messages.c.tenant_id, messages.c.id)
#: Attempts that had been given up, and were proved to have arrived after another mail had left in their place.
DUPLICATE = sa.text("accepted_at IS NOT NULL AND state IN ('lost', 'voided', 'not_sent', 'rejected')")
_partial("ix_outreach_messages_duplicate", DUPLICATE, messages.c.tenant_id, messages.c.id)

addresses = sa.Table(
    "addresses",
    metadata,
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("address_key", sa.String, nullable=False),
    sa.Column("suppressed_at", UtcDateTime),
    sa.Column("suppression_reason", sa.String(16)),
    sa.Column("suppression_source", sa.String),
    sa.Column("hold_reason", sa.String),
    sa.Column("last_handed_at", UtcDateTime),
    sa.Column("soft_bounces", sa.Integer, nullable=False, server_default="0"),
    sa.PrimaryKeyConstraint("tenant_id", "address_key", name="pk_addresses"),
    sa.CheckConstraint(
        "(suppressed_at IS NULL) = (suppression_reason IS NULL)", name="ck_addresses_suppression_has_reason"
    ),
)

events = sa.Table(
    "outreach_events",
    metadata,
    sa.Column("id", uuid_type(), nullable=False),
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("campaign_id", uuid_type(), nullable=False),
    sa.Column("message_id", uuid_type()),
    sa.Column("event_type", sa.String(80), nullable=False),
    sa.Column("event_data", json_type(), nullable=False),
    sa.Column("occurred_at", UtcDateTime, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("machine", sa.Boolean, nullable=False),
    sa.Column("dedupe_key", sa.String(64), nullable=False),
    sa.Column("sg_event_id", sa.Text),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outreach_events"),
    sa.UniqueConstraint("tenant_id", "dedupe_key", name="uq_outreach_events_dedupe"),
    sa.ForeignKeyConstraint(
        ["tenant_id", "campaign_id"],
        ["outreach_campaigns.tenant_id", "outreach_campaigns.id"],
        name="fk_outreach_events_campaign",
    ),
)
_partial(
    "uq_outreach_events_sg_event_id",
    events.c.sg_event_id.is_not(None),
    events.c.tenant_id,
    events.c.sg_event_id,
    unique=True,
)
sa.Index("ix_outreach_events_campaign", events.c.tenant_id, events.c.campaign_id, events.c.occurred_at)

unmatched_events = sa.Table(
    "unmatched_events",
    metadata,
    sa.Column("id", uuid_type(), primary_key=True),
    # What the event claims; nobody has checked it.
    sa.Column("tenant_id", sa.String),
    sa.Column("kind", sa.String(80), nullable=False),
    sa.Column("reason", sa.String, nullable=False),
    sa.Column("event_data", json_type(), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("dedupe_key", sa.String(64), nullable=False, unique=True),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", uuid_type(), nullable=False),
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("type", sa.String(64), nullable=False),
    sa.Column("payload", json_type(), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("lease_until", UtcDateTime),
    sa.Column("published_at", UtcDateTime),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outbox"),
)
_partial("ix_outbox_unpublished", outbox.c.published_at.is_(None), outbox.c.id)

counters = sa.Table(
    "campaign_counters",
    metadata,
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("stripe", sa.SmallInteger, nullable=False),
    sa.Column("n", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("tenant_id", "status", "stripe", name="pk_campaign_counters"),
    postgresql_with={"fillfactor": "50"},
)

instance = sa.Table(
    "instance",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sa.Column("updated_at", UtcDateTime, nullable=False),
)

# What all workers that send through one SendGrid account share: one row is exact across processes.
accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("account", sa.String, nullable=False),
    sa.Column("next_free_at", UtcDateTime),
    sa.Column("not_before", UtcDateTime),
    sa.Column("paused_at", UtcDateTime),
    sa.Column("pause_kind", sa.String(16)),
    sa.Column("pause_reason", sa.Text),
    sa.Column("probe_at", UtcDateTime),
    sa.Column("reported_through", UtcDateTime),
    sa.PrimaryKeyConstraint("account", name="pk_accounts"),
    sa.CheckConstraint(
        "(paused_at IS NULL) = (pause_kind IS NULL) AND (paused_at IS NULL) = (pause_reason IS NULL)",
        name="ck_accounts_pause_has_reason",
    ),
    postgresql_with={"fillfactor": "50"},
)

# What was decided for one tenant; most have no row.
tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("paused_at", UtcDateTime),
    sa.Column("pause_reason", sa.Text),
    sa.Column("missed_policy", sa.String(8)),
    sa.Column("missed_after", sa.Integer),
    sa.PrimaryKeyConstraint("tenant_id", name="pk_tenants"),
    sa.CheckConstraint("(paused_at IS NULL) = (pause_reason IS NULL)", name="ck_tenants_pause_has_reason"),
    sa.CheckConstraint("missed_policy IN ('send', 'skip', 'hold')", name="ck_tenants_missed_policy"),
    sa.CheckConstraint("missed_after >= 0", name="ck_tenants_missed_after"),
)

# Heartbeats of the processes that work on this database.
workers = sa.Table(
    "workers",
    metadata,
    sa.Column("id", uuid_type(), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("host", sa.String, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("version", sa.String, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("seen_at", UtcDateTime, nullable=False),
    sa.Column("sent", sa.BigInteger, nullable=False),
    sa.PrimaryKeyConstraint("id", name="pk_workers"),
)
