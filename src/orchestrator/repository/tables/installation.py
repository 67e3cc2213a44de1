"""The installation itself: accounts, tenants, workers, and what it remembers."""

from __future__ import annotations

import sqlalchemy as sa

from orchestrator.repository.columns import UtcDateTime, uuid_type
from orchestrator.repository.tables.base import metadata

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
    # How people call it, and the clock they live by (IANA name).
    sa.Column("name", sa.String),
    sa.Column("time_zone", sa.String),
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
