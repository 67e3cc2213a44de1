"""Test mails: who had a mail sent to a colleague to look at, and what became of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

# Frozen as they were then: later changes of the code must not change what this migration builds.
UUID = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "test_mails",
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("id", UUID, nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("asked_by", sa.String()),
        sa.Column("to_email", sa.String(), nullable=False),
        sa.Column("campaign_id", UUID),
        sa.Column("sample", sa.String()),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("templates", sa.String(length=64), nullable=False),
        sa.Column("origin", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("sendgrid_message_id", sa.String()),
        sa.Column("reported", sa.String(length=16)),
        sa.Column("reported_at", TIME),
        sa.PrimaryKeyConstraint("tenant_id", "id", name="pk_test_mails"),
        sa.CheckConstraint("(campaign_id IS NULL) <> (sample IS NULL)", name="ck_test_mails_one_subject"),
        sa.CheckConstraint("origin IN ('in_use', 'edit', 'folder')", name="ck_test_mails_origin"),
        sa.CheckConstraint(
            "state IN ('sending', 'accepted', 'rejected', 'not_sent', 'unknown')", name="ck_test_mails_state"
        ),
    )
    op.create_index("ix_test_mails_asked_at", "test_mails", ["tenant_id", "asked_at"])
