"""What happened, and what is told of it."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.domain.specimen import Origin, SpecimenState
from orchestrator.repository.columns import UtcDateTime, json_type, one_of, uuid_type
from orchestrator.repository.tables.base import metadata, partial

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
partial(
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
partial("ix_outbox_unpublished", outbox.c.published_at.is_(None), outbox.c.id)

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

# Webhook batches as they came in, for whoever wonders why nothing moves; they belong to all tenants.
webhook_batches = sa.Table(
    "webhook_batches",
    metadata,
    sa.Column("id", uuid_type(), nullable=False),
    sa.Column("source", sa.String(16), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("milliseconds", sa.Integer, nullable=False),
    sa.Column("trust", sa.String(16), nullable=False),
    sa.Column("outcome", sa.String(16), nullable=False),
    sa.Column("why", sa.Text),
    sa.Column("events", sa.Integer),
    sa.Column("new", sa.Integer),
    sa.Column("duplicate", sa.Integer),
    sa.Column("unknown", sa.Integer),
    sa.Column("headers", json_type(), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    # Compressed; NULL when it was too large to keep.
    sa.Column("body", sa.LargeBinary),
    sa.PrimaryKeyConstraint("id", name="pk_webhook_batches"),
)
#: Batches that somebody may have to look at; all others were stored.
TROUBLED = sa.text("outcome <> 'stored'")
partial("ix_webhook_batches_troubled", TROUBLED, webhook_batches.c.id)
sa.Index("ix_webhook_batches_received_at", webhook_batches.c.received_at)

# Mails that somebody had sent to a colleague to look at. They belong to no campaign, and nothing is counted from them.
specimens = sa.Table(
    "test_mails",
    metadata,
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("id", uuid_type(), nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("asked_by", sa.String),
    sa.Column("to_email", sa.String, nullable=False),
    # What it shows: the records of a campaign, or a made-up mail.
    sa.Column("campaign_id", uuid_type()),
    sa.Column("sample", sa.String),
    sa.Column("subject", sa.String, nullable=False),
    # SHA-256 of the two templates.
    sa.Column("templates", sa.String(64), nullable=False),
    sa.Column("origin", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("sendgrid_message_id", sa.String),
    sa.Column("reported", sa.String(16)),
    sa.Column("reported_at", UtcDateTime),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_test_mails"),
    sa.CheckConstraint("(campaign_id IS NULL) <> (sample IS NULL)", name="ck_test_mails_one_subject"),
    one_of("origin", Origin, "ck_test_mails_origin"),
    one_of("state", SpecimenState, "ck_test_mails_state"),
)
sa.Index("ix_test_mails_asked_at", specimens.c.tenant_id, specimens.c.asked_at)
