"""The first schema: campaigns, the send ledger, addresses, events, outbox, counters."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None

UUID = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")
STATUSES = (
    "'scheduled', 'suppressed', 'cancelled', 'sent', 'failed', 'delivered', "
    "'opened', 'clicked', 'bounced', 'responded', 'unsubscribed', 'complained'"
)
STATES = "'reserved', 'handed', 'in_doubt', 'accepted', 'rejected', 'not_sent', 'voided', 'superseded'"
LIVE = sa.text("state IN ('reserved', 'handed', 'in_doubt', 'accepted')")


def upgrade() -> None:
    _outreach_campaigns()
    _outreach_messages()
    _addresses()
    _outreach_events()
    _unmatched_events()
    _outbox()
    _campaign_counters()
    _instance()
    if op.get_bind().dialect.name == "postgresql":
        _tune_for_postgresql()


def _outreach_campaigns() -> None:
    op.create_table(
        "outreach_campaigns",
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("property_id", UUID, nullable=False),
        sa.Column("owner_name", sa.String()),
        sa.Column("owner_email", sa.String(), nullable=False),
        sa.Column("owner_address_key", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("memo_url", sa.Text(), nullable=False),
        *(sa.Column(name, sa.String()) for name in ("sendgrid_message_id", "batch", "account")),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("scheduled_at", TIME),
        sa.Column("next_send_at", TIME),
        sa.Column("hold_reason", sa.String()),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        *(
            sa.Column(name, TIME)
            for name in (
                "sent_at",
                "delivered_at",
                "opened_at",
                "machine_opened_at",
                "clicked_at",
                "responded_at",
                "bounced_at",
                "unsubscribed_at",
                "complained_at",
                "failed_at",
            )
        ),
        sa.Column("response_text", sa.Text()),
        sa.Column("is_interested", sa.Boolean()),
        sa.Column("greeting", sa.String()),
        sa.Column("country", sa.String(length=2)),
        sa.Column("consent_basis", sa.String()),
        sa.Column("consent_source", sa.String()),
        sa.Column("last_error", sa.Text()),
        sa.Column("property_record", JSON, nullable=False),
        sa.Column("score_result", JSON, nullable=False),
        sa.Column("context", JSON),
        sa.CheckConstraint(
            "next_send_at IS NULL OR (status = 'scheduled' AND hold_reason IS NULL)", name="ck_outreach_campaigns_due"
        ),
        sa.CheckConstraint(
            f"status IN ({STATUSES})",
            name="ck_outreach_campaigns_status",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outreach_campaigns"),
        sa.UniqueConstraint("tenant_id", "property_id", name="uq_outreach_campaigns_property"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index("ix_outreach_campaigns_address", "outreach_campaigns", ["tenant_id", "owner_address_key", "status"])
    op.create_index(
        "ix_outreach_campaigns_due",
        "outreach_campaigns",
        ["tenant_id", "next_send_at"],
        postgresql_where=sa.text("next_send_at IS NOT NULL"),
        sqlite_where=sa.text("next_send_at IS NOT NULL"),
    )
    op.create_index("ix_outreach_campaigns_status", "outreach_campaigns", ["tenant_id", "status", "id"])


def _outreach_messages() -> None:
    op.create_table(
        "outreach_messages",
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("campaign_id", UUID, nullable=False),
        sa.Column("step", sa.SmallInteger(), nullable=False),
        sa.Column("attempt", sa.SmallInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        *(sa.Column(name, sa.String()) for name in ("account", "address_key", "subject", "lease_token")),
        sa.Column("lease_until", TIME),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("handed_at", TIME),
        sa.Column("accepted_at", TIME),
        sa.Column("sendgrid_message_id", sa.String()),
        sa.Column("error", sa.Text()),
        *(
            sa.Column(name, TIME)
            for name in (
                "sent_at",
                "delivered_at",
                "opened_at",
                "machine_opened_at",
                "clicked_at",
                "failed_at",
                "bounced_at",
            )
        ),
        sa.CheckConstraint(
            f"state IN ({STATES})",
            name="ck_outreach_messages_state",
        ),
        sa.ForeignKeyConstraint(
            ["tenant_id", "campaign_id"],
            ["outreach_campaigns.tenant_id", "outreach_campaigns.id"],
            name="fk_outreach_messages_campaign",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outreach_messages"),
        sa.UniqueConstraint("tenant_id", "campaign_id", "step", "attempt", name="uq_outreach_messages_attempt"),
        postgresql_with={"fillfactor": "70"},
    )
    op.create_index(
        "ix_outreach_messages_leased",
        "outreach_messages",
        ["lease_until"],
        postgresql_where=sa.text("lease_until IS NOT NULL"),
        sqlite_where=sa.text("lease_until IS NOT NULL"),
    )
    op.create_index(
        "ix_outreach_messages_sendgrid_id",
        "outreach_messages",
        ["sendgrid_message_id"],
        postgresql_where=sa.text("sendgrid_message_id IS NOT NULL"),
        sqlite_where=sa.text("sendgrid_message_id IS NOT NULL"),
    )
    op.create_index(
        "uq_outreach_messages_live",
        "outreach_messages",
        ["tenant_id", "campaign_id", "step"],
        unique=True,
        postgresql_where=LIVE,
        sqlite_where=LIVE,
    )


def _addresses() -> None:
    op.create_table(
        "addresses",
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("address_key", sa.String(), nullable=False),
        sa.Column("suppressed_at", TIME),
        sa.Column("suppression_reason", sa.String(length=16)),
        sa.Column("suppression_source", sa.String()),
        sa.Column("hold_reason", sa.String()),
        sa.Column("last_handed_at", TIME),
        sa.Column("soft_bounces", sa.Integer(), server_default="0", nullable=False),
        sa.CheckConstraint(
            "(suppressed_at IS NULL) = (suppression_reason IS NULL)", name="ck_addresses_suppression_has_reason"
        ),
        sa.PrimaryKeyConstraint("tenant_id", "address_key", name="pk_addresses"),
    )


def _outreach_events() -> None:
    op.create_table(
        "outreach_events",
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("campaign_id", UUID, nullable=False),
        sa.Column("message_id", UUID),
        sa.Column("event_type", sa.String(length=80), nullable=False),
        sa.Column("event_data", JSON, nullable=False),
        sa.Column("occurred_at", TIME, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.Column("dedupe_key", sa.String(length=64), nullable=False),
        sa.Column("sg_event_id", sa.Text()),
        sa.ForeignKeyConstraint(
            ["tenant_id", "campaign_id"],
            ["outreach_campaigns.tenant_id", "outreach_campaigns.id"],
            name="fk_outreach_events_campaign",
        ),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outreach_events"),
        sa.UniqueConstraint("tenant_id", "dedupe_key", name="uq_outreach_events_dedupe"),
    )
    op.create_index("ix_outreach_events_campaign", "outreach_events", ["tenant_id", "campaign_id", "occurred_at"])
    op.create_index(
        "uq_outreach_events_sg_event_id",
        "outreach_events",
        ["tenant_id", "sg_event_id"],
        unique=True,
        postgresql_where=sa.text("sg_event_id IS NOT NULL"),
        sqlite_where=sa.text("sg_event_id IS NOT NULL"),
    )


def _unmatched_events() -> None:
    op.create_table(
        "unmatched_events",
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", sa.String()),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("event_data", JSON, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("dedupe_key", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("dedupe_key"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("type", sa.String(length=64), nullable=False),
        sa.Column("payload", JSON, nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("lease_until", TIME),
        sa.Column("published_at", TIME),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_outbox"),
    )
    op.create_index(
        "ix_outbox_unpublished",
        "outbox",
        ["id"],
        postgresql_where=sa.text("published_at IS NULL"),
        sqlite_where=sa.text("published_at IS NULL"),
    )


def _campaign_counters() -> None:
    op.create_table(
        "campaign_counters",
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("stripe", sa.SmallInteger(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "status", "stripe", name="pk_campaign_counters"),
        postgresql_with={"fillfactor": "50"},
    )


def _instance() -> None:
    op.create_table(
        "instance",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("updated_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )


def _tune_for_postgresql() -> None:
    # Rows of these tables are updated several times in their first hours. Waiting for the default 20 % of dead rows
    # would let the due and lease indexes fill with dead entries that every claim wades through.
    settings = "autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02"
    for table in ("outreach_campaigns", "outreach_messages", "campaign_counters", "outbox"):
        op.execute(f"ALTER TABLE {table} SET ({settings})")
