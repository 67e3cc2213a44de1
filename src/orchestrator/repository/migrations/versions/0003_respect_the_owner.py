"""Respect the owner: caps and ends of suppressions per address, suppressed properties and domains, replies."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# Frozen as they were then: later changes of the code must not change what this migration builds.
UUID = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("addresses") as table:
        table.add_column(sa.Column("suppressed_until", TIME))
        table.add_column(sa.Column("last_campaign_id", UUID))
    ended = sa.text("suppressed_until IS NOT NULL")
    op.create_index("ix_addresses_until", "addresses", ["suppressed_until"], postgresql_where=ended, sqlite_where=ended)
    _suppressions()
    _entries_of_addresses()
    _lifted_suppressions()
    _replies()


def _suppressions() -> None:
    op.create_table(
        "suppressions",
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("ends_at", TIME),
        sa.PrimaryKeyConstraint("tenant_id", "kind", "value", "reason", "source", name="pk_suppressions"),
        sa.CheckConstraint("kind IN ('address', 'property', 'domain')", name="ck_suppressions_kind"),
    )


def _entries_of_addresses() -> None:
    op.execute("""
        INSERT INTO suppressions (tenant_id, kind, value, reason, source, created_at)
        SELECT tenant_id, 'address', address_key, suppression_reason, coalesce(suppression_source, ''), suppressed_at
        FROM addresses WHERE suppressed_at IS NOT NULL""")


def _lifted_suppressions() -> None:
    op.create_table(
        "lifted_suppressions",
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("created_at", TIME, nullable=False),
        sa.Column("lifted_at", TIME, nullable=False),
        sa.Column("lifted_by", sa.String()),
        sa.Column("why", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_lifted_suppressions"),
    )
    op.create_index("ix_lifted_suppressions_value", "lifted_suppressions", ["tenant_id", "kind", "value"])


def _replies() -> None:
    op.create_table(
        "replies",
        sa.Column("id", UUID, nullable=False),
        sa.Column("tenant_id", UUID),
        sa.Column("campaign_id", UUID),
        sa.Column("message_id", UUID),
        sa.Column("dedupe_key", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("rule", sa.String(length=64)),
        sa.Column("rule_label", sa.String(length=16)),
        sa.Column("rule_words", JSON),
        sa.Column("label", sa.String(length=16)),
        sa.Column("labelled_at", TIME),
        sa.Column("labelled_by", sa.String()),
        sa.Column("matched_by", sa.String(length=16)),
        sa.Column("address_key", sa.String()),
        sa.Column("from_email", sa.String()),
        sa.Column("to_email", sa.String()),
        sa.Column("subject", sa.String()),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("headers", sa.Text(), nullable=False),
        sa.Column("details", JSON, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("released_at", TIME),
        sa.PrimaryKeyConstraint("id", name="pk_replies"),
        sa.UniqueConstraint("dedupe_key", name="uq_replies_dedupe"),
        sa.CheckConstraint("(tenant_id IS NULL) = (campaign_id IS NULL)", name="ck_replies_matched"),
    )
    op.create_index("ix_replies_tenant", "replies", ["tenant_id", "id"])
    op.create_index("ix_replies_campaign", "replies", ["tenant_id", "campaign_id"])
    _partial("ix_replies_holding", "address_key IS NOT NULL AND released_at IS NULL", "tenant_id", "address_key")
    _partial("ix_replies_unmatched", "tenant_id IS NULL", "id")


def _partial(name: str, where: str, *columns: str) -> None:
    op.create_index(name, "replies", list(columns), postgresql_where=sa.text(where), sqlite_where=sa.text(where))
