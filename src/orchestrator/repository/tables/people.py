"""What is known of people: their addresses, what must not be written to, and what they answered."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.repository.columns import UtcDateTime, json_type, uuid_type
from orchestrator.repository.tables.base import metadata, partial

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

partial("ix_addresses_until", addresses.c.suppressed_until.is_not(None), addresses.c.suppressed_until)

# Every reason there is not to write, each an entry of its own: to an address, about a property, to a domain. What an
# address row says of its suppression is the sum of its entries, so that mail costs one look.
suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # When it ends by itself; NULL: never.
    sa.Column("ends_at", UtcDateTime),
    sa.PrimaryKeyConstraint("tenant_id", "kind", "value", "reason", "source", name="pk_suppressions"),
    sa.CheckConstraint("kind IN ('address', 'property', 'domain')", name="ck_suppressions_kind"),
)

# Entries that somebody took back, and why: the record that an opt-out was not simply forgotten.
lifted_suppressions = sa.Table(
    "lifted_suppressions",
    metadata,
    sa.Column("id", uuid_type(), nullable=False),
    sa.Column("tenant_id", uuid_type(), nullable=False),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("value", sa.String, nullable=False),
    sa.Column("reason", sa.String(16), nullable=False),
    sa.Column("source", sa.String, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("lifted_at", UtcDateTime, nullable=False),
    sa.Column("lifted_by", sa.String),
    sa.Column("why", sa.String, nullable=False),
    sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_lifted_suppressions"),
)
sa.Index(
    "ix_lifted_suppressions_value",
    lifted_suppressions.c.tenant_id,
    lifted_suppressions.c.kind,
    lifted_suppressions.c.value,
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
    sa.Column("rule", sa.String(64)),
    sa.Column("rule_label", sa.String(16)),
    sa.Column("rule_words", json_type()),
    sa.Column("label", sa.String(16)),
    sa.Column("labelled_at", UtcDateTime),
    sa.Column("labelled_by", sa.String),
    sa.Column("matched_by", sa.String(16)),
    # Whose other mail waits until somebody has read this; NULL where no person wrote.
    sa.Column("address_key", sa.String),
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
partial(
    "ix_replies_holding",
    sa.text("address_key IS NOT NULL AND released_at IS NULL"),
    replies.c.tenant_id,
    replies.c.address_key,
)
partial("ix_replies_unmatched", replies.c.tenant_id.is_(None), replies.c.id)
#: Replies that somebody has to read and answer, in these very words wherever the index is to be used.
WAITING = sa.text("kind = 'human' AND released_at IS NULL AND label IN ('question', 'interested', 'other', 'legal')")
partial("ix_replies_waiting", WAITING, replies.c.tenant_id, replies.c.id)
partial("ix_replies_labelled", replies.c.labelled_at.is_not(None), replies.c.tenant_id, replies.c.labelled_at)
sa.Index("ix_replies_labels", replies.c.tenant_id, replies.c.kind, replies.c.label, replies.c.id)
