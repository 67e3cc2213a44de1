"""What is known of people: their addresses, what must not be written to, and what they answered."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.repository.columns import UtcDateTime, json_type, uuid_type
from orchestrator.repository.tables.base import metadata

addresses = sa.Table(
    "addresses",
    metadata,
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("address_key", sa.String, nullable=False),
    sa.Column("suppressed_at", UtcDateTime),
    sa.Column("suppression_reason", sa.String(16)),
    sa.Column("suppression_source", sa.String),
    # When it ends by itself; NULL: never. Only soft bounces end.
    sa.Column("suppressed_until", UtcDateTime),
    sa.Column("hold_reason", sa.String),
    sa.Column("last_handed_at", UtcDateTime),
    # Whose mail that was: another attempt of the same campaign is no second mail.
    sa.Column("last_campaign_id", uuid_type()),
    sa.Column("soft_bounces", sa.Integer, nullable=False, server_default="0"),
    sa.PrimaryKeyConstraint("tenant_id", "address_key", name="pk_addresses"),
    sa.CheckConstraint(
        "(suppressed_at IS NULL) = (suppression_reason IS NULL)", name="ck_addresses_suppression_has_reason"
    ),
)

# What is not one address: a property nobody may be written to about, a domain nobody may be written to at.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.PrimaryKeyConstraint("tenant_id", "kind", "value", name="pk_suppressions"),
    sa.CheckConstraint("kind IN ('property', 'domain')", name="ck_suppressions_kind"),
)

# Mail that came back. What nobody could be found for has no tenant, and is kept for a person.
replies = sa.Table(
    "replies",
    metadata,
    sa.Column("id", uuid_type(), nullable=False),
    sa.Column("tenant_id", uuid_type()),
    sa.Column("campaign_id", uuid_type()),
    sa.Column("message_id", uuid_type()),
    sa.Column("dedupe_key", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    # What a rule said, and the words that made it say so, stay when a person corrects the label.
    sa.Column("rule_label", sa.String(16)),
    sa.Column("rule_words", json_type()),
    sa.Column("label", sa.String(16)),
    sa.Column("labelled_at", UtcDateTime),
    sa.Column("labelled_by", sa.String),
    sa.Column("matched_by", sa.String(16)),
    sa.Column("from_email", sa.String),
    sa.Column("to_email", sa.String),
    sa.Column("subject", sa.String),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("headers", sa.Text, nullable=False),
    sa.Column("details", json_type(), nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("released_at", UtcDateTime),
    sa.PrimaryKeyConstraint("id", name="pk_replies"),
    sa.UniqueConstraint("dedupe_key", name="uq_replies_dedupe"),
    sa.CheckConstraint("(tenant_id IS NULL) = (campaign_id IS NULL)", name="ck_replies_matched"),
)
sa.Index("ix_replies_tenant", replies.c.tenant_id, replies.c.id)
sa.Index("ix_replies_campaign", replies.c.tenant_id, replies.c.campaign_id)
