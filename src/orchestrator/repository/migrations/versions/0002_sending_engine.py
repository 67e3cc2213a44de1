"""The sending engine: accounts, tenants and workers as rows, and what reconciling an attempt in doubt needs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

# Frozen as they were then: later changes of the code must not change what this migration builds.
UUID = sa.Uuid(as_uuid=False).with_variant(sa.String(36), "sqlite")
TIME = sa.DateTime(timezone=True)
STATES = ("reserved", "handed", "in_doubt", "accepted", "rejected", "not_sent", "lost", "voided", "superseded")


def upgrade() -> None:
    _outreach_campaigns()
    _outreach_messages()
    _accounts()
    _tenants()
    _workers()


def _outreach_campaigns() -> None:
    held = sa.text("hold_reason IS NOT NULL")
    op.create_index(
        "ix_outreach_campaigns_held",
        "outreach_campaigns",
        ["tenant_id", "id"],
        postgresql_where=held,
        sqlite_where=held,
    )


def _outreach_messages() -> None:
    with op.batch_alter_table("outreach_messages") as table:
        table.add_column(sa.Column("reported_at", TIME))
        table.add_column(sa.Column("doubted_at", TIME))
        table.add_column(sa.Column("check_at", TIME))
        table.drop_constraint("ck_outreach_messages_state", type_="check")
        table.create_check_constraint("ck_outreach_messages_state", f"state IN ({', '.join(map(repr, STATES))})")
    op.create_index(
        "ix_outreach_messages_check",
        "outreach_messages",
        ["check_at"],
        postgresql_where=sa.text("check_at IS NOT NULL"),
        sqlite_where=sa.text("check_at IS NOT NULL"),
    )
    partial = {
        "in_doubt": "state = 'in_doubt'",
        "duplicate": "accepted_at IS NOT NULL AND state IN ('lost', 'voided', 'not_sent', 'rejected')",
    }
    for name, rows in partial.items():
        where = sa.text(rows)
        op.create_index(
            f"ix_outreach_messages_{name}",
            "outreach_messages",
            ["tenant_id", "id"],
            postgresql_where=where,
            sqlite_where=where,
        )
    # What is in doubt already was never going to be looked at again.
    op.execute(
        "UPDATE outreach_messages SET doubted_at = CURRENT_TIMESTAMP, check_at = CURRENT_TIMESTAMP"
        " WHERE state = 'in_doubt'"
    )


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("account", sa.String(), nullable=False),
        sa.Column("next_free_at", TIME),
        sa.Column("not_before", TIME),
        sa.Column("paused_at", TIME),
        sa.Column("pause_kind", sa.String(length=16)),
        sa.Column("pause_reason", sa.Text()),
        sa.Column("probe_at", TIME),
        sa.Column("reported_through", TIME),
        sa.PrimaryKeyConstraint("account", name="pk_accounts"),
        sa.CheckConstraint(
            "(paused_at IS NULL) = (pause_kind IS NULL) AND (paused_at IS NULL) = (pause_reason IS NULL)",
            name="ck_accounts_pause_has_reason",
        ),
        postgresql_with={"fillfactor": "50"},
    )


def _tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("tenant_id", UUID, nullable=False),
        sa.Column("paused_at", TIME),
        sa.Column("pause_reason", sa.Text()),
        sa.Column("missed_policy", sa.String(length=8)),
        sa.Column("missed_after", sa.Integer()),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenants"),
        sa.CheckConstraint("(paused_at IS NULL) = (pause_reason IS NULL)", name="ck_tenants_pause_has_reason"),
        sa.CheckConstraint("missed_policy IN ('send', 'skip', 'hold')", name="ck_tenants_missed_policy"),
        sa.CheckConstraint("missed_after >= 0", name="ck_tenants_missed_after"),
    )


def _workers() -> None:
    op.create_table(
        "workers",
        sa.Column("id", UUID, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("host", sa.String(), nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("version", sa.String(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("started_at", TIME, nullable=False),
        sa.Column("seen_at", TIME, nullable=False),
        sa.Column("sent", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_workers"),
    )
