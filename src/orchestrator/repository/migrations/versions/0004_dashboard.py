"""The dashboard: names and zones of tenants, batches of campaigns by label, webhook batches as they came in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

# Frozen as they were then: later changes of the code must not change what this migration builds.
UUID = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
TIME = sa.DateTime(timezone=True)
JSON = sa.JSON(none_as_null=True).with_variant(JSONB(none_as_null=True), "postgresql")


def upgrade() -> None:
    with op.batch_alter_table("tenants") as table:
        table.add_column(sa.Column("name", sa.String()))
        table.add_column(sa.Column("time_zone", sa.String()))
    labelled = sa.text("batch IS NOT NULL")
    op.create_index(
        "ix_outreach_campaigns_batch",
        "outreach_campaigns",
        ["tenant_id", "batch", "id"],
        postgresql_where=labelled,
        sqlite_where=labelled,
    )
    op.create_table(
        "webhook_batches",
        sa.Column("id", UUID, nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("milliseconds", sa.Integer(), nullable=False),
        sa.Column("trust", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=False),
        sa.Column("why", sa.Text()),
        sa.Column("events", sa.Integer()),
        sa.Column("new", sa.Integer()),
        sa.Column("duplicate", sa.Integer()),
        sa.Column("unknown", sa.Integer()),
        sa.Column("headers", JSON, nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_batches"),
    )
    if op.get_bind().dialect.name == "postgresql":  # bodies are compressed already; to try again gains nothing
        op.execute("ALTER TABLE webhook_batches ALTER COLUMN body SET STORAGE EXTERNAL")
    troubled = sa.text("outcome <> 'stored'")
    op.create_index(
        "ix_webhook_batches_troubled",
        "webhook_batches",
        ["id"],
        postgresql_where=troubled,
        sqlite_where=troubled,
    )
    op.create_index("ix_webhook_batches_received_at", "webhook_batches", ["received_at"])
    _replies()


def _replies() -> None:
    waiting = "kind = 'human' AND released_at IS NULL AND label IN ('question', 'interested', 'other', 'legal')"
    for name, where, column in (
        ("ix_replies_waiting", sa.text(waiting), "id"),
        ("ix_replies_labelled", sa.text("labelled_at IS NOT NULL"), "labelled_at"),
    ):
        op.create_index(name, "replies", ["tenant_id", column], postgresql_where=where, sqlite_where=where)
    op.create_index("ix_replies_labels", "replies", ["tenant_id", "kind", "label", "id"])
