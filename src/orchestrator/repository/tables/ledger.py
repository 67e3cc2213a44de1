"""Campaigns, and the send ledger."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.domain.campaign import OutreachStatus
from orchestrator.domain.message import LIVE_STATES, MessageState
from orchestrator.repository.columns import UtcDateTime, json_type, one_of, uuid_type
from orchestrator.repository.tables.base import metadata, partial

_live = f"state IN ({', '.join(repr(str(s)) for s in LIVE_STATES)})"

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
partial(
    "ix_outreach_campaigns_due", campaigns.c.next_send_at.is_not(None), campaigns.c.tenant_id, campaigns.c.next_send_at
)
partial("ix_outreach_campaigns_held", campaigns.c.hold_reason.is_not(None), campaigns.c.tenant_id, campaigns.c.id)
partial(
    "ix_outreach_campaigns_batch",
    campaigns.c.batch.is_not(None),
    campaigns.c.tenant_id,
    campaigns.c.batch,
    campaigns.c.id,
)
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
partial(
    "uq_outreach_messages_live",
    sa.text(_live),
    messages.c.tenant_id,
    messages.c.campaign_id,
    messages.c.step,
    unique=True,
)
partial("ix_outreach_messages_sendgrid_id", messages.c.sendgrid_message_id.is_not(None), messages.c.sendgrid_message_id)
partial("ix_outreach_messages_leased", messages.c.lease_until.is_not(None), messages.c.lease_until)
partial("ix_outreach_messages_check", messages.c.check_at.is_not(None), messages.c.check_at)
#: Attempts in doubt, whether anybody still looks at them or not.
IN_DOUBT = sa.text("state = 'in_doubt'")
partial("ix_outreach_messages_in_doubt", IN_DOUBT, messages.c.tenant_id, messages.c.id)
#: Attempts that had been given up, and were proved to have arrived after another mail had left in their place.
DUPLICATE = sa.text("accepted_at IS NOT NULL AND state IN ('lost', 'voided', 'not_sent', 'rejected')")
partial("ix_outreach_messages_duplicate", DUPLICATE, messages.c.tenant_id, messages.c.id)
